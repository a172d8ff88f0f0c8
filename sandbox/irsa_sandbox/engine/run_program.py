"""Run the program in the working directory for the engine whose request is on stdin.

The Python of the program's own virtual environment runs this file, so it imports nothing of ours.
"""

import runpy
import sys
from pathlib import Path
from typing import Any

FOLDER = Path.cwd()
sys.path[0] = str(FOLDER)

from pulumi.automation._server import LanguageServer  # noqa: E402
from pulumi.runtime.proto import language_pb2  # noqa: E402


def program() -> None:
    """Run the program."""
    runpy.run_path(str(FOLDER / "__main__.py"), run_name="__main__")


if __name__ == "__main__":
    request = language_pb2.RunRequest.FromString(sys.stdin.buffer.read())
    server: Any = LanguageServer(program)
    result = server.Run(request, None)
    sys.exit(32 if result.error else 0)  # 32: the engine has the error
