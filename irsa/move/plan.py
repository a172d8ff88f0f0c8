"""Steps of a move, each done or to do, as the facts show. Pure.

No step is remembered: a move that was interrupted goes on at the first step that is not done. Until
the last step, the opposite move leads back.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import NamedTuple

from irsa.identity.injection import IN_A_ROW
from irsa.move.facts import NAMES, Move
from irsa.move.trust import without_caller


class Step(NamedTuple):
    """A step of a move."""

    key: str
    text: str
    """The state that the step leads to."""
    done: bool
    checks: bool = False
    """True if it changes nothing, and is done again in each run that needs it."""


def steps(move: Move) -> list[Step]:
    """Return the steps of a move in their order."""
    return [*_before(move), *_restart(move), *_after(move)]


def _before(move: Move) -> Iterator[Step]:
    role, account = move.role.name, move.title
    trusts = move.trusts_wanted
    if move.to_pod_identity:
        associated = move.association is not None
        yield Step("trust", f"role {role} trusts EKS for {account}", trusts)
        yield Step("associate", f"an association gives the role to {account}", associated)
        yield _session(move, "session", done=not move.old)
    else:
        named = move.account.role_arn == move.role.arn
        gone = move.association is None
        yield Step("trust", f"role {role} trusts the tokens of {account}", trusts)
        yield Step("annotate", f"{account} is annotated with the role", named)
        yield _session(move, "session", done=gone and not move.old)
        yield Step("dissociate", "the association is deleted", gone)


def _restart(move: Move) -> Iterator[Step]:
    given, old = f"the credentials of {NAMES[move.to]}", move.old
    yield Step("gate", f"{IN_A_ROW} trial Pods in a row get {given}", not old, checks=True)
    yield Step("restart", f"every Pod is restarted and has {given}", not old)


def _after(move: Move) -> Iterator[Step]:
    trusted = move.trusts_unwanted
    removed = not trusted or without_caller(move.role, move.unwanted) is None
    named = move.to_pod_identity and bool(move.account.role_arn)
    ended = removed and not named and not move.old
    over = not move.old and move.over <= move.facts.now
    until = "" if move.old or not move.owners else f" at {clock(move.over)}"
    yield _session(move, "session-again", done=ended)
    yield Step("wait", f"tokens and sessions of the old Pods are over{until}", ended or over)
    if move.to_pod_identity:
        yield Step("unannotate", "the annotation of the role is removed", not named)
    by = f"{move.title} by {move.unwanted.source}"
    text = f"role {move.role.name} does not trust {by}"
    if removed and trusted:
        text = f"others have access by the statement that trusts {by}: it stays, narrow it by hand"
    yield Step("distrust", text, removed)


def _session(move: Move, key: str, *, done: bool) -> Step:
    by = "EKS" if move.to_pod_identity else "STS"
    return Step(key, f"{by} gives a running Pod's token a session of the role", done, checks=True)


def clock(moment: float) -> str:
    """Return a moment as text."""
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
