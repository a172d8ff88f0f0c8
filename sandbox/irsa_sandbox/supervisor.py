"""The sandbox's one background process: it holds every server and watches over all of them.

`irsa_sandbox.lifecycle` starts it as `python -m irsa_sandbox.supervisor FOLDER PULUMI CONTROL_PLANE
PLUGINS LOCK STARTER`. PLUGINS are the providers that are not attached, with commas between. The
last two are file descriptors: the folder's lock, which it holds until it ends, and a pipe whose
other end its starter has. It tells its progress on standard output, a line a step, closes it when
everything answers, and ends on SIGTERM, when a part of it dies, and when its starter goes before
everything answers.
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

from .reaper import reaper
from .serving.files import write_private
from .state import ENDED_FILE, FAILED, LOG_FILE, save

WATCH_EVERY = 0.5  # seconds

log = logging.getLogger("sandbox")


class Cancelled(BaseException):
    """The sandbox is to end before it has started; nothing but `main` may catch this."""


class Ending:
    """Request to end the sandbox. A signal during the start interrupts it."""

    def __init__(self) -> None:
        self.starting = True
        self.wanted = False
        # Not an event, whose lock the interrupted thread may hold; this one may be put to any time.
        self._signals: queue.SimpleQueue[None] = queue.SimpleQueue()

    def __call__(self, *_: object) -> None:
        """Handle a signal."""
        first, self.wanted = not self.wanted, True
        self._signals.put(None)
        if self.starting and first:
            raise Cancelled

    def wait(self, seconds: float) -> bool:
        """Wait for the request, at most this time; return True if it was made."""
        with suppress(queue.Empty):
            self._signals.get(timeout=seconds)
        return self.wanted


def main(folder: Path, pulumi: Path, control_plane: Path, plugins: list[str], starter: int) -> int:
    """Run a sandbox in ``folder``, which is empty and locked, until a signal or a part's death."""
    ending = Ending()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, ending)
    logging.basicConfig(
        filename=folder / LOG_FILE,
        level=logging.INFO,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
    )
    for client_or_server in ("httpx2", "websockets"):  # a line a request otherwise
        logging.getLogger(client_or_server).setLevel(logging.WARNING)
    # The control plane is in this group. A regular stop has none of it left by then.
    _reaper = reaper(os.getpgrp())
    with ExitStack() as running:
        try:
            threading.Thread(target=_end_with, args=(starter, ending), daemon=True).start()
            from .parts import Parts  # takes a second, in which the start can be cancelled

            parts = Parts(folder, running, _tell)
            save(parts.start(pulumi, control_plane, plugins, _end))
            ending.starting = False
        except (Cancelled, Exception) as error:
            # A class that was being made when the signal came turns `Cancelled` into another error.
            if isinstance(error, Cancelled) or ending.wanted:
                log.info("the start was cancelled")
            else:
                log.exception("the sandbox did not start")
                with suppress(Cancelled):
                    _tell(f"{FAILED}{error}")
            return 1
        _close_output()
        return _watch(folder, parts.ended, ending)


def _end_with(starter: int, ending: Ending) -> None:
    """Cancel the start when its starter is gone: Ctrl-C, a closed terminal, `kill -9`."""
    os.read(starter, 1)  # nothing is ever written: this is the pipe's end
    if ending.starting:
        _end()


def _watch(folder: Path, parts: Iterable[Callable[[], str | None]], ending: Ending) -> int:
    """Return when the sandbox is to end. A part that died takes the rest with it: without etcd
    nothing of the cluster is left, and half a sandbox gives answers that mislead."""
    while not ending.wait(WATCH_EVERY):
        for ended in parts:
            if (how := ended()) is not None:
                log.error("%s", how)
                write_private(folder / ENDED_FILE, how.encode())
                return 1
    return 0


def _end() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


def _tell(text: str) -> None:
    log.info("%s", text)
    try:
        os.write(1, f"{text}\n".encode())
    except BrokenPipeError:  # the starter has ended; `_end_with` is about to notice, too
        raise Cancelled from None


def _close_output() -> None:
    devnull = os.open(os.devnull, os.O_WRONLY)
    os.dup2(devnull, 1)
    os.dup2(devnull, 2)
    os.close(devnull)


if __name__ == "__main__":
    # The lock stays open, and so the folder taken, until this process has ended.
    folder, pulumi, control_plane, names, _lock, starter = sys.argv[1:]
    plugins = [name for name in names.split(",") if name]
    sys.exit(main(Path(folder), Path(pulumi), Path(control_plane), plugins, int(starter)))
