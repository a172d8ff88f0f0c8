"""Pulumi starts this folder as a plugin: from a checkout, or where the components are installed."""

import importlib
import sys
from pathlib import Path

OWN_PACKAGES = ("components", "irsa", "irsa_components")


def main() -> int:
    """Serve the engine, whose address is the first argument, until it is done."""
    if len(sys.argv) < 2:
        return _stopped("Pulumi starts this itself, after `pulumi package add` with its folder")
    if not __package__:
        sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    try:
        provider = importlib.import_module(f"{__package__ or 'components.package'}.provider")
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] in OWN_PACKAGES:
            raise
        return _stopped(
            f"{sys.executable} has no package {error.name!r}; pip install 'irsa[components]'"
        )
    provider.serve(sys.argv[1])
    return 0


def _stopped(why: str) -> int:
    print(f"pulumi-resource-irsa: {why}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
