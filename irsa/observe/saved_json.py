"""JSON that somebody saved of what a command printed: one document, or several in a row.

What cannot be read is one line: the option, the file, what it holds, and the command that writes
what belongs there.
"""

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, cast

from irsa.identity.policy_json import Json
from irsa.observe.errors import CollectError


class Saved(NamedTuple):
    """Files that an option names."""

    option: str
    """Such as ``--roles``."""
    files: Sequence[str]
    """``-`` is standard input."""
    command: str
    """What writes such a file."""

    def documents(self) -> Iterator[tuple[str, Json]]:
        """File and JSON object, for each that the files hold; raises `CollectError`."""
        for file in self.files:
            for document in self._of_file(file):
                if not isinstance(document, dict):
                    raise self.error(file, f"it holds {_kind(document)} instead of a JSON object")
                yield file, cast("Json", document)

    def error(self, file: str, found: str) -> CollectError:
        """What is wrong with a file, and the way out."""
        return CollectError(f"{self.option} {file}: {found}; give what `{self.command}` prints")

    def _of_file(self, file: str) -> Iterator[object]:
        text = self._text(file)
        decoder, at, end = json.JSONDecoder(), _next(text, 0), len(text)
        if at == end:
            raise self.error(file, "it is empty")
        while at < end:
            try:
                document, at = cast("tuple[object, int]", decoder.raw_decode(text, at))
            except RecursionError:
                raise self.error(file, "its JSON is nested too deeply") from None
            except json.JSONDecodeError as error:
                raise self.error(file, _where(text, error)) from None
            except ValueError as error:  # a number with thousands of digits
                raise self.error(file, f"it is not readable as JSON: {error}") from None
            yield document
            at = _next(text, at)

    def _text(self, file: str) -> str:
        try:
            raw = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
            # A shell of Windows writes UTF-16.
            return raw.decode(json.detect_encoding(raw)).removeprefix("\ufeff")
        except UnicodeDecodeError:
            raise self.error(file, "it is not text") from None
        except OSError as error:
            raise self.error(file, (error.strerror or str(error)).lower()) from None
        except ValueError as error:  # a null byte in the name
            raise self.error(file, str(error)) from None


def _next(text: str, at: int) -> int:
    """Where the next document begins."""
    while at < len(text) and text[at].isspace():
        at += 1
    return at


def _where(text: str, error: json.JSONDecodeError) -> str:
    # A text without its end runs out at once, or within a string, or just behind a comma.
    if not text[error.pos :].strip() or "Unterminated string" in error.msg:
        return f"its JSON ends in the middle (line {error.lineno})"
    begins = text[error.pos : error.pos + 20].split("\n")[0]
    return f"it is not JSON at line {error.lineno}, column {error.colno}: {begins!r}"


def _kind(value: object) -> str:
    if isinstance(value, list):
        return "a JSON list"
    return "a text" if isinstance(value, str) else "a single value"
