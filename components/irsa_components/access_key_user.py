"""An IAM user with a static access key, for comparison and local debugging."""

from collections.abc import Mapping
from dataclasses import field
from typing import Annotated

import pulumi
import pulumi_aws as aws
from pulumi import Input, Output, ResourceOptions

from irsa_core.identity.arns import check_policy_arns

from . import values
from ._component import Component, ComponentArgs
from ._roles import iam_name, wait_for


@values.arguments
class AccessKeyUserArgs(ComponentArgs):
    """Arguments of `AccessKeyUser`."""

    noun = "user"

    user_name: values.UserName | None = None
    """Physical name of the user; by default Pulumi makes one."""

    policy_arns: Mapping[str, Input[values.PolicyArn]] = field(default_factory=dict)
    """Managed policies to attach, keyed by the name that goes into the child's URN."""

    # A date too; Pulumi's numbers are floating-point ones, exact up to this.
    key_version: Annotated[int, values.within(range(1, 2**53))] = 1
    """Number of the key, from 1. The next number creates a new key, updates what uses the key's
    outputs, and then deletes the old key. IAM allows two keys of a user, so finish an `up` that
    failed in between before you rotate again."""

    path: values.IamPath = "/"
    """IAM path of the user."""

    def __post_init__(self) -> None:
        check_policy_arns(self.owner(), self.policy_arns)


class AccessKeyUser(Component):
    """An IAM user with one access key, which never expires."""

    user_name: Output[str]
    """Name of the user."""

    access_key_id: Output[str]
    """Id of the current key, once the policies are attached."""

    secret_access_key: Output[str]
    """The key itself; secret."""

    def __init__(
        self, name: str, args: AccessKeyUserArgs, opts: ResourceOptions | None = None
    ) -> None:
        super().__init__("AccessKeyUser", name, args, opts)
        pulumi.log.warn(
            f"{self._owner} has a static access key: it never expires and works from any "
            "machine, while IRSA's credentials expire and belong to one service account. Use it "
            "for local debugging only.",
            self,
        )

        logical_name = iam_name(args.path, args.user_name, name)
        user = self.user = aws.iam.User(
            logical_name,
            name=args.user_name,
            path=args.path,
            opts=self.child_options("user", aws.iam.User),
        )
        attachments = [
            aws.iam.UserPolicyAttachment(
                f"{logical_name}-{key}",
                user=user.name,
                policy_arn=policy_arn,
                opts=self.child_options(key, aws.iam.UserPolicyAttachment),
            )
            for key, policy_arn in args.policy_arns.items()
        ]
        # A resource of its own per version: Pulumi deletes what left the program after everything
        # else has been updated, so both keys work until the last pod has the new one.
        key = aws.iam.AccessKey(
            f"{logical_name}-v{args.key_version}",
            user=user.name,
            opts=self.child_options("key", aws.iam.AccessKey),
        )

        self.user_name = user.name if args.user_name else user.id
        self.access_key_id = wait_for(key.id, *attachments)
        self.secret_access_key = Output.secret(key.secret)
        self.register_outputs({"user_name": self.user_name, "access_key_id": self.access_key_id})
