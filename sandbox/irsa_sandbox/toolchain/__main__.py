"""`python -m irsa_sandbox.toolchain`: what `make real-kubernetes` builds."""

import sys

from ..errors import SandboxError
from .plugins import build_kubernetes


def main() -> int:
    """Build pulumi-kubernetes' plugin and say where it is."""
    try:
        print(build_kubernetes(print))
    except SandboxError as error:
        print(f"sandbox: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
