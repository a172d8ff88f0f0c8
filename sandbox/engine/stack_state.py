"""What the sandbox's Pulumi backend keeps of a stack: its state, and the lock of who changes it.

https://www.pulumi.com/docs/iac/concepts/state-and-backends/ describes the backend; the files are
read because the CLI takes a second to start, and cannot tell whether a killed run saved anything.
"""

import json
import subprocess
from pathlib import Path
from typing import Any, NamedTuple


class StackState(NamedTuple):
    """One saved state of a stack."""

    saved: int
    """When, in nanoseconds of the file system's clock; 0 for a stack that never was."""

    recorded: dict[str, list[str]]
    """The ids of each URN's resources; none for components."""

    pending: dict[str, str]
    """What a plain `pulumi up` was doing when it was killed, by URN: `creating`, `updating`, …"""

    @property
    def creating(self) -> list[str]:
        """The URNs of what it was creating."""
        return [urn for urn, kind in self.pending.items() if kind == "creating"]


def read_state(backend: Path, project: str, stack: str) -> StackState:
    """The stack's state as it was last saved."""
    file = backend / ".pulumi" / "stacks" / project / f"{stack}.json"
    try:
        saved = file.stat().st_mtime_ns
        latest: dict[str, Any] = json.loads(file.read_text())["checkpoint"].get("latest") or {}
    except FileNotFoundError:
        return StackState(0, {}, {})
    recorded: dict[str, list[str]] = {}
    for resource in latest.get("resources") or ():
        ids = recorded.setdefault(resource["urn"], [])
        if "id" in resource:
            ids.append(resource["id"])
    operations = latest.get("pending_operations") or ()
    pending = {operation["resource"]["urn"]: operation["type"] for operation in operations}
    return StackState(saved, recorded, pending)


def read_last_update(backend: Path, project: str, stack: str) -> dict[str, Any] | None:
    """What the history says of the last operation that came to its end."""
    folder = backend / ".pulumi" / "history" / project / stack
    files = sorted(folder.glob(f"{stack}-*.history.json"))  # their names are times
    return json.loads(files[-1].read_text()) if files else None


def release_locks_of_the_dead(backend: Path) -> None:
    """Do what `pulumi cancel` does, where the process that held the lock is gone."""
    for file in (backend / ".pulumi" / "locks").glob("**/*.json"):
        try:
            holder = json.loads(file.read_text())["pid"]
        except (OSError, ValueError, KeyError):
            continue  # released, or being written
        if not _is_alive(holder):
            file.unlink(missing_ok=True)


def _is_alive(pid: int) -> bool:
    """Whether a process runs; one that nobody waited for after its end does not."""
    listed = subprocess.run(
        ["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return listed.stdout.strip()[:1] not in ("", "Z")
