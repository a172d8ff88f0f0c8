"""A sandbox for a test session: started for it, or one that runs already and is given back."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

from .. import lifecycle
from ..snapshots import Snapshots
from ..state import ENDED_FILE, SandboxState
from .sandbox import Sandbox, prepared

PREFIX = "irsa-pytest-"


@contextmanager
def running(folder: Path | None, on_progress: Callable[[str], None]) -> Iterator[Sandbox]:
    """The sandbox in ``folder``, or a new one in a temporary folder.

    One that ran before runs on afterwards, and is what it was; any other is stopped. Raises
    `SandboxError`, one line, when there can be none, or another process tests in it.
    """
    with ExitStack() as after:
        if folder is None:
            folder = after.enter_context(_temporary_folder())
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


@contextmanager
def _temporary_folder() -> Iterator[Path]:
    """A private folder. It stays when the sandbox did not start, or ended on its own: its logs are
    there."""
    folder = Path(tempfile.mkdtemp(prefix=PREFIX))
    try:
        yield folder
    except KeyboardInterrupt:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    if not (folder / ENDED_FILE).exists():
        shutil.rmtree(folder)
