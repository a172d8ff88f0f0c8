"""Engine time per resource: a loop over the components against the same resources by hand.

Both are previewed by the real engine in the sandbox. Before anything is timed, the resources of the
two previews are compared, by type, name and inputs, so that the flat file stays the same thing.

The preview of the flat file without workloads is subtracted: the engine's start is no resource.
``ratio`` compares the time per resource that the engine sees, components among them;
``ratio_of_totals`` the time for the same AWS and Kubernetes resources, so that it has the price of
the components in it. The processor time of program and engine (not of the providers) depends less
on what else the machine does.

A preview writes no state, but the engine prepares it after each registration, which takes a time
that grows with the square of their number. ``PULUMI_EXPERIMENTAL=true`` and
``PULUMI_SKIP_CHECKPOINTS=true`` leave that out.
"""

import argparse
import json
import os
import re
import statistics
from pathlib import Path
from typing import Any

from _measure import medians, own_sandbox, progress, report, run, seconds
from _programs import open_program

from sandbox import lifecycle
from sandbox.engine.stack import SandboxStack
from sandbox.state import SandboxState

GOAL = 1.00
TOTALS_GOAL = 1.25
STACK = "pulumi:pulumi:Stack"

Resource = tuple[str, str]
"""Type and logical name."""


def main() -> None:
    """Run the bench in a sandbox of its own, or in the one of ``--folder``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workloads", type=int, default=100)
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--folder", type=Path, help="a sandbox's folder; it is left running")
    options = parser.parse_args()
    if options.folder is not None:
        report(_bench(lifecycle.up(options.folder, progress), options))
        return
    with own_sandbox() as state:
        report(_bench(state, options))


def _bench(state: SandboxState, options: argparse.Namespace) -> dict[str, Any]:
    sides = {
        "ours": open_program(state, "components", options.workloads),
        "flat": open_program(state, "flat", options.workloads),
        "empty": open_program(state, "flat", 0, stack="empty"),
    }
    progress("comparing the two programs")
    registered = {name: _resources(stack) for name, stack in sides.items()}
    _same(registered["ours"], registered["flat"])

    processor: dict[str, list[float]] = {name: [] for name in sides}
    times = medians(
        options.repetitions,
        {
            name: lambda stack=stack, used=processor[name]: _preview(stack, used)
            for name, stack in sides.items()
        },
    )
    used = {name: statistics.median(found) for name, found in processor.items()}
    totals = {name: times[name] - times["empty"] for name in ("ours", "flat")}
    counts = {name: len(registered[name]) - len(registered["empty"]) for name in totals}
    per_resource = {name: totals[name] / counts[name] for name in totals}
    ratio = per_resource["ours"] / per_resource["flat"]
    return {
        "bench": "engine",
        "workloads": options.workloads,
        "repetitions": options.repetitions,
        "seconds": times,
        "registered": {name: len(found) for name, found in registered.items()},
        "components": sum(_is_component(key) for key in registered["ours"]),
        "milliseconds_per_resource": {k: 1000 * v for k, v in per_resource.items()},
        "ratio": ratio,
        "ratio_of_totals": totals["ours"] / totals["flat"],
        "processor_seconds": used,
        "processor_ratio_of_totals": (used["ours"] - used["empty"])
        / (used["flat"] - used["empty"]),
        "goals": [GOAL, TOTALS_GOAL],
        "met": round(ratio, 2) <= GOAL and round(totals["ours"] / totals["flat"], 2) <= TOTALS_GOAL,
    }


def _preview(stack: SandboxStack, used: list[float]) -> float:
    """Seconds of a preview; adds the processor time of program and engine to ``used``."""
    before = sum(os.times()[:4])
    elapsed = seconds(stack.preview)
    used.append(sum(os.times()[:4]) - before)
    return elapsed


def _resources(stack: SandboxStack) -> dict[Resource, str]:
    """The inputs, as JSON, of everything that a preview registers, by type and name."""
    found: dict[Resource, dict[str, Any]] = {}

    def on_event(event: Any) -> None:
        if event.resource_pre_event is not None:
            new = event.resource_pre_event.metadata.new
            found[new.type, new.urn.rpartition("::")[2]] = new.inputs

    stack.preview(on_event=on_event)
    # Names that the provider made up end differently in every preview.
    made_up = [inputs[key] for inputs in found.values() for key in inputs.get("__defaults", ())]
    endings = re.compile("|".join(re.escape(name) for name in made_up) or "(?!)")
    return {
        key: endings.sub("<made up>", json.dumps(inputs, sort_keys=True))
        for key, inputs in found.items()
    }


def _is_component(resource: Resource) -> bool:
    return resource[0].startswith("irsa:index:")


def _same(ours: dict[Resource, str], flat: dict[Resource, str]) -> None:
    for resource in sorted(ours.keys() | flat.keys()):
        if _is_component(resource) or resource[0] == STACK:
            continue
        if ours.get(resource) != flat.get(resource):
            raise SystemExit(
                f"benches/flat is not benches/components: {' '.join(resource)} has inputs "
                f"{flat.get(resource)}, not {ours.get(resource)}; change the flat file"
            )


if __name__ == "__main__":
    run(main)
