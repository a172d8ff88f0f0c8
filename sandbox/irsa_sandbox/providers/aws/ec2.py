"""Rows of EC2: launch templates, with the settings of an instance's metadata service."""

from collections.abc import Sequence
from typing import Any, ClassVar

from typing_extensions import override

from irsa_core.identity.regions import partition_of_region

from ..resource import Properties
from ..values import UNKNOWN
from .table import (
    LISTED_TAGS,
    AwsSession,
    AwsType,
    Is,
    Property,
    changed,
    from_aws,
    outputs,
    picked,
    tag_changes,
    tags_as_list,
    to_aws,
)

_OPTIONS = ("httpEndpoint", "httpProtocolIpv6", "httpPutResponseHopLimit", "httpTokens")


class LaunchTemplateType(AwsType):
    """A launch template. A change makes a new version, and the default one stays the first."""

    service, noun, key = "ec2", "launch_template", ("LaunchTemplateId",)
    made_id = "LaunchTemplate.LaunchTemplateId"
    properties: ClassVar = {
        **outputs("arn region"),
        "defaultVersion": Property(Is.OUTPUT, "DefaultVersionNumber"),
        "description": Property(aws="VersionDescription", absent=""),
        "latestVersion": Property(Is.OUTPUT, "LatestVersionNumber"),
        "metadataOptions": Property(
            Is.FILLED | Is.PARTIAL,
            "LaunchTemplateData.MetadataOptions",
            absent={},
            sent=to_aws,
            shown=lambda options: picked(from_aws(options), _OPTIONS),
        ),
        # EC2 takes 128 characters, terraform-provider-aws 125.
        "name": Property(Is.REPLACING, "LaunchTemplateName", rule=r"[0-9A-Za-z()./_-]{3,125}"),
        **LISTED_TAGS,
    }
    changes = (("create_launch_template_version", ("description", "metadataOptions")),)

    @override
    def request(self, inputs: Properties, names: Sequence[str] | None = None) -> Properties:
        wanted = super().request(inputs, names or ("name", "description", "metadataOptions"))
        if names is None and (tags := inputs.get("tags")):
            kind = {"ResourceType": "launch-template", "Tags": tags_as_list(tags)}
            wanted["TagSpecifications"] = [kind]
        return wanted

    @override
    def found(self, session: AwsSession, client: Any, named: Properties) -> Any:
        ids = list(named.values())
        (template,) = client.describe_launch_templates(LaunchTemplateIds=ids)["LaunchTemplates"]
        newest = client.describe_launch_template_versions(**named, Versions=["$Latest"])
        arn = f"arn:{partition_of_region(session.region)}:ec2:{session.region}:{session.account}"
        return {
            **newest["LaunchTemplateVersions"][0],
            **template,
            "arn": f"{arn}:launch-template/{ids[0]}",
        }

    @override
    def retag(self, client: Any, named: Properties, olds: Properties, news: Properties) -> None:
        ids, (gone, new) = list(named.values()), tag_changes(olds, news)
        if gone:
            client.delete_tags(Resources=ids, Tags=[{"Key": name} for name in gone])
        if new:
            client.create_tags(Resources=ids, Tags=tags_as_list(new))

    @override
    def preview(
        self, session: AwsSession, inputs: Properties, state: Properties | None
    ) -> Properties:
        outputs = super().preview(session, inputs, state)
        if state is not None and changed(state, inputs, "description", "metadataOptions"):
            outputs["latestVersion"] = UNKNOWN
        return outputs
