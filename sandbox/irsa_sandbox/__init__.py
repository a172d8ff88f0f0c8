"""A local AWS and Kubernetes in which the real Pulumi engine runs."""

import sys

NAME = sys.argv[0].rpartition("/")[2]
COMMAND = NAME if NAME == "irsa-sandbox" else "python -m irsa_sandbox"
"""Command line of the running program, for the commands that are printed."""
