"""Error texts of AWS and the SDKs, and their causes, from known_errors.yaml. Pure."""

import re
from dataclasses import dataclass, replace
from enum import IntEnum
from pathlib import Path

from irsa_core import tables
from irsa_core.identity.errors import Denial, NamedPolicyType, Refusal, flatten, read_denial

TEXT_MAX = 50_000
"""Characters that are read, from the end: errors are at the end of a log."""

# Programs print errors as JSON strings (\n, \n\t, \"), or with a bar before each line.
# A \t alone may be a folder on Windows.
_ESCAPED = re.compile(r"\\n(?:\\t)?|\\(?=[\"'])|\n\s*[|>]\s")

# What writers of issues put in place of a region: eks.<region>.amazonaws.com.
_BLACKENED = re.compile(r"(?<=\.)[<{\[][\w -]{1,30}[>}\]](?=\.)")


class Level(IntEnum):
    """Distance of an error text to the cause. Of all that fit, only the nearest are an answer.

    An SDK puts the error of a call into the error of the next one ("failed to refresh cached
    credentials, … STS: AssumeRoleWithWebIdentity, … Rate exceeded"). The outer text says nothing
    that the inner one does not.
    """

    POD_IDENTITY = 0
    """The credentials come from EKS Pod Identity, so nothing below applies."""
    NAMED = 1
    """The text names the cause."""
    REFUSED = 2
    """A call was refused, for one of several reasons."""
    FALLBACK = 3
    """The SDK went on to the node's metadata service: no other credentials were configured."""
    SUMMARY = 4
    """The SDK has no credentials; the reason is in another text, or in none."""


@dataclass(frozen=True, slots=True)
class Cause:
    """A cause of an error."""

    id: str
    """Short name, unique within the error."""
    cause: str
    check: str = ""
    """A command or words that show whether it is this one; empty when `verify` does."""
    link: str = ""
    """The link of `verify` that shows it."""
    source: str = ""
    """A thread that it solved (owner/repository#number), or AWS's page."""
    policy_types: frozenset[NamedPolicyType] = frozenset()
    """The likeliest cause if AWS says that a policy of these types refused."""
    refusal: Refusal | None = None
    """With `policy_types`: only if they refused in this way."""
    words: re.Pattern[str] | None = None
    """The likeliest cause if the text matches this."""


@dataclass(frozen=True, slots=True)
class KnownError:
    """An error text and its causes."""

    key: str
    error: str
    """The text, as AWS or the SDK writes it."""
    pattern: re.Pattern[str]
    meaning: str
    causes: tuple[Cause, ...]
    """The likeliest first."""
    level: Level = Level.NAMED
    fallback: re.Pattern[str] | None = None
    """The kind of text that is this one if no error's pattern fits."""


_FILE = tables.load(Path(__file__).with_suffix(".yaml"))
KNOWN_ERRORS = tuple(tables.rows(KnownError, _FILE["errors"], _FILE["fragments"]).values())


def diagnose(text: str) -> list[KnownError]:
    """Return the known errors that a text names, in the order of the table; or the one of a key.

    Only those of the nearest `Level` are an answer. Their causes are in the order of the table,
    after those that the text itself names.
    """
    flat = plain(text)
    if by_key := [error for error in KNOWN_ERRORS if error.key == flat]:
        return by_key
    fitting = [error for error in KNOWN_ERRORS if error.pattern.search(flat)] or [
        error for error in KNOWN_ERRORS if error.fallback and error.fallback.search(flat)
    ]
    nearest = min((error.level for error in fitting), default=None)
    denial = read_denial(flat)
    return [
        replace(error, causes=tuple(sorted(error.causes, key=lambda c: _rank(c, flat, denial))))
        for error in fitting
        if error.level is nearest
    ]


def plain(text: str) -> str:
    """Return the end of a text on one line, without the escapes of a JSON string."""
    return flatten(_BLACKENED.sub("x", _ESCAPED.sub(" ", text[-TEXT_MAX:])))


def _rank(cause: Cause, flat: str, denial: Denial | None) -> int:
    """0 if AWS names the cause's type of policy, 1 if the text has the cause's words, else 2."""
    named = (
        denial is not None
        and denial.policy_type in cause.policy_types
        and cause.refusal in {None, denial.refusal}
    )
    if named:
        return 0
    return 1 if cause.words and cause.words.search(flat) else 2
