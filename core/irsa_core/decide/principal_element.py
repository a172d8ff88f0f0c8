"""Principals, and those that a Principal or NotPrincipal element names.

Pure. There are no partial wildcards; ``123456789012`` is that account's root; a role is named by
its ARN or its unique id, one of its sessions by the session's ARN, which has no path.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum

from irsa_core.decide.truth import Truth
from irsa_core.identity.arns import root_arn
from irsa_core.identity.policy_json import UNKNOWN_OUTPUT


class Directness(IntEnum):
    """Directness of a Principal element, on which the effect of an Allow depends."""

    NONE = 0
    ACCOUNT = 1
    """The caller's account: it delegates to the caller's own policies."""
    ROLE = 2
    """The caller's role: boundary and session policy still limit it."""
    DIRECT = 3
    """The session, the user, the provider or the service itself: nothing limits it."""


@dataclass(frozen=True, slots=True)
class Principal:
    """The identity that makes a request."""

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
    root_arn: str = field(init=False, default="")
    """ARN of the caller's account."""

    def __post_init__(self) -> None:
        # The class is frozen, and this is computed once because every statement asks for it.
        root = root_arn(self.account, partition=self.partition)
        object.__setattr__(self, "root_arn", root)

    @property
    def principal_arn(self) -> str:
        """The value of ``aws:PrincipalArn``: of a session, its role."""
        return self.role_arn or self.arn


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

    def grant(self, caller: Principal) -> tuple[Directness, Directness]:
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

    def _names_account(self, caller: Principal) -> bool:
        return caller.root_arn in self._aws or caller.account in self._aws

    def _may_name_role(self, caller: Principal) -> bool:
        """Return whether it names the caller's role with a path, if that path is not known."""
        if caller.kind != "session" or caller.path_known:
            return False
        roles, _, name = caller.role_arn.rpartition("/")
        return any(each.startswith(roles) and each.endswith(f"/{name}") for each in self._aws)

    def excludes(self, caller: Principal) -> tuple[Truth, bool]:
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

    def describe(self, caller: Principal) -> str:
        """Return the element and the caller in one line."""
        names = [f"{kind} {entry[:300]}" for kind, each in self.entries.items() for entry in each]
        extra = f" and {len(names) - 5} more" if len(names) > 5 else ""
        verb = "excepts" if self.negated else "names"
        return f"principal: it {verb} {', '.join(names[:5])}{extra}, the caller is {caller.arn}"

    def missing(self, caller: Principal) -> list[str]:
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

    def _at_most(self, caller: Principal) -> Directness:
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

    def _needs_id(self, caller: Principal) -> bool:
        prefix = _ID_PREFIX.get(caller.kind)
        if prefix is None or caller.unique_id is not None:
            return False
        return any(entry.startswith(prefix) for entry in self._ids)


UNIQUE_ID = re.compile(r"A(?:RO|ID)A[A-Z0-9]+")
"""Id that IAM stores for every role and user, and shows for a deleted one."""
UNKNOWN_NAME = "<session name>"
"""Placeholder in an ARN for an unknown session name."""
_ID_PREFIX = {"session": "AROA", "user": "AIDA"}


def _role_id(caller: Principal) -> str:
    return (caller.unique_id or "").partition(":")[0]
