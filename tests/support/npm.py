"""Packages that npm installed for every project of the machine."""

import shutil
import subprocess
from functools import cache
from pathlib import Path


@cache
def npm_package(name: str) -> Path | None:
    """The folder of a package that is installed globally."""
    npm = shutil.which("npm")
    if npm is None:
        return None
    root = subprocess.run([npm, "root", "--global"], capture_output=True, text=True, check=True)
    folder = Path(root.stdout.strip(), name)
    return folder if folder.exists() else None
