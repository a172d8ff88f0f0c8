"""Service accounts as tokens and trust policies name them. Pure."""

import re
from functools import partial
from typing import Final, NamedTuple

from irsa_core.identity.quotas import DNS_LABEL_MAX, DNS_SUBDOMAIN_MAX

SUBJECT_PREFIX: Final = "system:serviceaccount:"
"""Beginning of the ``sub`` of every service account's token; namespace and name follow."""

_DNS_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")


_DNS_SUBDOMAIN = re.compile(rf"{_DNS_LABEL.pattern}(\.{_DNS_LABEL.pattern})*")


_NAME_PATTERN = re.compile(r"[a-z0-9.*?-]+")


class ServiceAccountRef(NamedTuple):
    """One service account, by namespace and exact name. Built by `service_account_ref`."""

    namespace: str
    name: str

    @property
    def subject(self) -> str:
        """The ``sub`` claim that the cluster puts into this account's tokens."""
        return f"{SUBJECT_PREFIX}{self.namespace}:{self.name}"


class ServiceAccountPattern(NamedTuple):
    """Service accounts of one namespace whose names match. Built by `service_account_pattern`."""

    namespace: str
    pattern: str

    @property
    def subject(self) -> str:
        """The pattern for ``sub``: ``*`` is any run of characters, ``?`` is one."""
        return f"{SUBJECT_PREFIX}{self.namespace}:{self.pattern}"

    @property
    def whole_namespace(self) -> bool:
        """True if every service account of the namespace matches."""
        return not self.pattern.strip("*?")


Subject = ServiceAccountRef | ServiceAccountPattern


class SubjectParts(NamedTuple):
    """The two parts of a subject as a trust policy spells them, wildcards and all."""

    namespace: str
    name: str


def split_subject(text: str) -> SubjectParts | None:
    """The parts of a service account's subject; None for any other text."""
    if not text.startswith(SUBJECT_PREFIX):
        return None
    namespace, _, name = text.removeprefix(SUBJECT_PREFIX).partition(":")
    return SubjectParts(namespace, name) if namespace and name else None


def _check_dns_label(what: str, value: str) -> str:
    if len(value) > DNS_LABEL_MAX or not _DNS_LABEL.fullmatch(value):
        raise ValueError(
            f"{what} {value!r} is not a DNS-1123 label "
            f"(lower-case letters, digits and '-', at most {DNS_LABEL_MAX} characters)"
        )
    return value


check_namespace = partial(_check_dns_label, "namespace")
"""Return the namespace, or raise ValueError if Kubernetes would refuse its name."""
check_workload_name = partial(_check_dns_label, "workload name")
"""Return the name of a workload, which becomes a label value and the Deployment's name."""


def service_account_ref(namespace: str, name: str) -> ServiceAccountRef:
    """Name one service account exactly; ValueError for names that Kubernetes would refuse."""
    return ServiceAccountRef(check_namespace(namespace), check_service_account_name(name))


def parse_account(text: str) -> ServiceAccountRef:
    """Return the service account that ``NAMESPACE/NAME`` names exactly, or raise ValueError."""
    namespace, slash, name = text.partition("/")
    if not slash:
        raise ValueError(f"{text!r} is not NAMESPACE/SERVICE-ACCOUNT: it has no namespace")
    try:
        return service_account_ref(namespace, name)
    except ValueError as error:
        raise ValueError(f"{text!r} is not NAMESPACE/SERVICE-ACCOUNT: {error}") from None


def check_service_account_name(name: str) -> str:
    """Return the exact name of a service account, or raise ValueError."""
    if "*" in name or "?" in name:
        raise ValueError(
            f"service account name {name!r} has a wildcard, which an exact subject takes "
            "literally; name one service account"
        )
    return check_dns_subdomain("service account name", name)


def check_dns_subdomain(what: str, value: str) -> str:
    """Return the name of an object, or raise ValueError; Kubernetes' rule for most kinds."""
    if len(value) > DNS_SUBDOMAIN_MAX or not _DNS_SUBDOMAIN.fullmatch(value):
        raise ValueError(
            f"{what} {value!r} is not a DNS-1123 subdomain "
            f"(lower-case letters, digits, '-' and '.', at most {DNS_SUBDOMAIN_MAX} characters)"
        )
    return value


def parse_subject(text: str) -> ServiceAccountRef | None:
    """The service account that a ``sub`` names; None for a pattern and for any other subject."""
    parts = split_subject(text)
    try:
        return service_account_ref(*parts) if parts else None
    except ValueError:
        return None


def service_account_pattern(
    namespace: str, pattern: str, *, allow_whole_namespace: bool = False
) -> ServiceAccountPattern:
    """Name service accounts of one namespace by pattern; ValueError when that trusts too much.

    The namespace never takes a wildcard: every user who may create a namespace could join. A
    pattern that matches every account of the namespace must be asked for.
    """
    if "*" in namespace or "?" in namespace:
        raise ValueError(
            f"pattern '{SUBJECT_PREFIX}{namespace}:{pattern}' is over-broad: it trusts every "
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
        raise ValueError(f"pattern {pattern!r} has no wildcard; add '*' or '?'")
    subject = ServiceAccountPattern(namespace, pattern)
    if subject.whole_namespace and not allow_whole_namespace:
        raise ValueError(
            f"pattern {subject.subject!r} is over-broad: it trusts every service account of the "
            "namespace; narrow it, or set allow_whole_namespace"
        )
    return subject


def parse_service_accounts(text: str, *, allow_whole_namespace: bool = False) -> Subject:
    """Return the subject of ``NAMESPACE/NAME``, whose name is a pattern if it has a wildcard.

    Kubernetes allows neither ``*`` nor ``?`` in a name, so the two cannot be confused. Raises
    ValueError as `service_account_ref` and `service_account_pattern` do.
    """
    namespace, slash, name = text.partition("/")
    if not slash or not namespace or not name:
        raise ValueError(
            f"subject {text!r} is not NAMESPACE/NAME; write it as 'dev/s3-app', or with a pattern "
            "as 'dev/s3-*'"
        )
    if "*" in name or "?" in name:
        return service_account_pattern(namespace, name, allow_whole_namespace=allow_whole_namespace)
    return service_account_ref(namespace, name)
