"""What a sandbox holds after many engine runs: descriptors and memory of its background process.

The runs are refreshes of account A's stack with one workload, at the descriptor limit that macOS
gives a shell. ``ratio`` compares the end with the first measurement after the caches are filled.
"""

import argparse
import resource
from typing import Any

from _measure import ROOT, descriptors, own_sandbox, progress, report, resident_megabytes, run

from sandbox.engine.project import read_settings
from sandbox.engine.stack import SandboxStack
from sandbox.state import SandboxState

LIMIT = 256
MEASURED = (0, 20, 100, 200)
"""After how many runs."""

GOAL = 1.10
MINUTES = 3.5


def main() -> None:
    """Run in a sandbox of its own, which is stopped afterwards."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=max(MEASURED))
    options = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_NOFILE, (LIMIT, LIMIT))  # the sandbox inherits it
    with own_sandbox() as state:
        report(_bench(state, options.runs))


def _bench(state: SandboxState, runs: int) -> dict[str, Any]:
    workload = read_settings(ROOT)["irsa:workloads"][0]
    stack = SandboxStack(state, ROOT, config={"irsa:workloads": [workload]})
    stack.up()
    measured = {0: _held(state.pid)}
    for done in range(1, runs + 1):
        stack.refresh()
        if done in MEASURED or done == runs:
            measured[done] = _held(state.pid)
            progress(f"{done}/{runs} runs: {measured[done]}")
    first, last = measured[min(done for done in measured if done)], measured[runs]
    ratio = {name: last[name] / first[name] for name in first}
    return {
        "bench": "engine_runs",
        "limit": LIMIT,
        "after_runs": measured,
        "ratio": ratio,
        "goal": GOAL,
        "met": max(ratio.values()) <= GOAL,
    }


def _held(pid: int) -> dict[str, float]:
    return {"descriptors": descriptors(pid), "resident_megabytes": round(resident_megabytes(pid))}


if __name__ == "__main__":
    run(main)
