"""What a killed run of the engine left, as the next run finds it (decision 0005).

The engine saves a stack's state once, at the end of a run. After a run that was killed, the
providers' journal knows what was made and changed since, and the state knows what a plain
`pulumi up` was about to make.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pulumi import automation

from irsa.identity.left_over import LEFT_OVER

from ..errors import SandboxError
from ..providers.journal_service import JournalClient
from .stack_state import StackState, read_state, release_locks_of_the_dead


class Recovery:
    """Of one stack: what killed runs left of it, and how the next run takes it over."""

    def __init__(self, port: int, backend: Path, project: str, stack: automation.Stack) -> None:
        """``port`` is that of a provider, which has the journal; ``backend`` the state's folder."""
        self._backend = backend
        self._project = project
        self._stack = stack
        self._journal = JournalClient(port, f"urn:pulumi:{stack.name}::{project}")

    @contextmanager
    def preview(self) -> Iterator[None]:
        """Around a preview, which changes nothing."""
        release_locks_of_the_dead(self._backend)
        with self._components_told(self._state()):
            yield

    @contextmanager
    def run(self) -> Iterator[list[str]]:
        """Around a run that changes the state. Gives the URNs whose recorded state may be out of
        date, because an earlier run was killed."""
        release_locks_of_the_dead(self._backend)
        at_start = self._state()
        with (
            self._components_told(at_start),
            self._journal.run(at_start.recorded, at_start.creating) as touched,
        ):
            if at_start.creating:
                self._forget_pending()
            before = self._state()
            suspects = dict.fromkeys([*touched, *at_start.pending])
            try:
                yield [urn for urn in suspects if urn in before.recorded]
            finally:
                after = self._state()
                if after.saved != before.saved:
                    self._journal.saved(after.recorded)

    def settle(self) -> None:
        """Remove what killed runs left and no run has taken over; `SandboxError` if that fails."""
        if problems := self._journal.settle():
            raise SandboxError(
                f"what a killed run left cannot all be removed: {'; '.join(problems)}; remove "
                "the rest by hand, and run this again"
            )

    @contextmanager
    def _components_told(self, state: StackState) -> Iterator[None]:
        """The components know what a killed run made, which they would refuse to make again."""
        urns = self._journal.left(state.recorded, state.creating)
        LEFT_OVER.update(urns)
        try:
            yield
        finally:
            LEFT_OVER.difference_update(urns)

    def _state(self) -> StackState:
        return read_state(self._backend, self._project, self._stack.name)

    def _forget_pending(self) -> None:
        """The engine keeps pending creations for ever, because it cannot know what became of them.
        The journal does."""
        exported = self._stack.export_stack()
        deployment = dict(exported.deployment or {})
        deployment.pop("pending_operations", None)
        self._stack.import_stack(automation.Deployment(exported.version, deployment))


class NoRecovery:
    """As for a `pulumi up` by hand, to which nobody says what a killed run left."""

    @contextmanager
    def preview(self) -> Iterator[None]:
        """See `Recovery.preview`."""
        yield

    @contextmanager
    def run(self) -> Iterator[list[str]]:
        """See `Recovery.run`."""
        yield []

    def settle(self) -> None:
        """See `Recovery.settle`."""
