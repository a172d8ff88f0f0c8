"""What a stack of this project says of its workloads, and what it owns. Pure.

From its outputs or from its state. Only a state says what the stack owns; from outputs alone, it is
taken to own the roles, service accounts and Deployments that they name.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from irsa.identity.policy_json import Json


class Thing(NamedTuple):
    """Something in AWS or in the cluster."""

    kind: str
    """``role``, ``policy``, ``inline policy``, ``attachment``, ``OIDC provider``, ``bucket``,
    ``bucket policy``, ``service account``, ``annotation``, ``deployment`` or ``configmap``."""
    name: str
    """Its ARN, or what it is called: ``NAMESPACE/NAME``, ``ROLE:POLICY``."""

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


@dataclass(frozen=True, slots=True)
class Stack:
    """A Pulumi stack: what it is called, and what it makes."""

    name: str
    """As `pulumi --stack` takes it; empty when it is not known."""
    owned: frozenset[Thing]


@dataclass(frozen=True, slots=True)
class StackWorkload:
    """One workload of account A's stack; empty where the stack says nothing."""

    name: str
    namespace: str
    service_account: str
    role_arn: str
    deployment: str = ""
    bucket: str = ""
    role_b_arn: str = ""
    profile: str = ""
    external_id: str = ""


def outputs_of(document: Json) -> Json:
    """The outputs in a `pulumi stack export`, a state file, or a `pulumi stack output --json`.

    ValueError for anything else.
    """
    resources = _resources(document)
    if resources is None:
        return document
    for resource in resources:
        if resource.get("type") == STACK_TYPE:
            return resource.get("outputs") or {}
    raise ValueError("the stack's state holds no stack; run `pulumi up` first")


STACK_TYPE = "pulumi:pulumi:Stack"


def _resources(document: Json) -> list[Json] | None:
    """The resources of a state; None for any other document."""
    deployment: Json | None = document.get("deployment")
    if deployment is None and "checkpoint" in document:
        deployment = document["checkpoint"].get("latest")
    return None if deployment is None else deployment.get("resources") or []


def stack_of(document: Json, name: str = "") -> Stack:
    """The stack; ``name`` is what the user calls it, when they gave a name and not a file."""
    resources = _resources(document)
    if resources is None:
        return Stack(name, frozenset(_named_in_outputs(document)))
    own = [each for each in resources if not (each.get("external") or each.get("delete"))]
    owned = frozenset(thing for each in own for thing in _things(each))
    return Stack(name or _name(document, resources), owned)


def _name(document: Json, resources: list[Json]) -> str:
    """The stack's name in a state: whole in a state file, in an export the last part of it."""
    checkpoint: Json = document.get("checkpoint") or {}
    if checkpoint.get("stack"):
        return str(checkpoint["stack"])
    urns = (str(each["urn"]) for each in resources if each.get("type") == STACK_TYPE)
    return next((urn.removeprefix("urn:pulumi:").partition("::")[0] for urn in urns), "")


def _named_in_outputs(outputs: Json) -> Iterator[Thing]:
    workloads: dict[str, Json] | None = outputs.get("workloads")
    for each in workloads.values() if isinstance(workloads, dict) else ():
        if each.get("role_arn"):
            yield Thing("role", each["role_arn"])
        # Without one, the entry is a role for a service account that somebody else annotates.
        if each.get("deployment"):
            yield Thing("annotation", f"{each['namespace']}/{each['service_account']}")
            yield Thing("deployment", f"{each['namespace']}/{each['deployment']}")


_BY_ARN = {
    "aws:iam/role:Role": "role",
    "aws:iam/policy:Policy": "policy",
    "aws:iam/openIdConnectProvider:OpenIdConnectProvider": "OIDC provider",
}
_BY_ID = {
    "aws:s3/bucket:Bucket": "bucket",
    "aws:s3/bucketV2:BucketV2": "bucket",
    "aws:s3/bucketPolicy:BucketPolicy": "bucket policy",
    "aws:iam/rolePolicy:RolePolicy": "inline policy",
}
_IN_CLUSTER = {
    "kubernetes:core/v1:ServiceAccount": ("service account", "annotation"),
    # A patch owns the annotation that it writes, and not the account.
    "kubernetes:core/v1:ServiceAccountPatch": ("annotation",),
    "kubernetes:core/v1:ConfigMap": ("configmap",),
    "kubernetes:apps/v1:Deployment": ("deployment",),
}


def _things(resource: Json) -> Iterator[Thing]:
    """What a resource of a state stands for."""
    kind = str(resource.get("type"))
    outputs: Json = resource.get("outputs") or {}
    if kind in _BY_ARN and "arn" in outputs:
        yield Thing(_BY_ARN[kind], outputs["arn"])
    elif kind in _BY_ID and "id" in resource:
        yield Thing(_BY_ID[kind], resource["id"])
    elif kind == "aws:iam/rolePolicyAttachment:RolePolicyAttachment":
        yield Thing("attachment", f"{outputs.get('role')}:{outputs.get('policyArn')}")
    elif kind in _IN_CLUSTER:
        metadata: Json = outputs.get("metadata") or {}
        name = f"{metadata.get('namespace', 'default')}/{metadata.get('name')}"
        yield from (Thing(each, name) for each in _IN_CLUSTER[kind])


def workloads_of(outputs: Json) -> list[StackWorkload]:
    """The workloads that run as a service account with a role.

    ValueError when the outputs are not those of account A's stack.
    """
    return [
        StackWorkload(
            name=name,
            namespace=each["namespace"],
            service_account=each["service_account"],
            # With direct federation the Pods assume role B themselves.
            role_arn=each.get("role_arn") or each["role_b_arn"],
            deployment=each.get("deployment", ""),
            bucket=each.get("bucket", ""),
            role_b_arn=each.get("role_b_arn", "") if each.get("role_arn") else "",
            profile=each.get("profile", ""),
            external_id=each.get("external_id") or "",
        )
        for name, each in _workloads(outputs).items()
        if not _why_skipped(each)
    ]


def skipped_of(outputs: Json) -> dict[str, str]:
    """The other workloads, with the reason why there is no chain to walk. ValueError as above."""
    reasons = {name: _why_skipped(each) for name, each in _workloads(outputs).items()}
    return {name: reason for name, reason in reasons.items() if reason}


def _workloads(outputs: Json) -> dict[str, Json]:
    workloads: dict[str, Json] | None = outputs.get("workloads")
    if not isinstance(workloads, dict):
        raise ValueError(
            "the stack has no output 'workloads'; give the stack of project irsa, after an up"
        )
    return workloads


def _why_skipped(workload: Json) -> str:
    if not (workload.get("role_arn") or workload.get("role_b_arn")):
        return "no role"
    return "" if workload.get("service_account") else "no service account of its own"
