"""IAM policy documents. Pure: plain values in, plain documents out."""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple

from irsa_core.identity import policy_json
from irsa_core.identity.arns import (
    account_of,
    check_role_arn,
    is_oidc_provider,
    issuer_from_provider_arn,
    partition_of,
    root_arn,
)
from irsa_core.identity.eks import STS_AUDIENCE
from irsa_core.identity.names import check_external_id
from irsa_core.identity.quotas import TRUST_POLICY_QUOTA
from irsa_core.identity.subjects import ServiceAccountRef, Subject

VERSION: Final = "2012-10-17"

Document = dict[str, Any]

PERMISSIONS: Final = ("read", "read-write", "full")
"""Levels of access to a bucket; ``full`` is every S3 action on it."""

# https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html
_BUCKET_ACTIONS: Final[dict[str, list[str]]] = {
    "read": ["s3:GetBucketLocation", "s3:ListBucket"],
    "read-write": ["s3:GetBucketLocation", "s3:ListBucket", "s3:ListBucketMultipartUploads"],
}
_OBJECT_ACTIONS: Final[dict[str, list[str]]] = {
    "read": ["s3:GetObject"],
    "read-write": [
        "s3:AbortMultipartUpload",
        "s3:DeleteObject",
        "s3:GetObject",
        "s3:ListMultipartUploadParts",
        "s3:PutObject",
    ],
}


ConditionEntry = tuple[str, str, str | list[str]]
"""Operator, key and value of a statement's ``Condition``."""


def condition_block(*conditions: ConditionEntry) -> dict[str, dict[str, str | list[str]]]:
    """Group conditions by operator; ValueError for a key given twice under one operator.

    A literal dict cannot do this safely: a second ``"StringEquals"`` entry replaces the first
    silently, and a role that anyone may assume looks finished.
    """
    block: dict[str, dict[str, str | list[str]]] = {}
    for operator, key, value in conditions:
        keys = block.setdefault(operator, {})
        if key in keys:
            raise ValueError(f"condition {operator} {key} is given twice")
        keys[key] = value
    return block


def document(*statements: Document) -> Document:
    """Return the policy of these statements."""
    return {"Version": VERSION, "Statement": list(statements)}


def trust_statement(
    principal: Document, action: str | list[str], *conditions: ConditionEntry
) -> Document:
    """Return a statement of a trust policy that allows a principal."""
    statement: Document = {"Effect": "Allow", "Principal": principal, "Action": action}
    return {**statement, "Condition": condition_block(*conditions)} if conditions else statement


def one_or_list(values: Sequence[str]) -> str | list[str]:
    """Return a single value as text, as IAM's own examples write it."""
    return values[0] if len(values) == 1 else list(values)


def irsa_trust_policy(
    provider_arns: Sequence[str],
    subjects: Iterable[Subject],
    *,
    audience: str = STS_AUDIENCE,
    quota: int = TRUST_POLICY_QUOTA,
) -> Document:
    """Trust service accounts of the clusters whose OIDC providers are given, and nothing else.

    Conditions of one statement are ANDed, so exact subjects and patterns stand in two statements,
    and each cluster has its own. Subjects of one kind share a statement, which is smaller.
    The issuer in the condition keys is cut out of the provider's ARN, so the two cannot disagree.

    ValueError when there is no provider or no subject, or when the document exceeds ``quota``.
    https://docs.aws.amazon.com/eks/latest/userguide/associate-service-account-role.html
    """
    by_operator: dict[str, set[str]] = {"StringEquals": set(), "StringLike": set()}
    for subject in subjects:
        operator = "StringEquals" if isinstance(subject, ServiceAccountRef) else "StringLike"
        by_operator[operator].add(subject.subject)
    statements: list[Document] = []
    for provider_arn in dict.fromkeys(provider_arns):
        issuer = issuer_from_provider_arn(provider_arn)
        statements += [
            trust_statement(
                {"Federated": provider_arn},
                "sts:AssumeRoleWithWebIdentity",
                ("StringEquals", f"{issuer}:aud", audience),
                (operator, f"{issuer}:sub", one_or_list(sorted(names))),
            )
            for operator, names in by_operator.items()
            if names
        ]
    if not statements:
        raise ValueError("a trust policy needs at least one OIDC provider and one subject")
    return check_trust_size(document(*statements), quota)


def check_trust_size(policy: Document, quota: int) -> Document:
    """Return a trust policy that is not above ``quota`` characters, or raise ValueError."""
    if size(policy) > quota:
        clusters = len(_provider_sizes(policy))
        fit = clusters + (further_clusters(policy, quota) or 0)
        raise ValueError(
            f"the trust policy has {size(policy)} characters and the quota is {quota}: trust "
            f"fewer subjects or clusters{f' ({fit} of {clusters} fit)' if fit > 0 else ''}, use a "
            "pattern, or have AWS raise the quota and set trust_policy_quota"
        )
    return policy


def further_clusters(policy: Document, quota: int = TRUST_POLICY_QUOTA) -> int | None:
    """Return how many more clusters a trust policy has room for, if their statements are as long as
    the longest that are there; negative above the quota, None if it trusts no OIDC provider."""
    longest = max(_provider_sizes(policy).values(), default=None)
    return longest and (quota - size(policy)) // longest


def _provider_sizes(policy: Document) -> Counter[str]:
    sizes = Counter[str]()
    for each in policy_json.statements(policy):
        for provider in filter(is_oidc_provider, policy_json.principals(each, "Federated")):
            sizes[provider] += size(each) + len(",")
    return sizes


class TrustedRole(NamedTuple):
    """A role that role B trusts, and the ``AROA…`` id that IAM stores for it."""

    arn: str
    unique_id: str


def role_trust_policy(roles: Iterable[TrustedRole], *, external_id: str | None = None) -> Document:
    """Trust roles by ARN: the far end of role chaining.

    IAM stores a role principal as its unique id: when the role is recreated, the ARN here is still
    the same and the trust is broken. With the id in the ``Sid`` the document differs, so that the
    next deployment writes it again (decision 0014).
    """
    return document(
        *(
            {
                "Sid": f"AssumeFrom{role.unique_id}",
                **_assume_role_statement(check_role_arn(role.arn), external_id),
            }
            for role in sorted(set(roles))
        )
    )


def principal_arn_trust_policy(
    role_arns: Iterable[str], *, external_id: str | None = None
) -> Document:
    """Trust roles by condition: survives that they are recreated, and they need not exist yet.

    The principal is their account, so the condition alone keeps everybody else out.
    """
    of_account: dict[str, list[str]] = {}
    for arn in sorted(set(role_arns)):
        account = root_arn(account_of(check_role_arn(arn)), partition=partition_of(arn))
        of_account.setdefault(account, []).append(arn)
    return document(
        *(
            _assume_role_statement(
                account, external_id, ("ArnEquals", "aws:PrincipalArn", one_or_list(arns))
            )
            for account, arns in of_account.items()
        )
    )


def _assume_role_statement(
    principal: str, external_id: str | None, *conditions: ConditionEntry
) -> Document:
    if external_id is not None:
        conditions += (("StringEquals", "sts:ExternalId", check_external_id(external_id)),)
    return trust_statement({"AWS": principal}, "sts:AssumeRole", *conditions)


def assume_role_permissions_policy(*role_arns: str, tag_session: bool = False) -> Document:
    """Permission to assume exactly these roles, and nothing else.

    ``tag_session``: with session tags, as EKS Pod Identity assumes a target role.
    """
    actions = ["sts:AssumeRole", "sts:TagSession"] if tag_session else ["sts:AssumeRole"]
    arns = [check_role_arn(arn) for arn in role_arns]
    return document(
        {"Effect": "Allow", "Action": one_or_list(actions), "Resource": one_or_list(arns)}
    )


def check_key_prefix(prefix: str) -> None:
    """Raise ValueError for a prefix of keys that a policy would match more widely than it reads."""
    if set(prefix) & set("*?$"):
        raise ValueError(f"prefix {prefix!r} has one of *?$, which a policy takes as a pattern")
    if prefix and not prefix.endswith("/"):
        raise ValueError(f"prefix {prefix!r} also matches {prefix + '2'!r}; end it with '/'")


def bucket_permissions_policy(
    bucket_arn: str, permissions: str = "read", prefix: str = ""
) -> Document:
    """Permissions on one bucket and its objects: one of `PERMISSIONS`, limited to the keys that
    begin with a prefix."""
    objects = f"{bucket_arn}/{prefix}*"
    if permissions == "full":
        return document(_allow("Everything", "s3:*", [bucket_arn, objects]))
    in_bucket = [_allow("Bucket", _BUCKET_ACTIONS[permissions], bucket_arn)]
    if prefix:
        # S3 has no such key for the list of uploads, so that is left out.
        limit = condition_block(("StringLike", "s3:prefix", f"{prefix}*"))
        listing = _allow("List", "s3:ListBucket", bucket_arn) | {"Condition": limit}
        in_bucket = [_allow("Bucket", "s3:GetBucketLocation", bucket_arn), listing]
    return document(*in_bucket, _allow("Objects", _OBJECT_ACTIONS[permissions], objects))


def _allow(sid: str, action: str | list[str], resource: str | list[str]) -> Document:
    return {"Sid": sid, "Effect": "Allow", "Action": action, "Resource": resource}


def tls_only_bucket_policy(bucket_arn: str) -> Document:
    """Refuse every request to a bucket that does not come over TLS, from any caller.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/security-best-practices.html
    """
    return document({
        "Sid": "TlsOnly",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [bucket_arn, f"{bucket_arn}/*"],
        "Condition": condition_block(("Bool", "aws:SecureTransport", "false")),
    })  # fmt: skip


def service_trust_policy(service: str) -> Document:
    """Trust an AWS service, such as ``ec2.amazonaws.com``, whose machines take the role."""
    return document(trust_statement({"Service": service}, "sts:AssumeRole"))


def size(policy: object) -> int:
    """Characters that IAM counts of a document against a quota: all but white space."""
    return size_of_text(json.dumps(policy, separators=(",", ":"), ensure_ascii=False))


def size_of_text(text: str) -> int:
    """Return the size of a document that is text."""
    return sum(not character.isspace() for character in text)
