"""ARNs: parsed, checked and made. Pure."""

import re
from typing import NewType

from irsa.identity.names import check_path, check_role_name

_ACCOUNT_ID = re.compile(r"[0-9]{12}")


_ROLE_ARN = re.compile(r"arn:aws(-[a-z]+)*:iam::[0-9]{12}:role(/[\x21-\x7e]+)?/[^/\s]+")


_PRINCIPAL_ARN = re.compile(r"arn:aws(-[a-z]+)*:iam::[0-9]{12}:(role|user)(/[\x21-\x7e]+)?/[^/\s]+")


_KEY_ARN = re.compile(r"arn:aws(-[a-z]+)*:kms:(?P<region>[a-z0-9-]+):[0-9]{12}:key/[A-Za-z0-9-]+")


_PROVIDER_ARN = re.compile(
    r"arn:(?P<partition>aws(-[a-z]+)*):iam::(?P<account>[0-9]{12}):oidc-provider/(?P<issuer>[^\s:]+)"
)


_POLICY_ARN = re.compile(r"arn:aws(-[a-z]+)*:iam::([0-9]{12}|aws):policy/[\x21-\x7e]+")


AccountId = NewType("AccountId", str)
"""12 digits. In YAML without quotes it is a number, which is the same unless it begins with 0."""


def check_account_id(account_id: str) -> str:
    """Return the account id, or raise ValueError."""
    if not _ACCOUNT_ID.fullmatch(account_id):
        raise ValueError(
            f"account id {account_id!r} is not 12 digits "
            "(put it in quotes, or YAML drops zeros at its beginning)"
        )
    return account_id


def issuer_from_provider_arn(provider_arn: str) -> str:
    """The issuer as IAM condition keys spell it: no scheme, no ARN in front.

    ValueError for anything but the ARN of an IAM OIDC provider; pulumi-eks gives ``""`` for a
    provider that it did not create.
    """
    match = _PROVIDER_ARN.fullmatch(provider_arn)
    if match is None:
        raise ValueError(
            f"{provider_arn!r} is not an OIDC provider ARN; expected "
            "arn:aws:iam::<account>:oidc-provider/<issuer without https://>"
        )
    return match["issuer"]


def provider_arn_for(issuer: str, account_id: str, *, partition: str = "aws") -> str:
    """The ARN that IAM gives the OIDC provider of an issuer (spelt without ``https://``)."""
    check_account_id(account_id)
    return f"arn:{partition}:iam::{account_id}:oidc-provider/{issuer}"


def role_arn(account_id: str, name: str, *, path: str = "/", partition: str = "aws") -> str:
    """The ARN that IAM will give a role, known before the role exists."""
    check_account_id(account_id)
    check_role_name(name)
    check_path(path)
    return f"arn:{partition}:iam::{account_id}:role{path}{name}"


def check_role_arn(arn: str) -> str:
    """Return the ARN of a role (not of a session of it), or raise ValueError."""
    if not _ROLE_ARN.fullmatch(arn):
        raise ValueError(
            f"{arn!r} is not the ARN of a role; expected arn:aws:iam::<account>:role/<name>"
        )
    return arn


def root_of_role(arn: str) -> str:
    """ARN of the account that a role belongs to, as a principal spells it."""
    _, partition, _, _, account, _ = check_role_arn(arn).split(":", 5)
    return f"arn:{partition}:iam::{account}:root"


def check_principal_arn(arn: str) -> str:
    """Return the ARN of a role or user, or raise ValueError."""
    if not _PRINCIPAL_ARN.fullmatch(arn):
        raise ValueError(
            f"{arn!r} is not the ARN of a role or user; expected "
            "arn:aws:iam::<account>:role/<name> (of the role, not of a session of it)"
        )
    return arn


def check_key_arn(arn: str, *, region: str | None = None) -> str:
    """Return the ARN of a KMS key, of that region if one is given, or raise ValueError."""
    match = _KEY_ARN.fullmatch(arn)
    if match is None:
        raise ValueError(
            f"{arn!r} is not the ARN of a KMS key; "
            "expected arn:aws:kms:<region>:<account>:key/<id> (not an alias)"
        )
    if region not in (None, match["region"]):
        raise ValueError(f"key {arn} is not in region {region}, where the cluster is")
    return arn


def check_policy_arn(arn: str) -> str:
    """Return the ARN of a managed policy, or raise ValueError."""
    if not _POLICY_ARN.fullmatch(arn):
        raise ValueError(
            f"{arn!r} is not the ARN of a managed policy; "
            "expected arn:aws:iam::<account or aws>:policy/<name>"
        )
    return arn
