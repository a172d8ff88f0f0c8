"""Start the plugin: `pulumi-resource-irsa`, which Pulumi looks for on PATH."""

import asyncio
import sys


def main() -> None:
    """Serve the engine, whose address is the first argument, until it stops this process."""
    if len(sys.argv) < 2 or sys.argv[1].startswith("-"):
        sys.exit("pulumi-resource-irsa: Pulumi starts this plugin; run `pulumi package add` first")
    from .provider import serve  # takes a second, which `--help` need not wait for

    asyncio.run(serve(sys.argv[1]))
