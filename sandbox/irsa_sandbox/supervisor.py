"""The sandbox's one background process: it holds every server and watches over all of them.

`irsa_sandbox.lifecycle` starts it as `python -m irsa_sandbox.supervisor FOLDER PULUMI CONTROL_PLANE
LOCK STARTER PLUGIN...`. LOCK and STARTER are file descriptors: the folder's lock, which it holds
until it ends, and a pipe whose other end its starter has. Each PLUGIN is a provider that is not
attached. It tells its progress on standard output, a line a step, closes it when everything
answers, and ends on SIGTERM, when a part of it dies, when its folder is removed, and when its
starter goes before everything answers.
"""

import logging
import os
import queue
import signal
import sys
import threading
from collections.abc import Callable, Iterable
from contextlib import ExitStack, suppress
from pathlib import Path

from irsa.commands.terminal import discard_output

from .folder import is_lock_of
from .reaper import reaper
from .serving.files import write_private
from .state import ENDED_FILE, FAILED, LOG_FILE, save

WATCH_EVERY = 0.5  # seconds

log = logging.getLogger("sandbox")


def main(
    folder: Path, pulumi: Path, control_plane: Path, plugins: list[str], lock: int, starter: int
) -> int:
    """Run a sandbox in ``folder``, which is empty and locked, until a signal or a part's death."""
    logging.basicConfig(
        filename=folder / LOG_FILE,
        level=logging.INFO,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
    )
    for client_or_server in ("httpx2", "websockets"):  # a line a request otherwise
        logging.getLogger(client_or_server).setLevel(logging.WARNING)
    # The control plane is in this group. A regular stop has none of it left by then; a signal
    # during the start ends this process at once.
    _reaper = reaper(os.getpgrp(), lock)
    started, signals = threading.Event(), queue.SimpleQueue[None]()
    threading.Thread(target=_end_with, args=(starter, started), daemon=True).start()
    with ExitStack() as running:
        try:
            from .parts import Parts, start  # takes a second, in which it can be cancelled

            parts = running.enter_context(Parts())
            save(start(parts, folder, pulumi, control_plane, plugins, tell=_tell, end=_end))
        except Exception as error:
            log.exception("the sandbox did not start")
            _tell(f"{FAILED}{error}")
            return 1
        started.set()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            # Not an event, whose lock the interrupted thread may hold.
            signal.signal(number, lambda *_: signals.put(None))
        discard_output(sys.stdout, sys.stderr)
        return _watch(folder, lock, parts.ended, signals)


def _end_with(starter: int, started: threading.Event) -> None:
    """Cancel the start when its starter is gone: Ctrl-C, a closed terminal, `kill -9`."""
    os.read(starter, 1)  # nothing is ever written: this is the pipe's end
    if not started.is_set():
        _end()


def _watch(
    folder: Path,
    lock: int,
    parts: Iterable[Callable[[], str | None]],
    signals: "queue.SimpleQueue[None]",
) -> int:
    """Return when the sandbox is to end. A part that died takes the rest with it: without etcd
    nothing of the cluster is left, and half a sandbox gives answers that mislead."""
    while True:
        with suppress(queue.Empty):
            signals.get(timeout=WATCH_EVERY)
            return 0
        how = next(filter(None, (ended() for ended in parts)), None)
        if not is_lock_of(folder, lock):  # removed: it may be another sandbox's folder by now
            return 1
        if how is not None:
            log.error("%s", how)
            write_private(folder / ENDED_FILE, how.encode())
            return 1


def _end() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


def _tell(text: str) -> None:
    log.info("%s", text)
    try:
        os.write(1, f"{text}\n".encode())
    except BrokenPipeError:  # the starter has ended; `_end_with` is about to notice
        _end()


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    # The lock stays open, and so the folder taken, until this process and its group have ended.
    folder, pulumi, control_plane, lock, starter, *plugins = sys.argv[1:]
    own = Path(folder), Path(pulumi), Path(control_plane)
    sys.exit(main(*own, plugins, int(lock), int(starter)))
