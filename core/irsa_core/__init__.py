"""ARNs, subjects and documents; decisions of IAM and STS; rules for trust policies. Pure.

Modules load on their own.
"""

__version__ = "0.2.0"
"""Of the wheels, the Pulumi package and the git tag."""

REPOSITORY = "https://github.example/acme/irsa"
"""Address of the repository: a placeholder until it has a public one. `make docs` writes this one,
and the version, wherever users paste it from."""
