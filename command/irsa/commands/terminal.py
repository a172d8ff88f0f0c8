"""Exit quietly on Ctrl-C, a closed pipe or a full disk."""

import os
import sys
from collections.abc import Callable

INTERRUPTED = 130
PIPE_CLOSED = 141
"""Exit codes, as shells report the signals SIGINT and SIGPIPE."""
UNWRITTEN = 2


def quietly(command: Callable[[], int]) -> int:
    """Run a command and return its exit code, without a traceback on Ctrl-C, a closed pipe
    or a full disk."""
    try:
        try:
            return command()
        finally:
            sys.stdout.flush()  # here, where a closed pipe can still be caught
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        discard_output()
        return PIPE_CLOSED
    except OSError as error:  # a full disk
        discard_output()
        print(error, file=sys.stderr)
        return UNWRITTEN


def discard_output() -> None:
    """Discard further output: the reader of standard output has closed the pipe."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, sys.stdout.fileno())
    os.close(null)
