"""Seconds in which many workloads come up, change and go: the components against a flat program.

Both programs run in one sandbox, one after the other. The engine saves the state at every step, as
plain Pulumi does with a file, so the time grows faster than the number of resources.
"""

import argparse

from _measure import ROOT, own_sandbox, report, run, seconds

from irsa_sandbox.aws.accounts import ACCOUNT_A
from irsa_sandbox.engine.stack import SandboxStack
from irsa_sandbox.state import SandboxState


def main() -> None:
    """Bring both programs up, once."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workloads", type=int, default=100)
    options = parser.parse_args()
    times: dict[str, dict[str, float]] = {}
    resources: dict[str, int] = {}
    with own_sandbox() as state:
        for program in ("components", "flat"):
            stack = _open(state, program, options.workloads)
            times[program] = {"up": seconds(stack.up)}
            resources[program] = len(stack.export()["resources"])
            times[program]["second_up"] = seconds(stack.up)
            times[program]["destroy"] = seconds(stack.destroy)
    ours, flat = times["components"], times["flat"]
    report(
        {
            "bench": "up",
            "workloads": options.workloads,
            "resources": resources,
            "seconds": times,
            "ratio": {name: ours[name] / flat[name] for name in ours},
        }
    )


def _open(state: SandboxState, program: str, workloads: int) -> SandboxStack:
    """Open the stack of ``components`` or ``flat`` with that many workloads."""
    names = [f"w{number:03}" for number in range(workloads)]
    config = {f"{program}:accountId": ACCOUNT_A, f"{program}:workloads": names}
    return SandboxStack(state, ROOT / "benches" / program, config=config)


if __name__ == "__main__":
    run(main)
