"""Entry point of the pack for the engine, which reads the port from its output."""

import os
import sys

from pulumi_policy import PolicyPack

from irsa_policies.pack import policies


def console() -> None:
    """The command that pip installs: Python without a buffer, and without the program's folder."""
    os.execv(sys.executable, [sys.executable, "-uPm", "irsa_policies"])


if __name__ == "__main__":
    PolicyPack("irsa", policies())
