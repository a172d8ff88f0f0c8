"""Runs one operation on one stack, in a process of its own: `python -m` this, with JSON on stdin.

As `python -m sandbox stack` does, without the preview before an `up`.
"""

import json
import sys
from pathlib import Path

from sandbox.engine.stack import SandboxStack
from sandbox.state import load


def main() -> None:
    asked = json.load(sys.stdin)
    stack = SandboxStack(load(Path(asked["folder"])), stack=asked["stack"], config=asked["config"])
    print(json.dumps(getattr(stack, asked["operation"])()))


if __name__ == "__main__":
    main()
