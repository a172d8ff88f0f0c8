"""What a stack of this project says of its workloads, from its outputs or its state. Pure."""

from dataclasses import dataclass
from typing import Any

from irsa.facts import Json


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
    deployment: Any = document.get("deployment")
    if deployment is None and "checkpoint" in document:
        deployment = document["checkpoint"].get("latest")
    if deployment is None:
        return document
    resources: list[Json] = deployment.get("resources") or []
    for resource in resources:
        if resource.get("type") == "pulumi:pulumi:Stack":
            return resource.get("outputs") or {}
    raise ValueError("the stack's state holds no stack; run `pulumi up` first")


def workloads_of(outputs: Json) -> list[StackWorkload]:
    """The workloads that run as a service account with a role.

    ValueError when the outputs are not those of account A's stack.
    """
    found: dict[str, Json] | None = outputs.get("workloads")
    if not isinstance(found, dict):
        raise ValueError(
            "the stack has no output 'workloads'; give the stack of project irsa, after an up"
        )
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
        for name, each in found.items()
        if each.get("service_account") and (each.get("role_arn") or each.get("role_b_arn"))
    ]
