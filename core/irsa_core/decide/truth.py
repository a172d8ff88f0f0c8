"""Three-valued logic: true, false, and what cannot be told because a fact is missing. Pure."""

from collections.abc import Iterable
from enum import Enum

Truth = bool | None
"""None is what cannot be told."""


def all_of(truths: Iterable[Truth]) -> Truth:
    """Three-valued AND."""
    answer: Truth = True
    for truth in truths:
        if truth is False:
            return False
        if truth is None:
            answer = None
    return answer


def any_of(truths: Iterable[Truth]) -> Truth:
    """Three-valued OR."""
    answer: Truth = False
    for truth in truths:
        if truth:
            return True
        if truth is None:
            answer = None
    return answer


def negated(truth: Truth) -> Truth:
    """Three-valued NOT."""
    return None if truth is None else not truth


class Verdict(Enum):
    """Allowed, denied, or undecided because facts are missing."""

    ALLOW = "allow"
    DENY = "deny"
    UNKNOWN = "unknown"
