"""Start the plugin: Pulumi runs this folder of a checkout, or `pulumi-resource-irsa` on PATH."""

import asyncio
import sys
from pathlib import Path

if not __package__:
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    __package__ = "components.package"


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


if __name__ == "__main__":
    main()
