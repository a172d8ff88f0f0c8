"""What takes several calls of IAM to read, by a client of boto3's; its errors are the caller's."""
# pyright: reportMissingTypeStubs=false

from collections.abc import Iterator
from typing import Any

from irsa.identity.arns import name_of
from irsa.observe.account_roles import document_of
from irsa.observe.existing_roles import ExistingRole, from_iam
from irsa.observe.facts import PermissionsPolicy, RegisteredProvider


def read_provider(iam: Any, arn: str) -> RegisteredProvider:
    """An OIDC provider."""
    provider = iam.get_open_id_connect_provider(OpenIDConnectProviderArn=arn)
    return RegisteredProvider(
        arn, tuple(provider["ClientIDList"]), tuple(provider.get("ThumbprintList", ()))
    )


def read_policies(iam: Any, role: str) -> Iterator[PermissionsPolicy]:
    """A role's permissions policies, embedded and attached."""
    for page in iam.get_paginator("list_role_policies").paginate(RoleName=role):
        for name in page["PolicyNames"]:
            policy = iam.get_role_policy(RoleName=role, PolicyName=name)
            yield PermissionsPolicy(
                name, document_of(policy["PolicyDocument"], f"{name} of role {role}")
            )
    for page in iam.get_paginator("list_attached_role_policies").paginate(RoleName=role):
        for attached in page["AttachedPolicies"]:
            yield read_managed(iam, attached["PolicyArn"])


def read_existing(iam: Any, name: str) -> ExistingRole:
    """A role with all that it has."""
    role = iam.get_role(RoleName=name)["Role"]
    role["AssumeRolePolicyDocument"] = document_of(
        role["AssumeRolePolicyDocument"], f"the trust policy of {name}"
    )
    attached = iam.get_paginator("list_attached_role_policies").paginate(RoleName=name)
    embedded = iam.get_paginator("list_role_policies").paginate(RoleName=name)
    return from_iam(
        role,
        [policy["PolicyArn"] for page in attached for policy in page["AttachedPolicies"]],
        [policy for page in embedded for policy in page["PolicyNames"]],
    )


def read_managed(iam: Any, arn: str) -> PermissionsPolicy:
    """A managed policy in its default version."""
    version = iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
    policy = iam.get_policy_version(PolicyArn=arn, VersionId=version)["PolicyVersion"]
    return PermissionsPolicy(name_of(arn), document_of(policy["Document"], f"policy {arn}"), arn)
