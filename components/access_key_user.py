"""System 1: an IAM user with a static access key. For comparison and local debugging."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import pulumi
import pulumi_aws as aws
from pulumi import Input, Output, ResourceOptions

from irsa.identity.names import check_path, check_user_name

from .after import after
from .existing import refuse_existing_in_aws
from .logical_names import iam_name
from .specs import check_key_version


@dataclass(frozen=True, kw_only=True)
class AccessKeyUserArgs:
    """Arguments of `AccessKeyUser`."""

    user_name: str
    """Physical name of the user."""

    policy_arns: Mapping[str, Input[str]] = field(default_factory=dict)
    """Managed policies to attach, keyed by the name that goes into the child's URN."""

    key_version: int = 1
    """Counts the keys. One more creates the next key, and when everything that uses the key's
    outputs has been updated, the one before is deleted. IAM allows two keys of a user, so an update
    that failed in between must be run to its end before the next rotation."""

    path: str = "/"
    """IAM path of the user."""

    def __post_init__(self) -> None:
        check_user_name(self.user_name)
        check_path(self.path)
        check_key_version(self.key_version)


class AccessKeyUser(pulumi.ComponentResource):
    """A user whose access key never expires, whoever holds it."""

    user_name: Output[str]
    """Name of the user."""

    access_key_id: Output[str]
    """Id of the current key, once the policies are attached."""

    secret_access_key: Output[str]
    """The key itself; secret."""

    def __init__(
        self, name: str, args: AccessKeyUserArgs, opts: ResourceOptions | None = None
    ) -> None:
        super().__init__("irsa:index:AccessKeyUser", name, {}, opts)
        pulumi.log.warn(
            f"user {args.user_name!r} has a static access key: it never expires and works for "
            "whoever holds it, while IRSA's credentials end by themselves and belong to one "
            "service account. Keep it to local debugging.",
            self,
        )

        logical_name = iam_name(args.path, args.user_name)

        user = aws.iam.User(
            logical_name,
            name=args.user_name,
            path=args.path,
            opts=ResourceOptions(
                parent=self,
                hooks=refuse_existing_in_aws(
                    f"user {logical_name}", self.get_provider("aws:iam/user:User")
                ),
            ),
        )
        attachments = [
            aws.iam.UserPolicyAttachment(
                f"{logical_name}-{key}",
                user=user.name,
                policy_arn=policy_arn,
                opts=ResourceOptions(parent=self),
            )
            for key, policy_arn in args.policy_arns.items()
        ]
        # A resource of its own per version: Pulumi deletes what left the program after everything
        # else has been updated, so both keys work until the last pod has the new one.
        key = aws.iam.AccessKey(
            f"{logical_name}-v{args.key_version}",
            user=user.name,
            opts=ResourceOptions(parent=self),
        )

        self.user_name = user.name
        self.access_key_id = after(key.id, *attachments)
        self.secret_access_key = Output.secret(key.secret)
        self.register_outputs({"user_name": self.user_name, "access_key_id": self.access_key_id})
