"""Seconds in which a stack with many workloads comes up in the sandbox and goes again.

The engine saves the whole state twice for every resource.
"""

import argparse

from _measure import ROOT, own_sandbox, report, run, seconds, workloads

from sandbox.engine.stack import SandboxStack

GOAL = 200.0
GOAL_WORKLOADS = 300
MINUTES = 3.0


def main() -> None:
    """Bring the workloads up in a sandbox of its own, once."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workloads", type=int, default=GOAL_WORKLOADS)
    options = parser.parse_args()
    config = workloads([f"w{number:03}" for number in range(options.workloads)])
    with own_sandbox() as state:
        stack = SandboxStack(state, ROOT, config=config)
        times = {"up": seconds(stack.up)}
        resources = len(stack.export()["resources"])
        times["up_again"] = seconds(stack.up)
        times["destroy"] = seconds(stack.destroy)
    report(
        {
            "bench": "workloads",
            "workloads": options.workloads,
            "resources": resources,
            "seconds": times,
            "goal": GOAL,
            "met": times["up"] <= GOAL if options.workloads >= GOAL_WORKLOADS else None,
        }
    )


if __name__ == "__main__":
    run(main)
