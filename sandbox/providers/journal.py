"""What the providers made and did for a stack since its state was last saved (decision 0005).

The engine saves a stack's state once, at the end of a run. If it is killed, the state is the one
from before the run, and this journal knows the rest. It lives in the process that holds the
emulator and ends with it. In an `up` of `sandbox.engine.stack`, a resource that a killed run made
is handed out again instead of being made twice. A plain `pulumi up` gets no such help, as on AWS.
"""

import itertools
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from .resource import Properties, Refused

Recorded = Mapping[str, Sequence[str]]
"""The ids that a state records of each URN."""

PLAIN_PULUMI = "a plain `pulumi up`"
"""Stands for the run of something that a killed plain `pulumi up` made."""

ORPHANS_TIMEOUT = 150.0  # seconds; a Deployment is waited for during 120


@dataclass
class Made:
    """A resource that was made and not removed since."""

    urn: str
    resource_id: str
    inputs: Properties
    ready: bool
    """Whether it became usable."""

    run: object
    """The run of `sandbox.engine.stack` in which it was made; None in a plain `pulumi up`."""

    remove: Callable[[], None]
    """Delete it, if it is still there; raise `Refused`."""

    number: int = field(default_factory=itertools.count().__next__)
    """Tells the order in which things were made."""


@dataclass
class Journal:
    """One for all packages of a sandbox, so that it knows their common order.

    Providers note what they do (`at_work`, `made`, `touching`, `removed`); the engine's runs ask
    through `sandbox.providers.journal_service` (`run`, `left`, `saved`, `settle`).
    """

    _made: dict[str, dict[str, Made]] = field(default_factory=dict)
    """By URN and id; ids of one URN in the order of their making."""

    _touched: dict[str, dict[str, None]] = field(default_factory=dict)
    _runs: dict[str, object] = field(default_factory=dict)
    _busy: Counter[str] = field(default_factory=Counter)
    _changed: threading.Condition = field(default_factory=threading.Condition)

    @contextmanager
    def at_work(self, urn: str) -> Iterator[object]:
        """Note that a call is under way, which a killed engine leaves behind. Gives the run."""
        stack = stack_of(urn)
        with self._changed:
            self._busy[stack] += 1
            run = self._runs.get(stack)
        try:
            yield run
        finally:
            with self._changed:
                self._busy[stack] -= 1
                self._changed.notify_all()

    def left_over(self, urn: str) -> Made | None:
        """What a killed run made under this URN, while an `up` of `sandbox.engine.stack` runs."""
        with self._changed:
            run = self._runs.get(stack_of(urn))
            left = [made for made in self._made.get(urn, {}).values() if made.run is not run]
            return left[-1] if run and left else None

    def made(self, made: Made) -> None:
        """Note a new resource, or that a left-over was handed out with other inputs."""
        with self._changed:
            self._made.setdefault(made.urn, {})[made.resource_id] = made

    def touching(self, urn: str) -> None:
        """Note that a recorded resource is going to be changed or removed."""
        with self._changed:
            stack = stack_of(urn)
            if stack in self._runs:
                self._touched.setdefault(stack, {})[urn] = None

    def removed(self, urn: str, resource_id: str) -> None:
        """Note that a resource is gone."""
        with self._changed:
            ids = self._made.get(urn, {})
            ids.pop(resource_id, None)
            if not ids:
                self._made.pop(urn, None)

    @contextmanager
    def run(self, stack: str, recorded: Recorded, pending: Sequence[str]) -> Iterator[list[str]]:
        """A run of the engine on a stack; gives the URNs whose recorded state may be out of date
        because an earlier run was killed.

        ``pending`` are the URNs that the state says a plain `pulumi up` was creating. What else
        such an `up` made and no state records was taken out of it on purpose, and is left alone.
        """
        mine = object()

        with self._changed:
            self._changed.wait_for(lambda: not self._busy[stack], ORPHANS_TIMEOUT)
            self._keep(stack, lambda made: _is_left_over(made, recorded, pending))
            self._runs[stack] = mine
            touched = list(self._touched.get(stack, ()))
        try:
            yield touched
        finally:
            with self._changed:
                if self._runs.get(stack) is mine:
                    del self._runs[stack]

    def left(self, stack: str, recorded: Recorded, pending: Sequence[str]) -> list[str]:
        """The URNs of what killed runs made and no state records (``pending``: see `run`)."""
        with self._changed:
            return [
                urn
                for urn, ids in self._made.items()
                if stack_of(urn) == stack
                and any(_is_left_over(made, recorded, pending) for made in ids.values())
            ]

    def saved(self, stack: str, recorded: Recorded) -> None:
        """The stack's state has been saved: forget what it records."""
        with self._changed:
            self._touched.pop(stack, None)
            self._keep(stack, lambda made: made.resource_id not in recorded.get(made.urn, ()))

    def settle(self, stack: str) -> list[str]:
        """Remove what killed runs left and no run has taken, the newest first; a line for each
        thing that could not be removed."""
        with self._changed:
            left = [
                made
                for urn, ids in self._made.items()
                if stack_of(urn) == stack
                for made in ids.values()
            ]
        left.sort(key=lambda made: made.number, reverse=True)
        while left:
            problems = [(made, problem) for made in left if (problem := self._remove(made))]
            if len(problems) == len(left):
                return [problem for _, problem in problems]
            left = [made for made, _ in problems]  # some may have been in the others' way
        return []

    def _keep(self, stack: str, wanted: Callable[[Made], bool]) -> None:
        for urn in [urn for urn in self._made if stack_of(urn) == stack]:
            kept = {key: made for key, made in self._made.pop(urn).items() if wanted(made)}
            if kept:
                self._made[urn] = kept

    def _remove(self, made: Made) -> str | None:
        try:
            made.remove()
        except Refused as error:
            kind, name = made.urn.split("::")[2:4]
            return f"{kind.rpartition('$')[2]} {name} ({made.resource_id}): {error}"
        self.removed(made.urn, made.resource_id)
        return None


def _is_left_over(made: Made, recorded: Recorded, pending: Sequence[str]) -> bool:
    if made.run is None and made.urn in pending:
        made.run = PLAIN_PULUMI
    return made.run is not None and made.resource_id not in recorded.get(made.urn, ())


def stack_of(urn: str) -> str:
    """The part of a URN that names stack and project (``urn:pulumi:dev::irsa``)."""
    return "::".join(urn.split("::")[:2])
