"""The example's stacks in two sandboxes: one that leaves a provider to its published plugin, and
one that does not."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from sandbox import lifecycle
from sandbox.demo import left_overs
from sandbox.session import Session
from sandbox.toolchain.plugins import Choice, find

from .comparison import Difference, Steps, Things, Written, differences, outdated, unwritten
from .two_accounts import AS_B, LISTED, Pair

Changes = Mapping[str, tuple[str, Mapping[str, Any]]]
"""By what they are called: a workload of the example, and what is other about it."""


@contextmanager
def sandbox_with(plugin: str, folder: Path) -> Iterator[Session]:
    """A sandbox that leaves this provider to its plugin; skips the test where there is none."""
    choice = Choice(frozenset({plugin}))
    if find(plugin, choice.home) is None:
        pytest.skip(f"no plugin of pulumi-{plugin}: docs/sandbox.md says where to get it")
    state = lifecycle.up(folder, print, choice)
    with closing(Session(state)) as session:
        yield session
    lifecycle.down(state.path)


@contextmanager
def made_anew(*sessions: Session) -> Iterator[tuple[Pair, ...]]:
    """Both of the example's stacks in each sandbox, which are left with nothing in them."""
    pairs = tuple(Pair(session) for session in sessions)
    for pair in pairs:
        pair.open_a().destroy()
        pair.up()
    yield pairs
    for pair in pairs:
        pair.empty_buckets()
        pair.open_b().destroy()
        pair.open_a().destroy()
        assert left_overs(pair.session) == []


def stay_as_they_are(pair: Pair) -> None:
    """Fail unless neither a preview nor a refresh finds changes, and the chain's pod its bucket."""
    for stack in (pair.open_a(), pair.open_b()):
        assert stack.preview().keys() == {"same"}
        assert stack.refresh().keys() == {"same"}
        assert stack.preview().keys() == {"same"}

    assert pair.listing(*AS_B) == LISTED


def differences_of_previews(pairs: Sequence[Pair], changes: Changes) -> list[Difference]:
    """What the two say otherwise of changes to account A's workloads."""
    found: list[Difference] = []
    for workload, change in changes.values():
        attached, published = (_steps(pair, workload, change) for pair in pairs)
        assert attached
        assert attached.keys() == published.keys()
        found += differences(attached, published)
    return found


def explained(found: list[Difference], written: list[Written]) -> None:
    """Fail for a difference that is not on the list, and for an entry of it that is none."""
    new = "\n".join(map(str, unwritten(found, written)))
    assert not new, f"on no list:\n{new}"
    gone = "\n".join(map(str, outdated(found, written)))
    assert not gone, f"on the list, and no difference any more:\n{gone}"


def _steps(pair: Pair, workload: str, changes: Mapping[str, Any]) -> Things:
    listener = Steps()
    pair.open_a(dict(changes), workload=workload).preview(on_event=listener)
    return listener.taken
