"""ARNs: parsed, checked and made; the only place that knows how one is written. Pure.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html
"""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from irsa_core.identity.names import check_path, check_role_name
from irsa_core.identity.quotas import ARN_MAX

_PARTITION = r"arn:(?P<partition>aws(?:-[a-z]+)*)"
_PATH = r"(?P<path>/(?:[\x21-\x7e]{1,510}/)?)"
_NAME = r"(?P<name>[A-Za-z0-9_+=,.@-]{1,64})"
_ACCOUNT = r"(?P<account>[0-9]{12})"
_ACCOUNT_ID = re.compile(r"[0-9]{12}")
_ROLE = re.compile(rf"{_PARTITION}:iam::{_ACCOUNT}:role{_PATH}{_NAME}")
_ROLE_OR_USER = re.compile(rf"{_PARTITION}:iam::{_ACCOUNT}:(?:role|user){_PATH}{_NAME}")
_SESSION = re.compile(rf"{_PARTITION}:sts::{_ACCOUNT}:assumed-role/{_NAME}/(?P<session>[^/:]+)")
_PROVIDER = re.compile(rf"{_PARTITION}:iam::{_ACCOUNT}:oidc-provider/(?P<issuer>[^\s:]+)")
_PRINCIPAL = re.compile(
    rf"{_PARTITION}:(?:"
    r"iam::[0-9]{12}:(?:(root)|(user|role)/[^\s:]+|(oidc-provider|saml-provider)/\S+)|"
    r"sts::[0-9]{12}:(?:(assumed-role)/[^\s/:]+|(federated-user))/[^\s/:]+)"
)
_POLICY = re.compile(rf"{_PARTITION}:iam::(?P<account>[0-9]{{12}}|aws):policy/[\x21-\x7e]+")
_KEY = re.compile(rf"{_PARTITION}:kms:[a-z0-9-]+:{_ACCOUNT}:key/[A-Za-z0-9-]+")
_CLUSTER = re.compile(
    rf"{_PARTITION}:eks:(?P<region>[a-z0-9-]+):{_ACCOUNT}:"
    r"cluster/(?P<name>[A-Za-z0-9][A-Za-z0-9_-]{0,99})"
)
_BEFORE_ISSUER = ":oidc-provider/"


class Arn(NamedTuple):
    """The six parts of any ARN. Nothing is checked but that they are there."""

    partition: str
    service: str
    region: str
    account: str
    """12 digits, ``aws`` for AWS's own resources, or empty, as for a bucket."""
    resource: str

    @property
    def kind(self) -> str:
        """The resource's type: ``role`` of ``role/path/name``, ``root`` of ``root``."""
        return self.resource.partition("/")[0].partition(":")[0]

    @property
    def name(self) -> str:
        """The resource's name, of a role without its path."""
        return name_of(self.resource)

    def __str__(self) -> str:
        return ":".join(("arn", *self))


class RoleArn(NamedTuple):
    """The parts of the ARN of a role."""

    partition: str
    account: str
    path: str
    """``/``, or begins and ends with it."""
    name: str

    def __str__(self) -> str:
        return f"arn:{self.partition}:iam::{self.account}:role{self.path}{self.name}"

    def session(self, session_name: str) -> str:
        """ARN of a session of the role, which does not show the role's path."""
        return f"arn:{self.partition}:sts::{self.account}:assumed-role/{self.name}/{session_name}"


class SessionArn(NamedTuple):
    """The parts of the ARN of a role's session."""

    partition: str
    account: str
    role_name: str
    session_name: str

    @property
    def role_arn(self) -> str:
        """ARN of a role of that name without a path; the session does not say which path it has."""
        return str(RoleArn(self.partition, self.account, "/", self.role_name))


class ProviderArn(NamedTuple):
    """The parts of the ARN of an IAM OIDC provider."""

    partition: str
    account: str
    issuer: str
    """Without ``https://``, as condition keys spell it."""

    def __str__(self) -> str:
        return f"arn:{self.partition}:iam::{self.account}{_BEFORE_ISSUER}{self.issuer}"


class ClusterArn(NamedTuple):
    """The parts of the ARN of an EKS cluster."""

    partition: str
    region: str
    account: str
    name: str

    def __str__(self) -> str:
        return f"arn:{self.partition}:eks:{self.region}:{self.account}:cluster/{self.name}"


def segments(text: str, most: int = 6) -> list[str]:
    """The parts of an ARN, or of what may be one: cut at its colons, and the last part keeps
    the colons that are left."""
    return text.split(":", most - 1)


def pattern_segments(text: str) -> list[str]:
    """The at most six parts of an ARN in a policy, which may have wildcards and variables: the
    colon of ``${aws:PrincipalTag/team}`` does not count."""
    if "${" not in text:
        return segments(text)
    parts: list[str] = []
    start, inside = 0, False
    for position, character in enumerate(text):
        if character == ":" and not inside and len(parts) < 5:
            parts.append(text[start:position])
            start = position + 1
        elif character in "{}":
            inside = character == "{"
    return [*parts, text[start:]]


def parse_arn(text: str) -> Arn | None:
    """The parts of an ARN; None for anything else."""
    parts = segments(text)
    return Arn(*parts[1:]) if len(parts) == 6 and parts[0] == "arn" else None


def kind_of_principal(text: str) -> str:
    """``root``, ``user``, ``role``, ``assumed-role``, ``federated-user``, ``oidc-provider`` or
    ``saml-provider`` for an ARN that has the form of one of them; empty for anything else."""
    match = _PRINCIPAL.fullmatch(text)
    return match[match.lastindex or 0] if match else ""


def account_of(arn: str) -> str:
    """The account that an ARN names; empty when it names none, or is not an ARN."""
    parsed = parse_arn(arn)
    return parsed.account if parsed else ""


def partition_of(arn: str) -> str:
    """The partition of an ARN, ``aws`` when it is not an ARN."""
    parsed = parse_arn(arn)
    return parsed.partition if parsed else "aws"


def kind_of(arn: str) -> str:
    """``role``, ``user``, ``oidc-provider``, …; empty when it is not an ARN."""
    parsed = parse_arn(arn)
    return parsed.kind if parsed else ""


def name_of(arn: str) -> str:
    """Return the part behind the last slash: a role's, user's or policy's name without its path."""
    return arn.rpartition("/")[2]


def account_named_by(principal: str) -> str:
    """The account that a principal names as a whole, by its id or its root; empty for any other."""
    parsed = parse_arn(principal)
    root = parsed is not None and (parsed.service, parsed.resource) == ("iam", "root")
    account = account_of(principal) if root else principal
    return account if is_account_id(account) else ""


def root_arn(account_id: str, *, partition: str = "aws") -> str:
    """ARN of an account, as a principal spells it."""
    return f"arn:{partition}:iam::{account_id}:root"


def is_account_id(text: str) -> bool:
    """Return True for an account id, by which a principal may name the account."""
    return _ACCOUNT_ID.fullmatch(text) is not None


def parse_role_arn(text: str) -> RoleArn | None:
    """The parts of the ARN of a role; None if STS calls it invalid."""
    match = _ROLE.fullmatch(text) if len(text) <= ARN_MAX else None
    return RoleArn(**match.groupdict()) if match else None


def parse_session_arn(text: str) -> SessionArn | None:
    """The parts of the ARN of a role's session; None for anything else."""
    match = _SESSION.fullmatch(text)
    return SessionArn(*match.groups()) if match else None


def parse_provider_arn(text: str) -> ProviderArn | None:
    """The parts of the ARN of an IAM OIDC provider; None for anything else."""
    match = _PROVIDER.fullmatch(text)
    return ProviderArn(**match.groupdict()) if match else None


def cluster_arn(arn: str) -> ClusterArn:
    """Return the parts of the ARN of an EKS cluster, or raise ValueError."""
    form = "arn:aws:eks:<region>:<account>:cluster/<name>"
    return ClusterArn(**_match("an EKS cluster", _CLUSTER, form, arn).groupdict())


def session_arn_prefix(role_arn: str) -> str:
    """Return the beginning that the ARNs of all sessions of a role share."""
    role = RoleArn(partition_of(role_arn), account_of(role_arn), "/", name_of(role_arn))
    return role.session("")


def issuer_from_provider_arn(provider_arn: str) -> str:
    """The issuer as IAM condition keys spell it: no scheme, no ARN in front.

    ValueError for anything but the ARN of an IAM OIDC provider; pulumi-eks gives ``""`` for a
    provider that it did not create.
    """
    parsed = parse_provider_arn(provider_arn)
    if parsed is None:
        raise ValueError(
            f"{provider_arn!r} is not an OIDC provider ARN; expected "
            "arn:aws:iam::<account>:oidc-provider/<issuer without https://>"
        )
    return parsed.issuer


def issuer_of_principal(principal: str) -> str:
    """The issuer that a ``Federated`` principal stands for: of a provider's ARN what follows
    ``oidc-provider/``, wildcards and all; anything else (``accounts.google.com``) is one itself."""
    return principal.partition(_BEFORE_ISSUER)[2] or principal


def is_oidc_provider(principal: str) -> bool:
    """Return True if a ``Federated`` principal has the form of an OIDC provider's ARN."""
    return _BEFORE_ISSUER in principal


def provider_arn_for(issuer: str, account_id: str, *, partition: str = "aws") -> str:
    """The ARN that IAM gives the OIDC provider of an issuer; ``https://`` may stand before it."""
    check_account_id(account_id)
    return str(ProviderArn(partition, account_id, issuer.removeprefix("https://")))


def provider_arn_beside(issuer: str, arn: str) -> str:
    """The ARN of an issuer's OIDC provider in the account of another ARN."""
    return provider_arn_for(issuer, account_of(arn), partition=partition_of(arn))


def role_arn(account_id: str, name: str, *, path: str = "/", partition: str = "aws") -> str:
    """The ARN that IAM will give a role, known before the role exists."""
    check_account_id(account_id)
    check_role_name(name)
    check_path(path)
    return str(RoleArn(partition, account_id, path, name))


def aws_policy_arn(name: str, *, partition: str = "aws") -> str:
    """The ARN of a managed policy that AWS itself owns, without a path."""
    return f"arn:{partition}:iam::aws:policy/{name}"


def bucket_arn(bucket: str, key: str | None = None, *, partition: str = "aws") -> str:
    """The ARN of a bucket, or of an object in it."""
    return str(Arn(partition, "s3", "", "", bucket if key is None else f"{bucket}/{key}"))


def check_account_id(account_id: str) -> str:
    """Return the account id, or raise ValueError."""
    if not is_account_id(account_id):
        raise ValueError(
            f"account id {account_id!r} is not 12 digits "
            "(put it in quotes, or YAML drops zeros at its beginning)"
        )
    return account_id


def _match(what: str, pattern: re.Pattern[str], form: str, arn: str) -> re.Match[str]:
    match = pattern.fullmatch(arn) if len(arn) <= ARN_MAX else None
    if match is None:
        raise ValueError(f"{arn!r} is not the ARN of {what}; expected {form}")
    return match


def _check(what: str, pattern: re.Pattern[str], form: str) -> Callable[[str], str]:
    return lambda arn: _match(what, pattern, form, arn)[0]


check_role_arn = _check("a role", _ROLE, "arn:aws:iam::<account>:role/<name>")
"""Return the ARN of a role (not of a session of it), or raise ValueError."""
check_principal_arn = _check(
    "a role or user",
    _ROLE_OR_USER,
    "arn:aws:iam::<account>:role/<name> (of the role, not of a session of it)",
)
"""Return the ARN of a role or user, or raise ValueError."""
check_key_arn = _check("a KMS key", _KEY, "arn:aws:kms:<region>:<account>:key/<id> (not an alias)")
"""Return the ARN of a KMS key, or raise ValueError."""
check_policy_arn = _check(
    "a managed policy", _POLICY, "arn:aws:iam::<account or aws>:policy/<name>"
)
"""Return the ARN of a managed policy, or raise ValueError."""


def check_policy_arns(
    owner: str, policy_arns: Mapping[str, object], *, beside: Iterable[object] = ()
) -> None:
    """Raise ValueError for an ARN in ``policy_arns`` that stands under two keys, as the attachment
    that goes first would detach it for both, or that is of another partition than the rest and the
    ARNs ``beside``. What is not text, such as an output, is not judged."""
    keys: dict[str, str] = {}
    for key, arn in policy_arns.items():
        if isinstance(arn, str) and keys.setdefault(arn, key) != key:
            raise ValueError(
                f"{owner}: policy_arns[{key!r}] and policy_arns[{keys[arn]!r}] are both {arn!r}; "
                "remove one"
            )
    plain = [arn for arn in (*beside, *policy_arns.values()) if isinstance(arn, str)]
    for arn in plain[1:]:
        if (partition := partition_of(plain[0])) != partition_of(arn):
            raise ValueError(
                f"{owner}: {arn!r} is not in partition {partition}, as others; use one"
            )
