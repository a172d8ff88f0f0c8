"""`python -m irsa audit` of a large cluster, against Python reading the same files as JSON.

Whole processes, with their start. As many service accounts as roles, each pair whole, so that every
role's trust policy is judged:

- ``offline``: from the files that `kubectl` and `aws` print; ``live``: from an HTTP server that
  answers in pages as the API server, IAM and STS do, and counts the calls of AWS
- ``baseline``: a process that reads the two large files with `json.load`
- ``growth``: the time of ten times as much, divided by ten, without the process's start: 1.0 is
  linear
- ``peak_megabytes``: the most memory that a process has had
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from _measure import ROOT, medians, report, run, seconds

from tests.support.fleet import Fleet

GOAL, CALLS_GOAL, MEMORY_GOAL = 20.0, 60, 300.0  # seconds, calls of AWS, megabytes
PROVIDERS = 53

PEAK = """
import os, subprocess, sys
process = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL)
_, status, used = os.wait4(process.pid, 0)
print(used.ru_maxrss / (1024 if sys.platform == "linux" else 1024 * 1024))
sys.exit(os.waitstatus_to_exitcode(status))
"""
"""A process of its own: one that is forked begins with as much memory as its parent has."""


def main() -> None:
    """Make the fleets, and let all sides take turns."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=5_000)
    parser.add_argument("--repetitions", type=int, default=5)
    options = parser.parse_args()
    with TemporaryDirectory(prefix="irsa-bench-") as folder:
        report(_measured(Path(folder), options.size, options.repetitions))


def _measured(folder: Path, size: int, repetitions: int) -> Mapping[str, object]:
    large, small = Fleet(size, PROVIDERS), Fleet(size // 10, PROVIDERS)
    places = {name: folder / name for name in ("large", "small")}
    for place in places.values():
        place.mkdir()
    saved, saved_small = large.save(places["large"]), small.save(places["small"])
    read = "import json, sys; [json.load(open(each)) for each in sys.argv[1:]]"
    files = [str(places["large"] / name) for name in ("accounts.json", "roles.json")]
    peaks: dict[str, float] = {}
    with large.serving(folder) as server:
        times = medians(
            repetitions,
            {
                "offline": _audit(saved, {}, peaks, "offline"),
                "offline_small": _audit(saved_small, {}, peaks, "offline_small"),
                "live": _audit([], server, peaks, "live"),
                "baseline": lambda: seconds(
                    lambda: subprocess.run([sys.executable, "-c", read, *files], check=True)
                ),
                "start": lambda: seconds(
                    lambda: subprocess.run(
                        [sys.executable, "-m", "irsa", "audit", "--help"],
                        cwd=ROOT,
                        check=True,
                        capture_output=True,
                    )
                ),
            },
        )
    start = times.pop("start")
    growth = (times["offline"] - start) / (times.pop("offline_small") - start) / 10
    peaks.pop("offline_small")
    calls = large.aws_calls() // repetitions
    slowest, peak = max(times["offline"], times["live"]), max(peaks.values())
    return {
        "bench": "audit",
        "service_accounts": size,
        "roles": size,
        "providers": PROVIDERS,
        "repetitions": repetitions,
        "seconds": {name: round(each, 2) for name, each in times.items()},
        "ratio": round(times["offline"] / times["baseline"], 2),
        "growth": round(growth, 2),
        "aws_calls": calls,
        "peak_megabytes": {name: round(each) for name, each in peaks.items()},
        "goals": {"seconds": GOAL, "aws_calls": CALLS_GOAL, "peak_megabytes": MEMORY_GOAL},
        "met": slowest < GOAL and calls <= CALLS_GOAL and peak < MEMORY_GOAL,
    }


def _audit(
    options: list[str], environment: Mapping[str, str], peaks: dict[str, float], name: str
) -> Callable[[], float]:
    command = [sys.executable, "-c", PEAK, sys.executable, "-m", "irsa", "audit", *options]

    def once() -> None:
        done = subprocess.run(
            command,
            cwd=ROOT,
            env={**os.environ, **environment},
            check=True,
            capture_output=True,
            text=True,
        )
        peaks[name] = max(peaks.get(name, 0.0), json.loads(done.stdout))

    return lambda: seconds(once)


if __name__ == "__main__":
    run(main)
