"""EKS Pod Identity associations of the `aws` provider."""

from typing import Any, ClassVar

from typing_extensions import override

from irsa.identity.canonical import canonical

from ..resource import Created, Properties
from .types import AwsSession, AwsType, changed, retag_by_arn, two_parts

_NAMES = frozenset({"clusterName", "namespace", "serviceAccount"})
_SETTINGS = ("disableSessionTags", "policy", "roleArn", "targetRoleArn")
_INPUTS = _NAMES | {*_SETTINGS, "tags"}
"""Those of EKS. The provider has ``region`` too, which is its own by default."""
_OUTPUTS = frozenset({"associationArn", "associationId", "externalId", "tagsAll"})


class PodIdentityAssociation(AwsType):
    """A role for a service account's pods."""

    token = "aws:eks/podIdentityAssociation:PodIdentityAssociation"
    required = _NAMES | {"roleArn"}
    arns = frozenset({"roleArn", "targetRoleArn"})
    known = _INPUTS | {"region"}
    replace_on = _NAMES | {"region"}
    computed = _OUTPUTS | {"region"}
    filled = frozenset({"region"})
    documents = frozenset({"policy"})
    defaults: ClassVar[Properties] = {"disableSessionTags": False}

    @override
    def own_id(self, resource_id: str) -> str:
        return resource_id.rpartition(",")[2]

    @override
    def configured(self, session: AwsSession, news: Properties) -> Properties:
        news = super().configured(session, news)
        return {"region": session.region, **news} if session.account else news

    @override
    def create(self, session: AwsSession, inputs: Properties) -> Created:
        eks = session.client("eks", inputs["region"])
        association = eks.create_pod_identity_association(
            **{name: value for name, value in inputs.items() if name in _INPUTS}
        )["association"]
        return Created(association["associationId"])

    @override
    def live(self, session: AwsSession, resource_id: str, state: Properties) -> Properties | None:
        if "clusterName" in state:
            cluster, association_id = state["clusterName"], resource_id
        else:
            cluster, association_id = two_parts(resource_id, ",", "CLUSTER,ASSOCIATION-ID")
        region = state.get("region", session.region)
        eks = session.client("eks", region)
        found: dict[str, Any] = eks.describe_pod_identity_association(
            clusterName=cluster, associationId=association_id
        )["association"]
        return {
            **{name: value for name, value in found.items() if name in _INPUTS | _OUTPUTS},
            **({"policy": canonical(found["policy"])} if "policy" in found else {}),
            "region": region,
            "tags": found.get("tags", {}),
            "tagsAll": found.get("tags", {}),
        }

    @override
    def update(
        self, session: AwsSession, resource_id: str, olds: Properties, news: Properties
    ) -> None:
        eks = session.client("eks", olds["region"])
        if changed(olds, news, *_SETTINGS):
            # terraform-provider-aws leaves out what is not set, which EKS then leaves as it is.
            eks.update_pod_identity_association(
                clusterName=news["clusterName"],
                associationId=resource_id,
                **{name: news[name] for name in _SETTINGS if name in news},
            )
        retag_by_arn(eks, olds["associationArn"], olds, news)

    @override
    def remove(self, session: AwsSession, resource_id: str, state: Properties) -> None:
        session.client("eks", state["region"]).delete_pod_identity_association(
            clusterName=state["clusterName"], associationId=resource_id
        )


TYPES = (PodIdentityAssociation(),)
