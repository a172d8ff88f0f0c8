"""The values of a caller's facts that can exist: names, ARNs, and what STS takes. Pure."""

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from irsa.callers.classes import ONE, RUN, Class, Linear, Place, classes, fits, joined, text
from irsa_core.identity.subjects import SUBJECT_PREFIX, parse_subject


def some(characters: str, *, many: bool = False) -> Place:
    """A place that takes these characters."""
    return Place(frozenset(characters), others=False, many=many)


_LOWER = "abcdefghijklmnopqrstuvwxyz"
_DIGITS = "0123456789"
_WORD = _LOWER + _LOWER.upper() + _DIGITS + "_+=,.@-"
_LABEL = (
    (some(_LOWER + _DIGITS),),
    (some(_LOWER + _DIGITS), some(_LOWER + _DIGITS + "-", many=True), some(_LOWER + _DIGITS)),
)
_SUBDOMAIN = (_LABEL[0], (_LABEL[1][0], some(_LOWER + _DIGITS + "-.", many=True), _LABEL[1][0]))
_ACCOUNT = (some(_DIGITS),) * 12
_REGION = joined(
    (some(_LOWER),) * 2, (some(_LOWER), some(_LOWER + "-", many=True)), (some(_DIGITS),), by="-"
)
_NAMES = (some(_WORD), some(_WORD + "/", many=True))


_DOTS = ("..", ".-", "-.")


class Language(NamedTuple):
    """The values that a fact can have."""

    linear: tuple[Linear, ...]
    most: int = 0
    """Their greatest length; 0 for none."""
    may_be: Callable[[str], object] = re.compile("").match
    """Predicate of the values that can exist, where the patterns leave a part open."""
    never: tuple[str, ...] = ()
    """Pairs of characters that no value has."""
    values: tuple[str, ...] | None = None
    """The values one by one, where they are known."""

    def has(self, value: str) -> bool:
        """Return whether a value is one of them."""
        if self.values is not None:
            return value in self.values
        short = len(value) <= (self.most or len(value)) and not any(e in value for e in self.never)
        return bool(short and self.may_be(value)) and any(fits(each, value) for each in self.linear)

    def classes(self, patterns: tuple[Linear, ...] = ()) -> Iterator[Class]:
        """Yield the classes of its values; raises `irsa.callers.classes.Unbounded`."""
        if self.values is None:
            yield from (e for e in classes(self.linear, patterns, self.never) if self.has(e.value))
        for value in self.values or ():
            own = text(value)
            yield next(e for e in classes((own,), (own, *patterns)) if e.value == value)


def only(*values: str) -> Language:
    """The language of some values."""
    return Language((), values=values)


TEXT = Language(((RUN,),))
SOME_TEXT = Language(((ONE, RUN),))
AUDIENCES = Language(SOME_TEXT.linear, may_be=re.compile(rf"(?!{SUBJECT_PREFIX})").match)
"""Audiences of a cluster's tokens: no OIDC provider has a subject as client id."""
_NO_NAME = frozenset("*?")
_NAME = (Place(_NO_NAME), Place(_NO_NAME, many=True))
NAMES, NAMED = Language((_NAME,)), Language(((*_NAME, *text(":"), _NAME[1]),))
"""`NAMED` are those that say with a colon what they name."""
_OWNER = Place(frozenset("*?:/")), Place(frozenset("*?:/"), many=True)
_KEY = _LOWER + "_"


def _other_key(at: int) -> Linear:
    """A subject that begins with a key of which the first letters alone are those of ``repo``."""
    letter = some(_KEY.replace("repo"[at : at + 1], ""))
    return joined((*text("repo"[:at]), letter, some(_KEY, many=True)), _NAME, by=":")


GITHUB_SUBJECTS = Language(
    (joined((*text("repo:"), *_OWNER), _NAME, by="/"), *map(_other_key, range(5))),
    may_be=re.compile(r"(?!repo:[^:]*\.git(:|$))").match,
)
"""Subjects of GitHub, where ``repo:`` stands before owner and repository, whose name GitHub lets no
one end in ``.git``.
Organizations may choose the keys: https://docs.github.com/en/actions/reference/security/oidc"""
_NO_TAG = frozenset("!\"#$%&'()*,;<>?[\\]^`{|}~\t\n")
TAG_VALUES = Language(((Place(_NO_TAG, many=True),),), 256)
TAG_NAMES = Language(((Place(_NO_TAG), Place(_NO_TAG, many=True)),), 128)
SUBJECTS = Language(
    tuple(joined(text(SUBJECT_PREFIX), a, text(":"), b) for a in _LABEL for b in _SUBDOMAIN),
    may_be=parse_subject,
    never=_DOTS,
)
NAMESPACES, SERVICE_ACCOUNTS = Language(_LABEL, 63), Language(_SUBDOMAIN, 253, never=_DOTS)
SESSION_NAMES = Language(((*(some(_WORD),) * 2, some(_WORD, many=True)),), 64)
_ID = _WORD + ":/"
EXTERNAL_IDS = Language(((*(some(_ID),) * 2, some(_ID, many=True)),), 1224)
ACCOUNTS = Language((_ACCOUNT,))
_NUMBER = (some(_LOWER + _DIGITS), some(_LOWER + _DIGITS, many=True))
_BELOW = (*text("/"), some(_LOWER + _DIGITS + "-/", many=True))
ORGANIZATIONS = Language((joined(text("o-"), _NUMBER, text("/r-"), _NUMBER, _BELOW),))
"""Paths of accounts in their organizations, of which the first part is the organization's id."""


def clusters(account: str, partition: str) -> Language:
    """The ARNs of EKS clusters; of an account, if it is known."""
    first, rest = some(_LOWER + _LOWER.upper() + _DIGITS), some(_WORD.replace(".", ""), many=True)
    start = joined(text(f"arn:{partition}:eks"), _REGION, text(account) or _ACCOUNT, by=":")
    return Language((joined(start, text(":cluster/"), (first, rest)),))


def principals(account: str, partition: str, kind: str) -> Language:
    """The ARNs of an account's roles or users."""
    start = text(f"arn:{partition}:iam::{account}:{kind}/")
    ends = ((some(_WORD),), (*_NAMES, some(_WORD)))
    return Language(tuple(joined(start, each) for each in ends), never=("//",))
