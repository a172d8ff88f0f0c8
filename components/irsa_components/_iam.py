"""IAM resources that several components create alike: managed policies and attachments."""

import json
from collections.abc import Mapping, Sequence
from typing import TypeVar

import pulumi_aws as aws
from pulumi import CustomResource, Input, Output, Resource, ResourceOptions, RunError

from irsa.identity.names import check_policy_name
from irsa.identity.policies import Document, size
from irsa.identity.quotas import POLICY_SIZE_MAX

T = TypeVar("T")


def iam_name(path: str, name: str) -> str:
    """Return the logical name of an IAM role or user: its path and name.

    Named after itself and not after its workload, it survives a rename of the workload. IAM cannot
    move it to another path, so a role with another path is another role.
    """
    return f"{path}{name}".removeprefix("/")


def wait_for(value: Output[T], *resources: CustomResource) -> Output[T]:
    """Return ``value`` once those resources exist.

    A pod that waits for its role's ARN must not start before the role's policies are attached.
    """
    return Output.all(value, *[resource.id for resource in resources]).apply(lambda all_: all_[0])


def managed_policy(
    name: str, document: Output[Document], *, description: str, parent: Resource
) -> aws.iam.Policy:
    """Create a managed policy of that physical and logical name.

    IAM cannot change the description of a policy, so it must not depend on the document.
    """

    def text(complete: Document) -> str:
        if size(complete) > POLICY_SIZE_MAX:
            raise RunError(
                f"policy {name!r} has {size(complete)} characters; IAM accepts {POLICY_SIZE_MAX}, "
                "name fewer resources"
            )
        return json.dumps(complete)

    return aws.iam.Policy(
        check_policy_name(name),
        name=name,
        description=description,
        policy=document.apply(text),
        opts=ResourceOptions(parent=parent),
    )


def attach_policies(
    role: aws.iam.Role,
    logical_name: str,
    policy_arns: Mapping[str, Input[str]],
    *,
    parent: Resource,
    imported_from: str | None = None,
) -> list[aws.iam.RolePolicyAttachment]:
    """Attach managed policies to a role; import those of the role ``imported_from``.

    Only plain ARNs are imported: a policy that the program creates is not attached yet.
    """
    return [
        aws.iam.RolePolicyAttachment(
            f"{logical_name}-{key}",
            role=role.name,
            policy_arn=policy_arn,
            opts=ResourceOptions(
                parent=parent,
                import_=f"{imported_from}/{policy_arn}"
                if imported_from and isinstance(policy_arn, str)
                else None,
            ),
        )
        for key, policy_arn in policy_arns.items()
    ]


def remove_other_policies(
    role: aws.iam.Role,
    logical_name: str,
    policy_arns: Mapping[str, Input[str]],
    *,
    after: Sequence[aws.iam.RolePolicyAttachment],
    parent: Resource,
) -> None:
    """Detach every managed policy but these from a role, and delete its inline policies.

    https://www.pulumi.com/registry/packages/aws/api-docs/iam/rolepolicyattachmentsexclusive/
    """
    # After the attachments: the resource attaches what is missing, too.
    opts = ResourceOptions(parent=parent, depends_on=list(after))
    aws.iam.RolePolicyAttachmentsExclusive(
        logical_name, role_name=role.name, policy_arns=list(policy_arns.values()), opts=opts
    )
    aws.iam.RolePoliciesExclusive(logical_name, role_name=role.name, policy_names=[], opts=opts)
