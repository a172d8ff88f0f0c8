"""What account B's program reads from account A's stack, and checks before it makes anything."""

from functools import cached_property
from typing import Any

import pulumi
from pulumi import Output

from components.account_b_settings import TargetSettings
from components.cross_account_role import TrustedRoleArgs
from components.stack_outputs import require_output


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

    def role_of(self, workload: TargetSettings) -> TrustedRoleArgs:
        """The workload's role A. Its unique id changes when the role is recreated."""
        path = ("workloads", workload.name)
        return TrustedRoleArgs(
            role_arn=require_output(self._stack, str, *path, "role_arn"),
            unique_id=require_output(self._stack, str, *path, "role_unique_id"),
        )

    def agreement(self, workload: TargetSettings, role_b_arn: str) -> Output[None]:
        """Resolves if account A's pods will ask for what account B is about to make.

        Ends the program with one line if not: the outputs are missing because account A was not
        brought up first, or the two configurations differ.
        """
        known = require_output(self._stack, dict, "workloads", workload.name)
        needed = require_output(self._stack, str, "workloads", workload.name, "role_b_arn")
        return Output.all(known, needed).apply(
            lambda found: _check_agreement(found[0], workload, role_b_arn)
        )


def _check_agreement(found: dict[str, Any], workload: TargetSettings, role_b_arn: str) -> None:
    ours = {"role_b_arn": role_b_arn, "via": workload.via, "external_id": workload.external_id}
    remedies = {
        "role_b_arn": "role.name and role.path",
        "via": "via",
        "external_id": "externalId",
    }
    for key, value in ours.items():
        if found.get(key) != value:
            raise pulumi.RunError(
                f"workload {workload.name!r}: account A uses {key} {found.get(key)!r} and this "
                f"stack {value!r}; make {remedies[key]} agree with account A's configuration"
            )
