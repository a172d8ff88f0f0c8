"""A local AWS and Kubernetes in which the real Pulumi engine runs. Imports nothing."""

COMMAND = "python -m sandbox" if __name__ == "sandbox" else "irsa-sandbox"
"""Command line: `sandbox` in a checkout, `irsa_sandbox` where it is installed."""
