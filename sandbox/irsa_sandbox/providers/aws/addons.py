"""Add-ons of EKS clusters: records in the sandbox, whose cluster runs none of them."""

from collections.abc import Callable
from typing import Any

from typing_extensions import override

from ..resource import Created, Properties, Refused
from .types import AwsSession, AwsType, changed, retag_by_arn, two_parts

_FOR_THE_PROVIDER = ("preserve", "resolveConflictsOnCreate", "resolveConflictsOnUpdate")
"""Inputs that EKS is told at an operation, and does not keep."""

_ROLE = "serviceAccountRoleArn"
_CHANGES = ("addonVersion", "configurationValues", _ROLE)
_ASSOCIATIONS = "podIdentityAssociations"
_FORM = "CLUSTER:ADD-ON"


class Addon(AwsType):
    """An add-on of a cluster, by its name in EKS's catalogue."""

    token = "aws:eks/addon:Addon"
    required = frozenset({"addonName", "clusterName"})
    known = required | {*_FOR_THE_PROVIDER, *_CHANGES, _ASSOCIATIONS, "tags"}
    replace_on = required
    arns = frozenset({_ROLE})
    filled = frozenset({"addonVersion", "configurationValues"})
    computed = frozenset({"arn", "createdAt", "modifiedAt", "region", "tagsAll"}) | filled

    @override
    def create(self, session: AwsSession, inputs: Properties) -> Created:
        cluster, name = inputs["clusterName"], inputs["addonName"]
        conflicts = inputs.get("resolveConflictsOnCreate")
        session.client("eks").create_addon(
            clusterName=cluster,
            addonName=name,
            tags=inputs.get("tags", {}),
            **({"resolveConflicts": conflicts} if conflicts else {}),
            **{each: inputs[each] for each in (*_CHANGES, _ASSOCIATIONS) if each in inputs},
        )
        return Created(f"{cluster}:{name}")

    @override
    def live(self, session: AwsSession, resource_id: str, state: Properties) -> Properties | None:
        cluster, name = two_parts(resource_id, ":", _FORM)
        eks = session.client("eks")
        addon = eks.describe_addon(clusterName=cluster, addonName=name)["addon"]
        return {
            **{each: state[each] for each in _FOR_THE_PROVIDER if each in state},
            "addonName": name,
            "addonVersion": addon["addonVersion"],
            "arn": addon["addonArn"],
            "clusterName": cluster,
            "configurationValues": addon.get("configurationValues", ""),
            "createdAt": addon["createdAt"].isoformat(),
            "modifiedAt": addon["modifiedAt"].isoformat(),
            _ASSOCIATIONS: [
                _association(eks, cluster, arn) for arn in addon.get(_ASSOCIATIONS, ())
            ],
            "region": session.region,
            "serviceAccountRoleArn": addon.get("serviceAccountRoleArn", ""),
            "tags": addon.get("tags", {}),
            "tagsAll": addon.get("tags", {}),
        }

    @override
    def update(
        self, session: AwsSession, resource_id: str, olds: Properties, news: Properties
    ) -> None:
        eks = session.client("eks")
        changes = {each: news.get(each, "") for each in _CHANGES if changed(olds, news, each)}
        if changes.get(_ROLE) == "":
            raise Refused(
                "InvalidParameterException: Cross-account pass role is not allowed. The aws "
                "provider asks for an empty role (terraform-provider-aws#30645); remove the add-on "
                "in one `up` and create it in the next"
            )
        if changed(olds, news, _ASSOCIATIONS):
            changes[_ASSOCIATIONS] = news.get(_ASSOCIATIONS, [])
        if changes:
            if _ROLE in news:  # EKS would take it away from an add-on that is updated without it
                changes[_ROLE] = news[_ROLE]
            conflicts = news.get("resolveConflictsOnUpdate")
            eks.update_addon(
                clusterName=news["clusterName"],
                addonName=news["addonName"],
                **({"resolveConflicts": conflicts} if conflicts else {}),
                **changes,
            )
        retag_by_arn(eks, olds["arn"], olds, news)

    @override
    def remove(self, session: AwsSession, resource_id: str, state: Properties) -> None:
        cluster, name = two_parts(resource_id, ":", _FORM)
        session.client("eks").delete_addon(
            clusterName=cluster, addonName=name, preserve=state.get("preserve") or False
        )


def _association(eks: Any, cluster: str, arn: str) -> Properties:
    found = eks.describe_pod_identity_association(
        clusterName=cluster, associationId=arn.rpartition("/")[2]
    )["association"]
    return {name: found[name] for name in ("roleArn", "serviceAccount")}


def _version(session: AwsSession, args: Properties) -> Properties:
    """The newest version of an add-on for a version of Kubernetes, or EKS's default one."""
    wanted = {name: args[name] for name in ("addonName", "kubernetesVersion")}
    newest = args.get("mostRecent") or False
    for found in _versions(session.client("eks"), wanted):
        if newest or any(each.get("defaultVersion") for each in found["compatibilities"]):
            return {
                **wanted,
                "id": wanted["addonName"],
                "mostRecent": newest,
                "region": session.region,
                "version": found["addonVersion"],
            }
    raise Refused(
        f"EKS has no version of add-on {wanted['addonName']!r} for Kubernetes "
        f"{wanted['kubernetesVersion']}"
    )


def _versions(eks: Any, wanted: Properties) -> list[dict[str, Any]]:
    """The versions of one add-on as EKS lists them, newest first."""
    addons = eks.describe_addon_versions(**wanted)["addons"]
    return [version for addon in addons for version in addon["addonVersions"]]


TYPES = (Addon(),)

FUNCTIONS: dict[str, Callable[[AwsSession, Properties], Properties]] = {
    "aws:eks/getAddonVersion:getAddonVersion": _version,
}
