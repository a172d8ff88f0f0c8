"""Errors and timeouts of all reads: a cluster's, an account's, a file's."""

from collections.abc import Callable
from functools import partial, wraps
from inspect import signature
from typing import Any, ParamSpec, TypeVar

from irsa.observe.facts import Unread

P = ParamSpec("P")
T = TypeVar("T")

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


def reads(
    tried: Callable[[str, str, Callable[[], Any]], Any], what: str, permission: str
) -> Callable[[Callable[P, T]], Callable[P, T | Unread]]:
    """Return what ``tried`` makes of a reader: its value, or `Unread` in place of its errors; both
    texts may name the reader's arguments."""

    def decorate(read: Callable[P, T]) -> Callable[P, T | Unread]:
        parameters = signature(read)

        @wraps(read)
        def reader(*args: P.args, **kwargs: P.kwargs) -> T | Unread:
            arguments = parameters.bind(*args, **kwargs).arguments
            texts = what.format(**arguments), permission.format(**arguments)
            return tried(*texts, partial(read, *args, **kwargs))

        return reader

    return decorate
