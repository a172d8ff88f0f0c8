"""The values of a caller's facts that can exist: names, ARNs, and what STS takes. Pure."""

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from irsa.callers.classes import Linear, classes, expression
from irsa_core.identity.subjects import SUBJECT_PREFIX, parse_subject

_LABEL = "[a-z0-9]", "[a-z0-9][a-z0-9-]*[a-z0-9]"
_SUBDOMAIN = "[a-z0-9]", "[a-z0-9][a-z0-9.-]*[a-z0-9]"
_DOTS = ("..", ".-", "-.")
_WORD = "[A-Za-z0-9_+=,.@-]"
_NAME = "[^*?][^*?]*"
_TAG = "[^]!\"#$%&'()*,;<>?[\\\\^`{|}~\t\n]"
_ID = "[A-Za-z0-9_+=,.@:/-]"
_ACCOUNT = "[0-9]" * 12


class Language(NamedTuple):
    """The values that a fact can have."""

    written: tuple[str, ...]
    """Regular expressions, as `expression` reads them."""
    most: int = 0
    """Their greatest length; 0 for none."""
    may_be: Callable[[str], object] = re.compile("").match
    """Predicate of the values that can exist, where the expressions leave a part open."""
    never: tuple[str, ...] = ()
    """Pairs of characters that no value has."""
    apart: bool = False
    """True if the values of each expression are told apart from the others'."""

    def has(self, value: str) -> bool:
        """Return whether a value is one of them."""
        short = len(value) <= (self.most or len(value)) and not any(e in value for e in self.never)
        fits = (re.fullmatch(each, value, re.DOTALL) for each in self.written)
        return bool(short and self.may_be(value)) and any(fits)

    def classes(self, patterns: tuple[Linear, ...] = ()) -> Iterator[tuple[str, frozenset[Linear]]]:
        """Yield its values, each with the patterns that it fits, as `irsa.callers.classes.classes`
        does."""
        linear = tuple(map(expression, self.written))
        listed = classes(linear, (*patterns, *(linear if self.apart else ())), self.never)
        return (value for value in listed.items() if self.has(value[0]))


def only(*values: str) -> Language:
    """The language of some values."""
    return Language(tuple(map(re.escape, values)), apart=True)


TEXT, SOME_TEXT = Language((".*",)), Language(("..*",))
AUDIENCES = Language(SOME_TEXT.written, may_be=re.compile(rf"(?!{SUBJECT_PREFIX})").match)
"""Audiences of a cluster's tokens: no OIDC provider has a subject as client id."""
NAMES, NAMED = Language((_NAME,)), Language((f"{_NAME}:[^*?]*",))
"""`NAMED` are those that say with a colon what they name."""
_OTHER_KEYS = {"": "a-qs-z_", "r": "a-df-z_", "re": "a-oq-z_", "rep": "a-np-z_", "repo": "a-z_"}
"""Beginnings of keys that ``repo`` shares, and the letters that may follow in another one."""
GITHUB_SUBJECTS = Language(
    (
        f"repo:[^*?:/][^*?:/]*/{_NAME}",
        *(f"{begin}[{letters}][a-z_]*:{_NAME}" for begin, letters in _OTHER_KEYS.items()),
    ),
    may_be=re.compile(r"(?!repo:[^:]*\.git(:|$))").match,
)
"""Subjects of GitHub, where ``repo:`` stands before owner and repository, whose name GitHub lets no
one end in ``.git``.
Organizations may choose the keys: https://docs.github.com/en/actions/reference/security/oidc"""
TAG_VALUES = Language((f"{_TAG}*",), 256)
TAG_NAMES = Language((f"{_TAG}{_TAG}*",), 128)
SUBJECTS = Language(
    tuple(f"{SUBJECT_PREFIX}{a}:{b}" for a in _LABEL for b in _SUBDOMAIN),
    may_be=parse_subject,
    never=_DOTS,
)
NAMESPACES = Language(_LABEL, 63)
SERVICE_ACCOUNTS = Language(_SUBDOMAIN, 253, never=_DOTS)
SESSION_NAMES = Language((f"{_WORD}{_WORD}{_WORD}*",), 64)
EXTERNAL_IDS = Language((f"{_ID}{_ID}{_ID}*",), 1224)
ACCOUNTS = Language((_ACCOUNT,))
ORGANIZATIONS = Language(("o-[a-z0-9][a-z0-9]*/r-[a-z0-9][a-z0-9]*/[a-z0-9/-]*",))
"""Paths of accounts in their organizations, of which the first part is the organization's id."""


def clusters(account: str, partition: str) -> Language:
    """The ARNs of EKS clusters; of an account, if it is known."""
    region, name = "[a-z][a-z]-[a-z][a-z-]*-[0-9]", "[A-Za-z0-9][A-Za-z0-9_-]*"
    arns = f"arn:{partition}:eks:{region}:{re.escape(account) or _ACCOUNT}:cluster/{name}"
    return Language((arns,), may_be=re.compile(".*/.{1,100}").fullmatch)


def principals(account: str, partition: str, kind: str) -> Language:
    """The ARNs of an account's roles or users."""
    start = f"arn:{partition}:iam::{re.escape(account)}:{kind}/{_WORD}"
    return Language((start, f"{start}[A-Za-z0-9_+=,.@/-]*{_WORD}"), never=("//",))
