"""Errors and timeouts of all reads: a cluster's, an account's, a file's. Imports nothing."""

CONNECT_TIMEOUT = 5.0  # seconds
READ_TIMEOUT = 20.0  # seconds


class CollectError(Exception):
    """Nothing can be read at all: no kubeconfig, no such context, no such profile."""

    def __init__(self, message: str, *, undecided: bool = False) -> None:
        """``undecided``: the question is right, and asking again may answer it."""
        super().__init__(message)
        self.undecided = undecided


def one_line(error: object) -> str:
    """Return an error's text without line breaks."""
    return " ".join(str(error).split()) or type(error).__name__
