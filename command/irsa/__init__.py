"""Decide, explain and verify who can assume which role. Modules load on their own."""

import sys

__version__ = "0.2.0"
"""Of the wheel, the Pulumi package and the git tag."""

REPOSITORY = "https://github.example/acme/irsa"
"""Address of the repository: a placeholder until it has a public one. `make docs` writes this one,
and the version, wherever users paste it from."""

PROGRAM = {"irsa": "irsa", "kubectl-irsa": "kubectl irsa"}.get(
    sys.argv[0].rpartition("/")[2], "python -m irsa"
)
"""Command line of the running program, for the commands that are printed."""
