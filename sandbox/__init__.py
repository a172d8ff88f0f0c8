"""A local AWS and Kubernetes in which the real Pulumi engine runs. Imports nothing."""

COMMAND = f"python -m {__name__}"
"""Command line: `sandbox` in a checkout, `irsa_sandbox` where it is installed."""
