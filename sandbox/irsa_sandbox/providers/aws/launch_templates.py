"""Launch templates of the `aws` provider, with the settings of an instance's metadata service."""

from typing import Any

from typing_extensions import override

from ..resource import Created, Properties
from ..values import UNKNOWN
from .types import (
    AutoNamed,
    AwsSession,
    changed,
    retag_by_id,
    tags_as_list,
    tags_as_map,
)

_OPTIONS = ("httpEndpoint", "httpProtocolIpv6", "httpPutResponseHopLimit", "httpTokens")


class LaunchTemplate(AutoNamed):
    """A launch template. A change makes a new version, and the default one stays the first."""

    token = "aws:ec2/launchTemplate:LaunchTemplate"
    known = frozenset({"description", "metadataOptions", "name", "tags"})
    replace_on = frozenset({"name"})
    filled = frozenset({"metadataOptions"})
    computed = frozenset({"arn", "defaultVersion", "latestVersion", "region", "tagsAll"}) | filled
    partial = frozenset({"metadataOptions"})

    @override
    def create(self, session: AwsSession, inputs: Properties) -> Created:
        tags = [{"ResourceType": "launch-template", "Tags": tags_as_list(inputs.get("tags"))}]
        made = session.client("ec2").create_launch_template(
            LaunchTemplateName=inputs["name"],
            TagSpecifications=tags if inputs.get("tags") else [],
            **_version(inputs),
        )
        return Created(made["LaunchTemplate"]["LaunchTemplateId"])

    @override
    def live(self, session: AwsSession, resource_id: str, state: Properties) -> Properties | None:
        ec2 = session.client("ec2")
        (template,) = ec2.describe_launch_templates(LaunchTemplateIds=[resource_id])[
            "LaunchTemplates"
        ]
        (version,) = ec2.describe_launch_template_versions(
            LaunchTemplateId=resource_id, Versions=["$Latest"]
        )["LaunchTemplateVersions"]
        options = version["LaunchTemplateData"].get("MetadataOptions", {})
        tags = tags_as_map(template.get("Tags"))
        arn = f"arn:{session.partition}:ec2:{session.region}:{session.account}"
        return {
            "arn": f"{arn}:launch-template/{resource_id}",
            "defaultVersion": template["DefaultVersionNumber"],
            "description": version.get("VersionDescription", ""),
            "latestVersion": template["LatestVersionNumber"],
            "metadataOptions": {n: options[_pascal(n)] for n in _OPTIONS if _pascal(n) in options},
            "name": template["LaunchTemplateName"],
            "region": session.region,
            "tags": tags,
            "tagsAll": tags,
        }

    @override
    def update(
        self, session: AwsSession, resource_id: str, olds: Properties, news: Properties
    ) -> None:
        ec2 = session.client("ec2")
        if changed(olds, news, "description", "metadataOptions"):
            ec2.create_launch_template_version(LaunchTemplateId=resource_id, **_version(news))
        retag_by_id(ec2, resource_id, olds, news)

    @override
    def preview(
        self, session: AwsSession, inputs: Properties, state: Properties | None
    ) -> Properties:
        outputs = super().preview(session, inputs, state)
        if state is not None and changed(state, inputs, "description", "metadataOptions"):
            outputs["latestVersion"] = UNKNOWN
        return outputs

    @override
    def remove(self, session: AwsSession, resource_id: str, state: Properties) -> None:
        session.client("ec2").delete_launch_template(LaunchTemplateId=resource_id)


TYPES = (LaunchTemplate(),)


def _version(inputs: Properties) -> dict[str, Any]:
    options = inputs.get("metadataOptions", {})
    return {
        "VersionDescription": inputs.get("description", ""),
        "LaunchTemplateData": {
            "MetadataOptions": {_pascal(name): value for name, value in options.items()}
        },
    }


def _pascal(name: str) -> str:
    return name[0].upper() + name[1:]
