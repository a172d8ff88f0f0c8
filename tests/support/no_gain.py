"""The check of every remedy that a test executes: no other principal gains an action by it."""

from collections.abc import Callable, Mapping
from typing import TypeVar

from irsa.decide.verdict import Verdict

CallT = TypeVar("CallT")
_ORDER = (Verdict.DENY, Verdict.UNKNOWN, Verdict.ALLOW)


def no_gain(
    before: Mapping[CallT, Verdict],
    after: Mapping[CallT, Verdict],
    *,
    but: Callable[[CallT], bool] = lambda _: False,
) -> None:
    """Compare the evaluator's answers to calls; ``but`` tells those that the remedy is for."""
    gained = [
        call
        for call, verdict in after.items()
        if not but(call) and _ORDER.index(verdict) > _ORDER.index(before.get(call, Verdict.DENY))
    ]
    assert gained == [], f"gained by the remedy: {gained}"
