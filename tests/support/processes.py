"""Commands that come to an end, and what runs on this machine."""

import subprocess
from pathlib import Path
from typing import Any


def ran(*command: object, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run a command to its end. Its outputs are text, and its code is the caller's to judge."""
    given = {"capture_output": True, "text": True, "check": False, **options}
    return subprocess.run([*map(str, command)], **given)


def command_lines() -> str:
    """Return the command lines of all processes, whole, however wide the terminal is."""
    return ran("ps", "-A", "-ww", "-o", "args", check=True).stdout


def program(path: Path, text: str = "exit 0") -> Path:
    """Write a shell script as a program, with its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path
