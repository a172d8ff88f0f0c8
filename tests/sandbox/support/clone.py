"""A copy of this clone, and the shell of a user who has just made it."""

import os
import shutil
import sys
from pathlib import Path

from irsa_sandbox.cache import cache_folder
from tests.support.paths import ROOT


def clone_in(folder: Path) -> Path:
    """A copy of this clone, so that a sandbox which runs in it is left alone."""
    left_out = shutil.ignore_patterns(".git", ".venv", ".sandbox", ".*_cache", "__pycache__")
    clone = Path(shutil.copytree(ROOT, folder / "clone", ignore=left_out))
    (clone / ".venv").symlink_to((ROOT / ".venv").resolve())
    return clone


def newcomer(home: Path) -> dict[str, str]:
    """Return the environment of a newcomer's shell; the tools are not obtained anew."""
    own = ("AWS_", "KUBECONFIG", "PULUMI_", "VIRTUAL_ENV", "PYTHON")
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith(own)},
        "HOME": str(home),
        "XDG_CACHE_HOME": str(cache_folder().parent),
        "PYTHON": str(Path(sys.base_prefix) / "bin" / "python3"),  # the Makefile's
    }
