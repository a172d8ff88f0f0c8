"""Start the plugin: `pulumi-resource-irsa`, which Pulumi looks for on PATH."""

import asyncio
import sys


def main() -> None:
    """Serve the engine, whose address is the first argument, until it stops this process."""
    if len(sys.argv) < 2 or sys.argv[1].startswith("-"):
        sys.exit("pulumi-resource-irsa: Pulumi starts this plugin; run `pulumi package add` first")
    try:
        from .provider import serve
    except ModuleNotFoundError as error:
        from irsa import requirement

        sys.exit(
            f"pulumi-resource-irsa: {sys.executable} has no package {error.name!r}; "
            f"pip install {requirement('components')}"
        )
    asyncio.run(serve(sys.argv[1]))
