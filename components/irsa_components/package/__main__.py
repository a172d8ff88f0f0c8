"""Start the plugin: `pulumi-resource-irsa`, which Pulumi looks for on PATH."""

import asyncio
import sys
from importlib import metadata

OLDEST = (3, 237)
"""Version of pulumi whose component host reads inherited fields and typed dictionaries."""


def main() -> None:
    """Serve the engine, whose address is the first argument, until it stops this process."""
    if len(sys.argv) < 2 or sys.argv[1].startswith("-"):
        sys.exit("pulumi-resource-irsa: Pulumi starts this plugin; run `pulumi package add` first")
    version = metadata.version("pulumi")
    if tuple(map(int, version.split(".")[:2])) < OLDEST:
        oldest = ".".join(map(str, OLDEST))
        sys.exit(
            f"pulumi-resource-irsa: pulumi {version} is installed; the package for other languages "
            f"needs {oldest}; pip install 'pulumi>={oldest}'"
        )
    from .provider import serve  # takes a second, which `--help` need not wait for

    asyncio.run(serve(sys.argv[1]))
