"""Writes a file whole or not at all, and never over another one unless that is asked for."""

import os
from pathlib import Path

from irsa.commands import cli


def write_new(name: str, text: str, *, force: bool = False) -> None:
    """Write a file; raises `cli.Stop` when there is another one of that name."""
    path = Path(name)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        if path.exists() and not force and path.read_bytes() != text.encode():
            raise cli.Stop(
                f"{name} is there and says something else; name another file, or replace it with "
                "--force"
            )
        try:
            unfinished.write_text(text, encoding="utf-8")
            unfinished.replace(path)
        finally:
            unfinished.unlink(missing_ok=True)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise cli.Stop(f"{name}: cannot be written: {reason}") from None
