"""Access entries of an EKS cluster, and AWS's access policies on them."""

from typing import Any, ClassVar

from typing_extensions import override

from ..resource import Created, Properties, Refused
from .types import (
    AwsSession,
    AwsType,
    changed,
    retag_by_arn,
    two_parts,
)


class AccessEntry(AwsType):
    """An IAM principal that may use the cluster's API."""

    token = "aws:eks/accessEntry:AccessEntry"
    required = frozenset({"clusterName", "principalArn"})
    known = frozenset(
        {"clusterName", "kubernetesGroups", "principalArn", "tags", "type", "userName"}
    )
    replace_on = frozenset({"clusterName", "principalArn", "type"})
    filled = frozenset({"kubernetesGroups", "userName"})
    arns = frozenset({"principalArn"})
    computed = (
        frozenset({"accessEntryArn", "createdAt", "modifiedAt", "region", "tagsAll"}) | filled
    )
    sets = frozenset({"kubernetesGroups"})
    defaults: ClassVar[Properties] = {"type": "STANDARD"}

    @override
    def create(self, session: AwsSession, inputs: Properties) -> Created:
        user_name = {"username": inputs["userName"]} if "userName" in inputs else {}
        session.client("eks").create_access_entry(
            clusterName=inputs["clusterName"],
            principalArn=inputs["principalArn"],
            kubernetesGroups=inputs.get("kubernetesGroups", []),
            type=inputs["type"],
            tags=inputs.get("tags", {}),
            **user_name,
        )
        return Created(f"{inputs['clusterName']}:{inputs['principalArn']}")

    @override
    def live(self, session: AwsSession, resource_id: str, state: Properties) -> Properties | None:
        cluster, principal = two_parts(resource_id, ":", "CLUSTER:PRINCIPAL-ARN")
        entry = session.client("eks").describe_access_entry(
            clusterName=cluster, principalArn=principal
        )["accessEntry"]
        return {
            "accessEntryArn": entry["accessEntryArn"],
            "clusterName": cluster,
            "createdAt": entry["createdAt"].isoformat(),
            "kubernetesGroups": sorted(entry["kubernetesGroups"]),
            "modifiedAt": entry["modifiedAt"].isoformat(),
            "principalArn": principal,
            "region": session.region,
            "tags": entry.get("tags", {}),
            "tagsAll": entry.get("tags", {}),
            "type": entry["type"],
            "userName": entry["username"],
        }

    @override
    def update(
        self, session: AwsSession, resource_id: str, olds: Properties, news: Properties
    ) -> None:
        eks = session.client("eks")
        if changed(olds, news, "kubernetesGroups", "userName"):
            user_name = {"username": news["userName"]} if "userName" in news else {}
            eks.update_access_entry(
                clusterName=news["clusterName"],
                principalArn=news["principalArn"],
                kubernetesGroups=news.get("kubernetesGroups", []),
                **user_name,
            )
        retag_by_arn(eks, olds["accessEntryArn"], olds, news)

    @override
    def remove(self, session: AwsSession, resource_id: str, state: Properties) -> None:
        cluster, principal = two_parts(resource_id, ":", "CLUSTER:PRINCIPAL-ARN")
        session.client("eks").delete_access_entry(clusterName=cluster, principalArn=principal)


class AccessPolicyAssociation(AwsType):
    """One of AWS's access policies on an access entry. Nothing of it changes in place."""

    token = "aws:eks/accessPolicyAssociation:AccessPolicyAssociation"
    required = frozenset({"accessScope", "clusterName", "policyArn", "principalArn"})
    known = required
    replace_on = required
    computed = frozenset({"associatedAt", "modifiedAt", "region"})
    sets = frozenset({"accessScope.namespaces"})

    @override
    def create(self, session: AwsSession, inputs: Properties) -> Created:
        names = {name: inputs[name] for name in ("clusterName", "principalArn", "policyArn")}
        session.client("eks").associate_access_policy(**names, accessScope=inputs["accessScope"])
        return Created("#".join(names.values()))

    @override
    def live(self, session: AwsSession, resource_id: str, state: Properties) -> Properties | None:
        names = _three_parts(resource_id)
        wanted = names.pop("policyArn")
        answer = session.client("eks").list_associated_access_policies(**names)
        for policy in answer["associatedAccessPolicies"]:
            if policy["policyArn"] == wanted:
                scope = policy["accessScope"]
                namespaces = sorted(scope.get("namespaces", ()))
                return {
                    **names,
                    "accessScope": {
                        "type": scope["type"],
                        **({"namespaces": namespaces} if namespaces else {}),
                    },
                    "associatedAt": policy["associatedAt"].isoformat(),
                    "modifiedAt": policy["modifiedAt"].isoformat(),
                    "policyArn": wanted,
                    "region": session.region,
                }
        return None

    @override
    def remove(self, session: AwsSession, resource_id: str, state: Properties) -> None:
        session.client("eks").disassociate_access_policy(**_three_parts(resource_id))


def _three_parts(resource_id: str) -> dict[str, Any]:
    parts = resource_id.split("#")
    if len(parts) != 3 or not all(parts):
        raise Refused(
            f"{resource_id!r} is not an id of this type; expected CLUSTER#PRINCIPAL-ARN#POLICY-ARN"
        )
    return dict(zip(("clusterName", "principalArn", "policyArn"), parts, strict=True))


TYPES = (AccessEntry(), AccessPolicyAssociation())
