"""Run the benches one after the other: `make bench`. Ctrl-C ends what they started.

Each prints one JSON object on standard output, and its progress on standard error.
"""

import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

from irsa.commands.terminal import SIGNALED
from tests.benches._measure import progress

FOLDER = Path(__file__).resolve().parent


class Bench(NamedTuple):
    """A bench: its duration on two cores, and the options of its smallest run, for the tests."""

    minutes: float
    smallest: str


ONCE = "--repetitions 1"
BENCHES = {
    "audit": Bench(3.0, f"--roles 100 {ONCE}"),
    "decide": Bench(1.0, f"--decisions=100 {ONCE}"),
    "diff": Bench(1.0, f"--roles 100 {ONCE}"),
    "reset": Bench(0.5, f"--restarts 1 {ONCE}"),
    "up": Bench(3.0, "1"),
}


def main() -> int:
    """Run every bench."""
    progress(f"about {sum(bench.minutes for bench in BENCHES.values()):.0f} minutes on two cores")
    for name, bench in BENCHES.items():
        progress(f"{name}: about {bench.minutes} min")
        started = time.monotonic()
        with subprocess.Popen([sys.executable, FOLDER / f"{name}.py"]) as process:
            code = _wait(process)
        progress(f"{name}: {(time.monotonic() - started) / 60:.1f} min")
        if code != 0:
            return code
    return 0


def _wait(process: subprocess.Popen[bytes]) -> int:
    try:
        return process.wait()
    except KeyboardInterrupt:  # the terminal tells the bench as well, and it stops its sandbox
        return process.wait() or SIGNALED + signal.SIGINT


if __name__ == "__main__":
    sys.exit(main())
