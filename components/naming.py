"""Names, ARNs, subjects and quotas. Pure: imports neither Pulumi nor an AWS client."""

import difflib
import re
from typing import Final, NamedTuple, NewType

from components.regions import REGIONS

# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
ROLE_NAME_MAX: Final = 64
POLICY_NAME_MAX: Final = 128
USER_NAME_MAX: Final = 64
PATH_MAX: Final = 512
TRUST_POLICY_QUOTA: Final = 2048
"""Characters of a role trust policy, white space not counted; an account can have it raised."""
TRUST_POLICY_QUOTA_MAX: Final = 8192
ATTACHED_POLICIES_MAX: Final = 20
"""Managed policies of one role or user. The default is 10; 20 can be asked for."""
SESSION_DURATION: Final = range(3600, 43_200 + 1)
"""Seconds that a role's maximum session duration may be."""

# https://kubernetes.io/docs/concepts/overview/working-with-objects/names/
DNS_LABEL_MAX: Final = 63
DNS_SUBDOMAIN_MAX: Final = 253

_ACCOUNT_ID = re.compile(r"[0-9]{12}")
# https://docs.aws.amazon.com/eks/latest/userguide/pod-configuration.html
_BLOCKS_INJECTION = "the pod identity webhook leaves a container alone that sets it by hand"
_BEATS_THE_ROLE = "static credentials win over the role in every SDK"
_CHANGES_IDENTITY = "a profile changes whom the pod is"
_RESERVED_ENV = {
    "AWS_ROLE_ARN": _BLOCKS_INJECTION,
    "AWS_WEB_IDENTITY_TOKEN_FILE": _BLOCKS_INJECTION,
    "AWS_ACCESS_KEY_ID": _BEATS_THE_ROLE,
    "AWS_SECRET_ACCESS_KEY": _BEATS_THE_ROLE,
    "AWS_SESSION_TOKEN": _BEATS_THE_ROLE,
    "AWS_CONFIG_FILE": _CHANGES_IDENTITY,
    "AWS_DEFAULT_PROFILE": _CHANGES_IDENTITY,
    "AWS_PROFILE": _CHANGES_IDENTITY,
    "AWS_SHARED_CREDENTIALS_FILE": _CHANGES_IDENTITY,
}
_ENV_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

_DNS_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")
_DNS_SUBDOMAIN = re.compile(rf"{_DNS_LABEL.pattern}(\.{_DNS_LABEL.pattern})*")
_NAME_PATTERN = re.compile(r"[a-z0-9.*?-]+")
_IAM_NAME = re.compile(r"[A-Za-z0-9_+=,.@-]+")
_IAM_PATH = re.compile(r"/([\x21-\x7e]+/)?")
_SESSION_NAME = re.compile(r"[A-Za-z0-9_+=,.@-]{2,64}")
_EXTERNAL_ID = re.compile(r"[A-Za-z0-9_+=,.@:/-]{2,1224}")
_ROLE_ARN = re.compile(r"arn:aws(-[a-z]+)*:iam::[0-9]{12}:role(/[\x21-\x7e]+)?/[^/\s]+")
_PRINCIPAL_ARN = re.compile(r"arn:aws(-[a-z]+)*:iam::[0-9]{12}:(role|user)(/[\x21-\x7e]+)?/[^/\s]+")
_KEY_ARN = re.compile(r"arn:aws(-[a-z]+)*:kms:(?P<region>[a-z0-9-]+):[0-9]{12}:key/[A-Za-z0-9-]+")
_SUBNET_ID = re.compile(r"subnet-([0-9a-f]{8}|[0-9a-f]{17})")
_VPC_ID = re.compile(r"vpc-([0-9a-f]{8}|[0-9a-f]{17})")
_STACK_NAME = re.compile(r"[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+){2}")
_PROVIDER_ARN = re.compile(
    r"arn:(?P<partition>aws(-[a-z]+)*):iam::(?P<account>[0-9]{12}):oidc-provider/(?P<issuer>[^\s:]+)"
)
_POLICY_ARN = re.compile(r"arn:aws(-[a-z]+)*:iam::([0-9]{12}|aws):policy/[\x21-\x7e]+")
_BUCKET_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_IP_ADDRESS = re.compile(r"[0-9]+(\.[0-9]+){3}")

# https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
_BUCKET_PREFIXES = ("xn--", "sthree-", "amzn-s3-demo-")
_BUCKET_SUFFIXES = ("-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3")


AccountId = NewType("AccountId", str)
"""12 digits. In YAML without quotes it is a number, which is the same unless it begins with 0."""


class ServiceAccountRef(NamedTuple):
    """One service account, by namespace and exact name. Built by `service_account_ref`."""

    namespace: str
    name: str

    @property
    def subject(self) -> str:
        """The ``sub`` claim that the cluster puts into this account's tokens."""
        return f"system:serviceaccount:{self.namespace}:{self.name}"


class ServiceAccountPattern(NamedTuple):
    """Service accounts of one namespace whose names match. Built by `service_account_pattern`."""

    namespace: str
    pattern: str

    @property
    def subject(self) -> str:
        """What ``sub`` must be like: ``*`` is any run of characters, ``?`` is one."""
        return f"system:serviceaccount:{self.namespace}:{self.pattern}"

    @property
    def whole_namespace(self) -> bool:
        """Whether every service account of the namespace matches."""
        return not self.pattern.strip("*?")


Subject = ServiceAccountRef | ServiceAccountPattern


def check_account_id(account_id: str) -> str:
    """Return the account id, or raise ValueError."""
    if not _ACCOUNT_ID.fullmatch(account_id):
        raise ValueError(
            f"account id {account_id!r} is not 12 digits "
            "(put it in quotes, or YAML drops zeros at its beginning)"
        )
    return account_id


def check_namespace(namespace: str) -> str:
    """Return the namespace, or raise ValueError if Kubernetes would refuse its name."""
    return _check_dns_label("namespace", namespace)


def check_workload_name(name: str) -> str:
    """Return the name of a workload, which becomes a label value and the Deployment's name."""
    return _check_dns_label("workload name", name)


def _check_dns_label(what: str, value: str) -> str:
    if len(value) > DNS_LABEL_MAX or not _DNS_LABEL.fullmatch(value):
        raise ValueError(
            f"{what} {value!r} is not a DNS-1123 label "
            f"(lower-case letters, digits and '-', at most {DNS_LABEL_MAX} characters)"
        )
    return value


def service_account_ref(namespace: str, name: str) -> ServiceAccountRef:
    """Name one service account exactly; ValueError for names that Kubernetes would refuse."""
    check_namespace(namespace)
    if "*" in name or "?" in name:
        raise ValueError(
            f"service account name {name!r} has a wildcard, which an exact subject takes as it is; "
            "use serviceAccountPattern"
        )
    if len(name) > DNS_SUBDOMAIN_MAX or not _DNS_SUBDOMAIN.fullmatch(name):
        raise ValueError(
            f"service account name {name!r} is not a DNS-1123 subdomain "
            f"(lower-case letters, digits, '-' and '.', at most {DNS_SUBDOMAIN_MAX} characters)"
        )
    return ServiceAccountRef(namespace, name)


def service_account_pattern(
    namespace: str, pattern: str, *, allow_whole_namespace: bool = False
) -> ServiceAccountPattern:
    """Name service accounts of one namespace by pattern; ValueError when that trusts too much.

    The namespace never takes a wildcard: whoever may create a namespace could join. A pattern that
    matches every account of the namespace must be asked for.
    """
    if "*" in namespace or "?" in namespace:
        raise ValueError(
            f"pattern 'system:serviceaccount:{namespace}:{pattern}' is over-broad: it trusts every "
            "namespace that matches; name one namespace exactly"
        )
    check_namespace(namespace)
    if ":" in pattern:
        raise ValueError(
            f"pattern {pattern!r} contains ':'; give the service account's part alone, "
            "such as 'aws-provider-*', and the namespace beside it"
        )
    if len(pattern) > DNS_SUBDOMAIN_MAX or not _NAME_PATTERN.fullmatch(pattern):
        raise ValueError(
            f"pattern {pattern!r} can match no service account "
            "(lower-case letters, digits, '-', '.', '*' and '?')"
        )
    if "*" not in pattern and "?" not in pattern:
        raise ValueError(f"pattern {pattern!r} has no wildcard; use serviceAccount")
    found = ServiceAccountPattern(namespace, pattern)
    if found.whole_namespace and not allow_whole_namespace:
        raise ValueError(
            f"pattern {found.subject!r} is over-broad: it trusts every service account of the "
            "namespace; narrow it, or set allowWholeNamespace: true"
        )
    return found


def partition_of_region(region: str) -> str:
    """The partition (``aws``, ``aws-cn``, ``aws-us-gov``, …) that a region belongs to.

    ValueError for a region that AWS does not have: ARNs and trust policies are made from its name
    long before AWS is asked.
    """
    for partition, regions in REGIONS.items():
        if region in regions:
            return partition
    known = [name for regions in REGIONS.values() for name in regions]
    close = difflib.get_close_matches(region.lower(), known, n=2)
    meant = f"did you mean {' or '.join(close)}?" if close else "one looks like 'us-east-1'"
    raise ValueError(
        f"region {region!r} is not one of AWS's; {meant} "
        "(if it is new, add it to components/regions.py)"
    )


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


def check_role_name(name: str) -> str:
    """Return the role's name, or raise ValueError. It is never shortened: two could collide."""
    return _check_iam_name("role name", name, ROLE_NAME_MAX)


def check_policy_name(name: str) -> str:
    """Return the managed policy's name, or raise ValueError."""
    return _check_iam_name("policy name", name, POLICY_NAME_MAX)


def _check_iam_name(what: str, name: str, longest: int) -> str:
    if len(name) > longest:
        raise ValueError(f"{what} {name!r} has {len(name)} characters; IAM accepts {longest}")
    if not _IAM_NAME.fullmatch(name):
        raise ValueError(f"{what} {name!r} may have letters, digits and any of _+=,.@- only")
    return name


def check_user_name(name: str) -> str:
    """Return the IAM user's name, or raise ValueError."""
    return _check_iam_name("user name", name, USER_NAME_MAX)


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


def check_subnet_id(subnet_id: str) -> str:
    """Return the id of a subnet, or raise ValueError."""
    if not _SUBNET_ID.fullmatch(subnet_id):
        raise ValueError(f"{subnet_id!r} is not the id of a subnet, such as 'subnet-0a1b2c3d'")
    return subnet_id


def check_vpc_id(vpc_id: str) -> str:
    """Return the id of a VPC, or raise ValueError."""
    if not _VPC_ID.fullmatch(vpc_id):
        raise ValueError(f"{vpc_id!r} is not the id of a VPC, such as 'vpc-0a1b2c3d'")
    return vpc_id


def check_session_name(name: str) -> str:
    """Return the role session name, or raise ValueError."""
    if not _SESSION_NAME.fullmatch(name):
        raise ValueError(
            f"session name {name!r} must be 2 to 64 letters, digits and any of _+=,.@- "
            "(a subject has colons and cannot be one)"
        )
    return name


def check_external_id(external_id: str) -> str:
    """Return the external id, or raise ValueError."""
    if not _EXTERNAL_ID.fullmatch(external_id):
        raise ValueError(
            f"external id {external_id!r} must be 2 to 1224 letters, digits and any of _+=,.@:/-"
        )
    return external_id


def check_stack_name(name: str) -> str:
    """Return the full name of a Pulumi stack, or raise ValueError."""
    if not _STACK_NAME.fullmatch(name):
        raise ValueError(f"stack {name!r} is not spelt <organization>/<project>/<stack>")
    return name


def check_path(path: str) -> str:
    """Return the IAM path, or raise ValueError."""
    if len(path) > PATH_MAX or not _IAM_PATH.fullmatch(path):
        raise ValueError(
            f"path {path!r} must begin and end with '/', without white space, "
            f"at most {PATH_MAX} characters"
        )
    return path


def check_policy_arn(arn: str) -> str:
    """Return the ARN of a managed policy, or raise ValueError."""
    if not _POLICY_ARN.fullmatch(arn):
        raise ValueError(
            f"{arn!r} is not the ARN of a managed policy; "
            "expected arn:aws:iam::<account or aws>:policy/<name>"
        )
    return arn


def check_session_duration(seconds: int) -> int:
    """Return a role's maximum session duration in seconds, or raise ValueError."""
    if seconds not in SESSION_DURATION:
        raise ValueError(
            f"maximum session duration {seconds} is outside of "
            f"{SESSION_DURATION.start} to {SESSION_DURATION.stop - 1} seconds"
        )
    return seconds


def check_bucket_name(name: str) -> str:
    """Return the bucket's name, or raise ValueError if S3 would refuse it."""
    wrong = (
        not _BUCKET_NAME.fullmatch(name)
        or ".." in name
        or _IP_ADDRESS.fullmatch(name)
        or name.startswith(_BUCKET_PREFIXES)
        or name.endswith(_BUCKET_SUFFIXES)
    )
    if wrong:
        raise ValueError(
            f"bucket name {name!r} is refused by S3 (3 to 63 lower-case letters, digits, '-' and "
            "'.', no reserved prefix or suffix, not an IP address)"
        )
    return name


def check_env_name(name: str) -> str:
    """Return the name of an environment variable that a workload may set, or raise ValueError."""
    if name in _RESERVED_ENV:
        raise ValueError(
            f"environment variable {name!r} is reserved: {_RESERVED_ENV[name]}; remove it"
        )
    if not _ENV_NAME.fullmatch(name):
        raise ValueError(
            f"environment variable {name!r} may have letters, digits and '_' only, "
            "and does not begin with a digit"
        )
    return name
