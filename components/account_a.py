"""What account B's program reads from account A's stack, and checks before it makes anything."""

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import pulumi
from pulumi import Output

from components.account_b_settings import TargetSettings
from components.stack_outputs import pick, require_output

_REMEDIES = {"role_b_arn": "role.name and role.path", "via": "via", "external_id": "externalId"}


class AccountA:
    """Account A's stack, through the one reference that account B has to it.

    The reference is made when something is read, so that a stack that reads nothing comes first.
    """

    def __init__(self, stack_name: str) -> None:
        self._stack_name = stack_name

    @cached_property
    def _stack(self) -> pulumi.StackReference:
        return pulumi.StackReference(self._stack_name)

    @property
    def issuer_url(self) -> Output[str]:
        """Issuer of the cluster's tokens."""
        return require_output(self._stack, str, "issuer_url")

    def workload(self, target: TargetSettings, role_b_arn: str) -> Output[dict[str, str]]:
        """What account A says of the workload, if it fits what account B is about to make.

        Ends the program with one line if not: the outputs are missing because account A was not
        brought up first, or the two configurations differ.
        """
        workloads = require_output(self._stack, dict, "workloads")
        return workloads.apply(
            lambda found: _checked(self._stack_name, {"workloads": found}, target, role_b_arn)
        )


def _checked(
    stack: str, outputs: Mapping[str, Any], target: TargetSettings, role_b_arn: str
) -> dict[str, str]:
    path = ("workloads", target.name)
    pick(stack, outputs, str, *path, "role_b_arn")
    theirs = pick(stack, outputs, dict, *path)
    ours = {"role_b_arn": role_b_arn, "via": target.via, "external_id": target.external_id}
    for key, value in ours.items():
        if theirs.get(key) != value:
            raise pulumi.RunError(
                f"workload {target.name!r}: account A uses {key} {theirs.get(key)!r} and this "
                f"stack {value!r}; make {_REMEDIES[key]} agree with account A's configuration"
            )
    if target.via == "oidc-provider":
        return {}
    return {
        key: pick(stack, outputs, str, *path, key)
        for key in ("role_arn", "role_unique_id")  # the id changes when the role is recreated
    }
