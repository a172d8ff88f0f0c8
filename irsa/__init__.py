"""Who may assume which role, and if not, why not. Modules load on their own."""

import sys

__version__ = "0.1.0"

PROGRAM = {"irsa": "irsa", "kubectl-irsa": "kubectl irsa"}.get(
    sys.argv[0].rpartition("/")[2], "python -m irsa"
)
"""How whoever runs this starts it, for the commands that are printed."""
