"""The locks that a killed Pulumi CLI leaves in its backend's folder.

https://www.pulumi.com/docs/iac/concepts/state-and-backends/ ; `pulumi cancel` takes a lock away,
too, but does not ask whether its holder still runs.
"""

import json
import subprocess
import time
from pathlib import Path

from tests.live.run import Refused

PATIENCE = 10.0  # seconds; what was killed just now is not gone at once


def unlock(backend: Path) -> None:
    """Take away the locks of processes that have ended; raises `Refused` for one that runs."""
    deadline = time.monotonic() + PATIENCE
    for lock in (backend / ".pulumi" / "locks").rglob("*.json"):
        holder: int = json.loads(lock.read_text())["pid"]
        while _runs(holder):
            if time.monotonic() > deadline:
                raise Refused(f"process {holder} is changing this run's stacks; let it end first")
            time.sleep(0.2)
        lock.unlink(missing_ok=True)


def _runs(process: int) -> bool:
    """Whether a process runs; one that has ended and that nobody has waited for does not."""
    command = ["ps", "-o", "stat=", "-p", str(process)]
    state = subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    return state != "" and not state.startswith("Z")
