"""Read with several calls of IAM or EKS, by a client of boto3's; its errors are the caller's."""
# pyright: reportMissingTypeStubs=false

from collections.abc import Iterable, Iterator
from datetime import UTC
from typing import Any

from irsa.identity.arns import name_of
from irsa.identity.policy_json import Json
from irsa.identity.quotas import DEFAULT_ROLE_SESSION_DURATION
from irsa.identity.subjects import ServiceAccountRef
from irsa.observe.account_roles import document_of
from irsa.observe.associations import Association, Associations
from irsa.observe.existing_roles import EKSCTL_SERVICE_ACCOUNT, ExistingRole
from irsa.observe.facts import PermissionsPolicy, RegisteredProvider


def read_associations(client: Any, clusters: Iterable[str], **only: str) -> Associations:
    """The associations of clusters, or of the namespace and service account in ``only``. The list
    has no roles: each takes a call of its own.

    https://docs.aws.amazon.com/eks/latest/APIReference/API_ListPodIdentityAssociations.html
    """
    paginator = client.get_paginator("list_pod_identity_associations")
    pages = [page for name in clusters for page in paginator.paginate(clusterName=name, **only)]
    found: Associations = {}
    for each in [each for page in pages for each in page["associations"]]:
        answer: Json = client.describe_pod_identity_association(
            clusterName=each["clusterName"], associationId=each["associationId"]
        )["association"]
        association = association_of(answer)
        found[association.account] = association
    return found


def association_of(answer: Json) -> Association:
    """An association, from EKS's answer."""
    changed = answer.get("modifiedAt")
    return Association(
        arn=answer["associationArn"],
        account=ServiceAccountRef(answer["namespace"], answer["serviceAccount"]),
        role_arn=answer["roleArn"],
        target_role_arn=answer.get("targetRoleArn") or "",
        policy=answer.get("policy") or "",
        disable_session_tags=bool(answer.get("disableSessionTags")),
        owner_arn=answer.get("ownerArn") or "",
        external_id=answer.get("externalId") or "",
        # To the second, as Kubernetes writes the time of a Pod that it is compared with.
        changed=changed.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if changed else "",
        tags=answer.get("tags") or {},
    )


def clusters_with_issuer(client: Any, issuer_url: str) -> list[str]:
    """Names of the EKS clusters that have an issuer."""
    pages = client.get_paginator("list_clusters").paginate()
    names = [name for page in pages for name in page["clusters"]]
    found = [client.describe_cluster(name=name)["cluster"] for name in names]
    return [each["name"] for each in found if each["identity"]["oidc"]["issuer"] == issuer_url]


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
    role: Json = iam.get_role(RoleName=name)["Role"]
    attached = iam.get_paginator("list_attached_role_policies").paginate(RoleName=name)
    embedded = iam.get_paginator("list_role_policies").paginate(RoleName=name)
    tags = {tag["Key"]: tag["Value"] for tag in role.get("Tags", ())}
    account = tags.get(EKSCTL_SERVICE_ACCOUNT)
    return ExistingRole(
        arn=role["Arn"],
        trust_policy=document_of(role["AssumeRolePolicyDocument"], f"the trust policy of {name}"),
        description=role.get("Description", ""),
        max_session_duration=role.get("MaxSessionDuration", DEFAULT_ROLE_SESSION_DURATION),
        permissions_boundary=role.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn", ""),
        tags=tags,
        attached={each["PolicyArn"]: "" for page in attached for each in page["AttachedPolicies"]},
        inline=tuple(policy for page in embedded for policy in page["PolicyNames"]),
        origin=f"eksctl, for service account {account}" if account else "",
    )


def read_managed(iam: Any, arn: str) -> PermissionsPolicy:
    """A managed policy in its default version."""
    version = iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
    policy = iam.get_policy_version(PolicyArn=arn, VersionId=version)["PolicyVersion"]
    return PermissionsPolicy(name_of(arn), document_of(policy["Document"], f"policy {arn}"), arn)
