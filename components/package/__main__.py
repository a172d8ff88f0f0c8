"""Pulumi starts this folder as a plugin: from a checkout, or where the components are installed."""

import sys
from pathlib import Path

if __package__:
    from .provider import main
else:
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    from components.package.provider import main

if __name__ == "__main__":
    main()
