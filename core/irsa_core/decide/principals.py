"""Callers, and the principals that a Principal or NotPrincipal element names.

Pure. There are no partial wildcards; ``123456789012`` is that account's root; a role is named by
its ARN or its unique id, one of its sessions by the session's ARN, which has no path.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from irsa_core.decide.patterns import Key, Value
from irsa_core.decide.truth import Truth
from irsa_core.identity.arns import (
    RoleArn,
    kind_of_principal,
    name_of,
    parse_arn,
    root_arn,
    segments,
)
from irsa_core.identity.policy_json import UNKNOWN_OUTPUT

if TYPE_CHECKING:
    from irsa_core.decide.statements import Policy


@dataclass(frozen=True, slots=True)
class Caller:
    """The principal of one request, and what its session brings with it."""

    kind: str
    """``session``, ``user``, ``root``, ``service`` or ``web-identity``."""
    arn: str
    """ARN as AWS's messages show it; of a service, its name; of a web identity, the provider."""
    account: str = ""
    """Account id; empty for a service."""
    partition: str = "aws"
    """``aws``, ``aws-cn`` or ``aws-us-gov``."""
    role_arn: str = ""
    """Role of a session, with its path as far as that is known."""
    path_known: bool = True
    """True if ``role_arn`` has the role's path: the ARN of a session does not show it."""
    session_name: str | None = None
    """Name of a session, None when it is not known."""
    unique_id: str | None = None
    """``AROA…`` or ``AIDA…``, None when it is not known."""
    federation: Mapping[str, Value] | None = None
    """Of a web identity and its session: the condition keys, in lower case, that this keeps."""
    source_identity: Value = Key.UNKNOWN
    """Of a session: ``aws:SourceIdentity``, which is passed on from session to session."""
    session_tags: Mapping[str, Value] = field(default_factory=dict[str, Value])
    """Of a session: the tags that the call passed, by name in lower case."""
    transitive_tags: frozenset[str] = frozenset()
    """Those of them that a session passes on when it assumes a role."""
    session_policy: "Policy | None" = None
    """Of a session: the session policies that the call passed, as one."""
    scopes: "tuple[Policy, ...]" = ()
    """Of a session: the policies of GetScopedCredentials, each of which must allow what it does."""

    @property
    def principal_arn(self) -> str:
        """The value of ``aws:PrincipalArn``: of a session, its role."""
        return self.role_arn or self.arn

    @property
    def without_policies(self) -> bool:
        """True if it has no policies of its own: the resource's policy alone decides."""
        return self.kind in ("service", "web-identity")

    @property
    def service_linked(self) -> bool:
        """True if it is a service-linked role, which no policy of an organization limits."""
        return ":role/aws-service-role/" in self.role_arn

    @property
    def has_service_control(self) -> bool:
        """True if service control policies limit it: they are for users and roles.

        https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_scps.html
        """
        return not self.without_policies and not self.service_linked


_SERVICE = re.compile(r"[a-z0-9-]+(?:\.[a-z0-9-]+)*\.amazonaws\.com(?:\.cn)?")


@lru_cache(maxsize=256)
def caller_from_arn(
    arn: str, *, role_arn: str | None = None, unique_id: str | None = None
) -> Caller:
    """The caller that an ARN or a service's name stands for; ValueError when it is neither.

    A role's ARN stands for a session of that role whose name is not known. ``role_arn`` is the
    session's role with its path; without it the path is not known.
    """
    if _SERVICE.fullmatch(arn):
        return Caller("service", arn)
    kind, parsed = kind_of_principal(arn), parse_arn(arn)
    if parsed is None or kind in ("", "federated-user", "oidc-provider", "saml-provider"):
        raise ValueError(
            f"{arn[:200]!r} is neither the ARN of a session, user, role or account root "
            "nor a service's name"
        )
    partition, _, _, account, resource = parsed
    if kind == "role":
        return session_of(arn, None, unique_id)
    if kind == "assumed-role":
        _, name, session_name = resource.split("/")
        without_path = str(RoleArn(partition, account, "/", name))
        path_known = role_arn is not None
        return session_of(role_arn or without_path, session_name, unique_id, path_known=path_known)
    return Caller(kind, arn, account, partition, unique_id=unique_id)


def session_of(
    role_arn: str, session_name: str | None, unique_id: str | None = None, **facts: Any
) -> Caller:
    """A session of a role, as AssumeRole and AssumeRoleWithWebIdentity make it; ``facts`` are
    further fields of `Caller`."""
    _, partition, _, _, account, _ = segments(role_arn)
    without_path = RoleArn(partition, account, "/", name_of(role_arn))
    return Caller(
        "session",
        without_path.session(session_name or UNKNOWN_NAME),
        account,
        partition,
        role_arn,
        session_name=session_name,
        unique_id=unique_id,
        **facts,
    )


class Directness(IntEnum):
    """Directness of a Principal element, on which the effect of an Allow depends."""

    NONE = 0
    ACCOUNT = 1
    """The caller's account: it delegates to the caller's own policies."""
    ROLE = 2
    """The caller's role: boundary and session policy still limit it."""
    DIRECT = 3
    """The session, the user, the provider or the service itself: nothing limits it."""


class PrincipalElement:
    """A Principal (or, ``negated``, NotPrincipal) element: entries by type."""

    __slots__ = (
        "_aws", "_canonical", "_ids", "_other", "_unknown", "entries", "everyone", "negated",
    )  # fmt: skip

    def __init__(self, entries: Mapping[str, Sequence[str]], *, negated: bool) -> None:
        aws = frozenset(entries.get("AWS", ()))
        self.negated = negated
        self._aws = aws
        self._ids = frozenset(entry for entry in aws if UNIQUE_ID.fullmatch(entry))
        self._other = {"web-identity": frozenset(entries.get("Federated", ())),
                       "service": frozenset(entries.get("Service", ()))}  # fmt: skip
        self._canonical = "CanonicalUser" in entries
        self.everyone = "*" in aws
        self._unknown = any(UNKNOWN_OUTPUT in e for names in entries.values() for e in names)
        self.entries = entries

    def grant(self, caller: Caller) -> tuple[Directness, Directness]:
        """Return how directly the element names the caller: for certain, and at the most."""
        if caller.kind in self._other:
            entries = self._other[caller.kind]
            sure = Directness.DIRECT if caller.arn in entries or "*" in entries else Directness.NONE
            if self.everyone:
                sure = Directness.DIRECT
            return sure, Directness.DIRECT if self._unknown else sure
        by_id = _role_id(caller) in self._ids
        # IAM stores a user's ARN as the user's id.
        if (caller.arn in self._aws and caller.kind != "root") or (by_id and caller.kind == "user"):
            return Directness.DIRECT, Directness.DIRECT
        sure = Directness.NONE
        if self.everyone or caller.role_arn in self._aws or by_id:
            sure = Directness.ROLE
        elif self._names_account(caller):
            sure = Directness.ACCOUNT
        return sure, max(sure, self._at_most(caller))

    def _names_account(self, caller: Caller) -> bool:
        root = root_arn(caller.account, partition=caller.partition)
        return root in self._aws or caller.account in self._aws

    def _may_name_role(self, caller: Caller) -> bool:
        """Return whether it names the caller's role with a path, if that path is not known."""
        if caller.kind != "session" or caller.path_known:
            return False
        roles, _, name = caller.role_arn.rpartition("/")
        return any(each.startswith(roles) and each.endswith(f"/{name}") for each in self._aws)

    def excludes(self, caller: Caller) -> tuple[Truth, bool]:
        """For NotPrincipal: whether the caller is outside the list, and whether it is in part.

        A caller without any name in the list is outside for certain. A caller with one name
        in it, but not all (session, role and account, or user and account), is perhaps outside:
        AWS says to list them all, and that a Deny might otherwise deny.
        """
        sure, most = self.grant(caller)
        if sure is Directness.NONE:
            return (True if most is Directness.NONE else None), False
        if caller.kind in self._other or self.everyone or caller.kind == "root":
            return False, False
        account = self._names_account(caller)
        principal = caller.arn in self._aws or _role_id(caller) in self._ids
        role = caller.kind != "session" or caller.role_arn in self._aws
        return False, not (account and principal and role)

    def describe(self, caller: Caller) -> str:
        """Return the element and the caller in one line."""
        names = [f"{kind} {entry[:300]}" for kind, each in self.entries.items() for entry in each]
        extra = f" and {len(names) - 5} more" if len(names) > 5 else ""
        verb = "excepts" if self.negated else "names"
        return f"principal: it {verb} {', '.join(names[:5])}{extra}, the caller is {caller.arn}"

    def missing(self, caller: Caller) -> list[str]:
        """The facts that are missing to tell whether the caller is named."""
        facts: list[str] = []
        if self._needs_id(caller):
            facts.append(f"principal_id of {caller.principal_arn}")
        if self._may_name_role(caller):
            facts.append(f"principal_role_arn: the path of role {caller.principal_arn}")
        if caller.kind == "session" and caller.session_name is None:
            facts.append(f"role_session_name of {caller.principal_arn}")
        if self._canonical:
            facts.append("the account of a CanonicalUser")
        if self.negated and self.excludes(caller)[1]:
            facts.append("what AWS makes of a NotPrincipal that lists not all the caller's names")
        if self.everyone or (self.negated and self.excludes(caller)[0]):
            grants = "NotPrincipal" if self.negated else "'*'"
            facts.append(f"whether a boundary or session policy limits what {grants} grants")
        return facts + ["an output that is not known yet"] * self._unknown

    def _at_most(self, caller: Caller) -> Directness:
        if self._unknown or self._canonical or self.everyone:
            return Directness.DIRECT
        if caller.kind == "session" and caller.session_name is None:
            start = caller.arn.removesuffix(UNKNOWN_NAME)
            if any(entry.startswith(start) for entry in self._aws):
                return Directness.DIRECT
        if self._needs_id(caller) and caller.kind == "user":
            return Directness.DIRECT
        if self._needs_id(caller) or self._may_name_role(caller):
            return Directness.ROLE
        return Directness.NONE

    def _needs_id(self, caller: Caller) -> bool:
        prefix = _ID_PREFIX.get(caller.kind)
        if prefix is None or caller.unique_id is not None:
            return False
        return any(entry.startswith(prefix) for entry in self._ids)


UNIQUE_ID = re.compile(r"A(?:RO|ID)A[A-Z0-9]+")
"""Id that IAM stores for every role and user, and shows for a deleted one."""
UNKNOWN_NAME = "<session name>"
"""Placeholder in an ARN for an unknown session name."""
_ID_PREFIX = {"session": "AROA", "user": "AIDA"}


def _role_id(caller: Caller) -> str:
    return (caller.unique_id or "").partition(":")[0]
