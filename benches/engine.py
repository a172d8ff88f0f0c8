"""Engine time per resource: account A's program against the same resources in one flat file.

Both are previewed by the real engine in the sandbox. Before anything is timed, the resources of the
two previews are compared, by type, name and inputs, so that the flat file stays the same thing.
"""

import argparse
import json
import re
import tempfile
from pathlib import Path
from typing import Any

from _measure import ROOT, medians, progress, report

from sandbox import lifecycle
from sandbox.stack import SandboxStack
from sandbox.state import SandboxState

GOAL = 1.10
ACCOUNT = "111122223333"
WRAPPERS = ("irsa:index:", "pulumi:pulumi:Stack")


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
    with tempfile.TemporaryDirectory() as folder:
        state = lifecycle.up(Path(folder), progress)
        try:
            report(_bench(state, options))
        finally:
            lifecycle.down(Path(folder))


def _bench(state: SandboxState, options: argparse.Namespace) -> dict[str, Any]:
    names = [f"w{number:03}" for number in range(options.workloads)]
    ours = SandboxStack(state, ROOT, config=_our_config(names))
    flat = SandboxStack(
        state,
        ROOT / "benches" / "flat",
        config={"flat:accountId": ACCOUNT, "flat:workloads": names},
    )
    progress("comparing the two programs")
    registered = {"ours": _resources(ours), "flat": _resources(flat)}
    _same(
        *({k: v for k, v in found.items() if not _is_wrapper(k)} for found in registered.values())
    )

    times = medians(options.repetitions, {"ours": ours.preview, "flat": flat.preview})
    resources = sum(not _is_wrapper(key) for key in registered["flat"])
    ratio = times["ours"] / times["flat"]
    return {
        "bench": "engine",
        "workloads": options.workloads,
        "repetitions": options.repetitions,
        "resources": resources,
        "registered": {name: len(found) for name, found in registered.items()},
        "seconds": times,
        "milliseconds_per_resource": {k: 1000 * v / resources for k, v in times.items()},
        "ratio": ratio,
        "ratio_per_registered": ratio * len(registered["flat"]) / len(registered["ours"]),
        "goal": GOAL,
        "met": ratio <= GOAL,
    }


def _our_config(names: list[str]) -> dict[str, Any]:
    return {
        "irsa:workloads": [
            {
                "name": name,
                "namespace": "bench",
                "createNamespace": name == names[0],
                "bucket": {"name": f"bucket-{name}"},
                "container": {"image": "app"},
            }
            for name in names
        ]
    }


def _resources(stack: SandboxStack) -> dict[tuple[str, str], str]:
    """The inputs, as JSON, of everything that a preview registers, by type and name."""
    found: dict[tuple[str, str], dict[str, Any]] = {}

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


def _is_wrapper(key: tuple[str, str]) -> bool:
    return key[0].startswith(WRAPPERS)


def _same(ours: dict[tuple[str, str], str], flat: dict[tuple[str, str], str]) -> None:
    for key in sorted(ours.keys() | flat.keys()):
        if ours.get(key) != flat.get(key):
            raise SystemExit(
                f"benches/flat is not account A's program: {' '.join(key)} has inputs "
                f"{flat.get(key)}, not {ours.get(key)}; change the flat file"
            )


if __name__ == "__main__":
    main()
