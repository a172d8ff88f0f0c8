"""Sandbox start to ready, against the start of its Kubernetes control plane alone.

The tools must be there already: building them is no part of a start.
"""

import argparse
import tempfile
from pathlib import Path

from _measure import medians, own_folder, progress, report, run, seconds

from sandbox import lifecycle
from sandbox.kubernetes.control_plane import ControlPlane
from sandbox.serving.certificates import Authority
from sandbox.toolchain import obtain_control_plane

ISSUER_URL = "https://oidc.eks.us-east-1.amazonaws.com/id/0123456789ABCDEF0123456789ABCDEF"


def main() -> None:
    """Start each side some times, always in a folder of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repetitions", type=int, default=5)
    options = parser.parse_args()
    binaries = obtain_control_plane(progress)
    times = medians(
        options.repetitions,
        {"sandbox": _sandbox, "control_plane": lambda: _control_plane(binaries)},
    )
    report(
        {
            "bench": "sandbox_start",
            "repetitions": options.repetitions,
            "seconds": times,
            "ratio": times["sandbox"] / times["control_plane"],
        }
    )


def _sandbox() -> float:
    with own_folder() as folder:
        return seconds(lambda: lifecycle.up(folder, lambda _: None))


def _control_plane(binaries: Path) -> float:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        control_plane = ControlPlane(
            folder=folder / "kubernetes",
            binaries=binaries,
            authority=Authority.create(folder / "authority"),
            issuer_url=ISSUER_URL,
        )
        try:
            return seconds(control_plane.start)
        finally:
            control_plane.stop()


if __name__ == "__main__":
    run(main)
