"""A sandbox for a test session: started for it, or one that runs already and is given back."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

from .. import lifecycle
from ..snapshots import Snapshots
from ..state import SandboxState
from .sandbox import Sandbox, prepared


@contextmanager
def running(folder: Path | None, on_progress: Callable[[str], None]) -> Iterator[Sandbox]:
    """The sandbox in ``folder``, or a new one in a temporary folder.

    One that ran before runs on afterwards, and is what it was; any other is stopped. Raises
    `SandboxError`, one line, when there can be none, or another process tests in it.
    """
    with ExitStack() as after:
        if folder is None:
            folder = after.enter_context(lifecycle.temporary_folder("irsa-pytest-"))
        state, is_ours = lifecycle.find_or_start(folder, on_progress)
        if is_ours:
            after.callback(lifecycle.down, state.path)
        yield after.enter_context(held(state, ends=is_ours))


@contextmanager
def held(state: SandboxState, *, ends: bool) -> Iterator[Sandbox]:
    """A sandbox that runs, made ready for tests. However this process ends, it is then what it was
    before, or ends with it.

    Raises `SandboxError` when another process holds it.
    """
    with closing(Snapshots(state.path, state.snapshots)) as snapshots:
        if ends:
            snapshots.ends()
        with prepared(state, snapshots) as sandbox:
            yield sandbox
