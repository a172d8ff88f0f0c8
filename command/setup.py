"""Packages that this part needs, with the parts of this repository that it stands on."""

import os
import subprocess
from pathlib import Path

from setuptools import setup

RELEASE = "git+https://github.example/acme/irsa@v0.2.0"  # `make docs` writes it
TAG = RELEASE.rpartition("@")[2]
HERE = Path(__file__).resolve().parent


def part(name: str, folder: str) -> str:
    """Require a part: of the release whose tag is checked out, else of this clone.

    What is built without the clone around it, as from an sdist, requires the release's. IRSA_INDEX
    is set for wheels of an index of one's own: only there is a name no stranger's package.
    """
    if os.environ.get("IRSA_INDEX"):
        return f"{name}=={TAG.removeprefix('v')}"
    beside = HERE.parent / folder
    if beside.exists() and TAG not in checked_out():
        return f"{name} @ {beside.as_uri()}"
    return f"{name} @ {RELEASE}#subdirectory={folder}"


def checked_out() -> list[str]:
    """Return the tags of the commit; none without git, as in a downloaded archive."""
    git = ["git", "-C", HERE, "tag", "--points-at", "HEAD"]
    try:
        return subprocess.check_output(git, text=True, stderr=subprocess.DEVNULL).split()
    except (OSError, subprocess.CalledProcessError):
        return []


setup(
    version=TAG.removeprefix("v"),
    install_requires=[
        part("irsa-core", "core"),
        "boto3>=1.42.46",  # the session policy of a Pod Identity association
        "botocore>=1.42.46",
        "httpx2>=2",  # lightkube's HTTP client, for its errors
        "lightkube>=1.0.1,<2",
        "pyjwt[crypto]>=2.10",
        "pyyaml>=6",
        "shtab>=1.12,<2",  # completion for bash, zsh and fish
    ],
)
