"""Decide, explain and verify who can assume which role. Modules load on their own."""

import sys

__version__ = "0.1.0"

PROGRAM = {"irsa": "irsa", "kubectl-irsa": "kubectl irsa"}.get(
    sys.argv[0].rpartition("/")[2], "python -m irsa"
)
"""The command as the user started it, for the commands that are printed."""
