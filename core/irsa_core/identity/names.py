"""Names that AWS gives rules for, checked as AWS would. Pure."""

import hashlib
import re
from collections.abc import Mapping
from functools import partial
from ipaddress import IPv4Network

from irsa_core.identity import quotas

_IAM_NAME = re.compile(r"[A-Za-z0-9_+=,.@-]+")
_IAM_PATH = re.compile(r"/([\x21-\x7e]+/)?")
_TAG = re.compile(r"[\w\s.:/=+@-]*")
_PRIVATE = tuple(map(IPv4Network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")))
_BUCKET_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_BUCKET_ADDRESS = re.compile(r"(?:s3://|arn:[a-z-]+:s3:::)([^/]+)")
_IP_ADDRESS = re.compile(r"[0-9]+(\.[0-9]+){3}")
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
_BUCKET_PREFIXES = ("xn--", "sthree-", "amzn-s3-demo-")
_BUCKET_SUFFIXES = ("-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3")


def _check_iam_name(what: str, longest: int, name: str) -> str:
    if len(name) > longest:
        raise ValueError(f"{what} {name!r} has {len(name)} characters; IAM accepts {longest}")
    if not _IAM_NAME.fullmatch(name):
        raise ValueError(f"{what} {name!r} may have letters, digits and any of _+=,.@- only")
    return name


check_role_name = partial(_check_iam_name, "role name", quotas.ROLE_NAME_MAX)
"""Return the role's name, or raise ValueError. It is never shortened: two could collide."""
check_policy_name = partial(_check_iam_name, "policy name", quotas.POLICY_NAME_MAX)
"""Return the managed policy's name, or raise ValueError."""
check_user_name = partial(_check_iam_name, "user name", quotas.USER_NAME_MAX)
"""Return the IAM user's name, or raise ValueError."""


def shared_name(name: str, *owners: str) -> str:
    """Return a name on which two stacks agree before it exists: the name and a hash of its owners.

    ``owners`` are the full name of one of the stacks, ``organization/project/stack``, and for a
    bucket, whose name is unique in the world, the id of its account.
    """
    return f"{name}-{hashlib.sha256('/'.join(owners).encode()).hexdigest()[:7]}"


def check_tags(tags: Mapping[str, str]) -> None:
    """Raise ValueError for tags that IAM refuses."""
    keys: dict[str, str] = {}
    for key, value in tags.items():
        if key.lower().startswith("aws:"):
            raise ValueError(f"tag {key!r}: AWS keeps the prefix 'aws:' for itself; rename it")
        too_long = len(key) > quotas.TAG_KEY_MAX or len(value) > quotas.TAG_VALUE_MAX
        if not key or too_long or not _TAG.fullmatch(key + value):
            raise ValueError(
                f"tag {key!r}: {value!r} must be a key of 1 to {quotas.TAG_KEY_MAX} and a value of "
                f"at most {quotas.TAG_VALUE_MAX} letters, digits, spaces and any of _.:/=+@-"
            )
        if (other := keys.setdefault(key.lower(), key)) != key:
            raise ValueError(f"tags {other!r} and {key!r} are one key to IAM; remove one")
    if len(tags) > quotas.TAGS_MAX:
        raise ValueError(f"{len(tags)} tags; AWS accepts {quotas.TAGS_MAX}, remove some")


def owning_stack(tags: Mapping[str, str]) -> tuple[str, str] | None:
    """Project and stack, by the tags that programs of this repository set; None without both."""
    return (tags["project"], tags["stack"]) if tags.keys() >= {"project", "stack"} else None


def _check_text(what: str, lengths: range, others: str, why: str, text: str) -> str:
    if len(text) not in lengths or not re.fullmatch(f"[A-Za-z0-9{others}]*", text):
        raise ValueError(
            f"{what} {text!r} must be {lengths.start} to {lengths.stop - 1} letters, digits and "
            f"any of {others}{why}"
        )
    return text


check_session_name = partial(
    _check_text,
    "session name",
    quotas.SESSION_NAME_LENGTH,
    "_+=,.@-",
    " (a subject has colons and cannot be one)",
)
"""Return the role session name, or raise ValueError."""
check_external_id = partial(_check_text, "external id", quotas.EXTERNAL_ID_LENGTH, "_+=,.@:/-", "")
"""Return the external id, or raise ValueError."""


def check_path(path: str) -> str:
    """Return the IAM path, or raise ValueError."""
    if len(path) > quotas.PATH_MAX or not _IAM_PATH.fullmatch(path):
        raise ValueError(
            f"path {path!r} must begin and end with '/', without white space, "
            f"at most {quotas.PATH_MAX} characters"
        )
    return path


def check_bucket_name(name: str) -> str:
    """Return the bucket's name, or raise ValueError if S3 would refuse it."""
    if address := _BUCKET_ADDRESS.match(name):
        raise ValueError(f"bucket name {name!r} is an address; give {address[1]!r} alone")
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


def check_public_cidr(cidr: str) -> str:
    """Return an IPv4 CIDR block that can reach a public endpoint, or raise ValueError."""
    try:
        network = IPv4Network(cidr, strict=False)
    except ValueError as error:
        raise ValueError(f"{cidr!r} is not an IPv4 CIDR block, such as '203.0.113.0/24'") from error
    if cidr != str(network):
        raise ValueError(f"{cidr!r} is not an IPv4 CIDR block; write '{network}'")
    if any(network.subnet_of(private) for private in _PRIVATE):
        raise ValueError(
            f"{cidr} is a private range; use a public CIDR block, or "
            "endpoint_private_access for clients in the VPC"
        )
    return cidr
