"""Run the benches one after the other: `make bench`. Ctrl-C ends what they started.

Each prints one JSON object on standard output, and its progress on standard error.
"""

import ast
import subprocess
import sys
import time
from pathlib import Path

from benches._measure import progress
from irsa.commands.terminal import INTERRUPTED

FOLDER = Path(__file__).resolve().parent


def minutes_of(file: Path) -> float:
    """How long a bench took when it was measured last, as its ``MINUTES`` says."""
    for node in ast.parse(file.read_text()).body:
        match node:
            case ast.Assign(targets=[ast.Name("MINUTES")], value=ast.Constant(float(minutes))):
                return minutes
    raise LookupError(f"{file} has no MINUTES = 1.5, how long it takes on two cores")


def main() -> int:
    """Say how long all will take, and run them."""
    benches = {file: minutes_of(file) for file in sorted(FOLDER.glob("[a-z]*.py"))}
    progress(f"about {sum(benches.values()):.0f} minutes on two cores:")
    for file, minutes in benches.items():
        progress(f"  {minutes:4.1f} min  {file.stem}: {_title(file)}")
    for file in benches:
        progress(f"{file.stem}")
        started = time.monotonic()
        with subprocess.Popen([sys.executable, file]) as bench:
            code = _wait(bench)
        progress(f"{file.stem}: {(time.monotonic() - started) / 60:.1f} min")
        if code != 0:
            return code
    return 0


def _wait(bench: subprocess.Popen[bytes]) -> int:
    try:
        return bench.wait()
    except KeyboardInterrupt:  # the terminal tells the bench as well, and it tidies up
        return bench.wait() or INTERRUPTED


def _title(file: Path) -> str:
    return (ast.get_docstring(ast.parse(file.read_text())) or "").splitlines()[0]


if __name__ == "__main__":
    sys.exit(main())
