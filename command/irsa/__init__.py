"""Decide, explain and verify who can assume which role. Modules load on their own."""

import sys

PROGRAM = {"irsa": "irsa", "kubectl-irsa": "kubectl irsa"}.get(
    sys.argv[0].rpartition("/")[2], "python -m irsa"
)
"""Command line of the running program, for the commands that are printed."""
