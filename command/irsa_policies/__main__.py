"""Entry point of the pack for the engine, which reads the port from its output."""

import os
import sys
from importlib.util import find_spec

from irsa import REPOSITORY, __version__


def console() -> None:
    """The command that pip installs: Python without a buffer, and without the program's folder."""
    if find_spec("pulumi_policy") is None:
        wanted = f"irsa[policies] @ git+{REPOSITORY}@v{__version__}#subdirectory=command"
        sys.exit(f"irsa-policies: pulumi-policy is not installed; pip install '{wanted}'")
    os.execv(sys.executable, [sys.executable, "-uPm", "irsa_policies"])


if __name__ == "__main__":
    from pulumi_policy import PolicyPack

    from irsa_policies.pack import policies

    PolicyPack("irsa", policies())
