"""How a command ends that somebody, or `head`, has seen enough of: quietly."""

import os
import sys
from collections.abc import Callable

INTERRUPTED = 130
PIPE_CLOSED = 141
"""Exit codes, as shells report the signals SIGINT and SIGPIPE."""


def quietly(command: Callable[[], int]) -> int:
    """Run a command; its exit code. Neither Ctrl-C nor a closed pipe prints a traceback."""
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


def discard_output() -> None:
    """Send what is still written to standard output nowhere: its reader is gone."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
