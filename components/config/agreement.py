"""What account B's program reads from account A's stack, and checks before it makes anything."""

from collections.abc import Mapping
from typing import NamedTuple

import pulumi

from irsa.identity.arns import issuer_from_provider_arn

from ..cross_account_role import TrustedRoleArgs
from .account_b import AccountBSettings, TargetSettings
from .stack_outputs import StackOutputs

_REMEDIES = {"role_b_arn": "role.name and role.path", "via": "via", "external_id": "externalId"}


class AccountA(NamedTuple):
    """Account A, as far as account B has to know it."""

    issuer_url: str | None
    """Issuer of the cluster's tokens, if a workload comes with one of them."""

    roles: Mapping[str, TrustedRoleArgs]
    """Role A of each workload that chains, by the workload's name."""


async def read_account_a(settings: AccountBSettings) -> AccountA:
    """Read account A's stack, unless every workload says itself who its role A is.

    Ends the program with one line if an output is missing, because account A was not brought up
    first, or if the two configurations differ.
    """
    known: dict[str, TrustedRoleArgs] = {
        workload.name: TrustedRoleArgs(role_arn=settings.role_a_arn(workload, workload.role_a))
        for workload in settings.workloads
        if workload.role_a is not None
    }
    if len(known) == len(settings.workloads):
        return AccountA(None, known)
    default = f"{pulumi.get_organization()}/irsa/{pulumi.get_stack()}"
    outputs = await StackOutputs.read(settings.account_a_stack or default)
    for workload in settings.workloads:
        if workload.name not in known:
            _check_agreement(outputs, workload, settings.role_b_arn(workload))
    read = {
        workload.name: _role_a(outputs, workload)
        for workload in settings.workloads
        if workload.via == "role-chaining" and workload.name not in known
    }
    issuer_url = outputs.require(str, "issuer_url") if settings.audiences else None
    if issuer_url is not None and settings.provider_arn is not None:
        _check_issuer(settings.provider_arn, issuer_url)
    return AccountA(issuer_url, {**known, **read})


def _check_issuer(provider_arn: str, issuer_url: str) -> None:
    if issuer_url != f"https://{issuer_from_provider_arn(provider_arn)}":
        raise pulumi.RunError(
            f"irsa-account-b: OIDC provider {provider_arn} is not the one of account A's cluster, "
            f"whose issuer is {issuer_url}; correct providerArn, or remove it"
        )


def _role_a(outputs: StackOutputs, workload: TargetSettings) -> TrustedRoleArgs:
    path = ("workloads", workload.name)
    return TrustedRoleArgs(
        role_arn=outputs.require(str, *path, "role_arn"),
        # Another one when the role was recreated, which the ARN does not show.
        unique_id=outputs.require(str, *path, "role_unique_id"),
    )


def _check_agreement(outputs: StackOutputs, workload: TargetSettings, role_b_arn: str) -> None:
    outputs.require(str, "workloads", workload.name, "role_b_arn")
    theirs = outputs.require(dict, "workloads", workload.name)
    ours: dict[str, str | None] = {"role_b_arn": role_b_arn, "via": workload.via}
    if "profile" in theirs:  # of other pods, account A does not know what they send
        ours["external_id"] = workload.external_id
    for key, value in ours.items():
        if theirs.get(key) != value:
            raise pulumi.RunError(
                f"workload {workload.name!r}: account A uses {key} {theirs.get(key)!r} and this "
                f"stack {value!r}; make {_REMEDIES[key]} agree with account A's configuration"
            )
