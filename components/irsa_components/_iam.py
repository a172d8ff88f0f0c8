"""IAM resources that several components create alike: managed policies and attachments."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

import pulumi_aws as aws
from pulumi import CustomResource, Input, Output, Resource, ResourceOptions, RunError

from irsa.identity.arns import partition_of
from irsa.identity.names import check_policy_name
from irsa.identity.policies import VERSION, Document, size
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


def check_policy_arns(
    owner: str, policy_arns: Mapping[str, Input[str]], *, beside: Iterable[Input[str]] = ()
) -> None:
    """Raise ValueError for a plain ARN in ``policy_arns`` that stands under two keys, as the
    attachment that goes first would detach it for both, or that is of another partition than the
    rest and the ARNs ``beside``."""
    keys: dict[str, str] = {}
    for key, arn in policy_arns.items():
        if isinstance(arn, str) and keys.setdefault(arn, key) != key:
            raise ValueError(
                f"{owner}: policy_arns[{key!r}] and policy_arns[{keys[arn]!r}] are both {arn!r}; "
                "remove one"
            )
    plain = [arn for arn in (*beside, *policy_arns.values()) if isinstance(arn, str)]
    for arn in plain[1:]:
        if partition_of(arn) != partition_of(plain[0]):
            raise ValueError(f"{owner}: {plain[0]!r} and {arn!r} are in two partitions; use one")


def check_statements(owner: str, statements: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the warnings of ``irsa audit`` about trust statements; ValueError for its errors, and
    for a statement without a principal or a condition."""
    if not statements:
        return []
    # Imported here: most programs give none, and the rules take a while to load.
    from irsa.decide.trust_policy import check_storable, compile_trust_policy
    from irsa.rules.tokens import TrustContext
    from irsa.rules.trust_policy import check_trust_policy

    for number, statement in enumerate(statements):
        argument = f"{owner}: further_statements[{number}]"
        if "Principal" not in statement or not statement.get("Condition"):
            raise ValueError(f"{argument} needs a Principal and a Condition; add what is missing")
        try:
            json.dumps(statement)
        except TypeError as error:
            raise ValueError(
                f"{argument}: {error}; give plain values, such as an ARN of role_arn()"
            ) from None
    document = {"Version": VERSION, "Statement": list(statements)}
    try:
        compile_trust_policy(document)
        check_storable(document)
        findings = list(check_trust_policy(document, TrustContext(), owner))
    except ValueError as error:
        raise ValueError(f"{owner}: further_statements: {error}") from None
    for each in findings:
        if each.severity == "error":
            raise ValueError(f"{owner}: further_statements: {each.found}; {each.remedy}")
    return [f"{owner}: further_statements: {each.found}; {each.remedy}" for each in findings]


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
