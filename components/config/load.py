"""Loads a stack's configuration into its settings class, or ends the program with one line."""

import difflib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import pulumi
from pulumi.runtime.config import CONFIG, get_config_env

from .folder import read_folder
from .keys import folders_of
from .reader import NONE, Entries, read
from .schema import FOREIGN

T = TypeVar("T")


def load_settings(kind: type[T], folder: Path) -> T:
    """Read ``aws:region`` and every key of the project, whose program is in ``folder``.

    A key with the prefix of nobody is refused like a misspelt one: it would be left out in silence.
    Raises `pulumi.RunError`, which the CLI prints as one line without a traceback.
    """
    region = pulumi.Config("aws").get("region")
    if not region:
        raise pulumi.RunError("aws:region is missing; run `pulumi config set aws:region …`")
    project = pulumi.get_project()
    namespace = f"{project}:"
    # Config has no way to list its keys, and a misspelt one must not be ignored.
    given = {**get_config_env(), **CONFIG.get()}
    _refuse_strange_prefixes(given, project)
    values = {
        key.removeprefix(namespace): value
        for key, value in given.items()
        if key.startswith(namespace) and value != ""  # Pulumi.yaml's default for every key
    }
    try:
        lists = _from_folders(kind, values, namespace, folder)
        return read(kind, {**values, **lists}, namespace, region=region)
    except ValueError as error:
        raise pulumi.RunError(str(error)) from error


def _from_folders(
    kind: Any, values: Mapping[str, str], namespace: str, project: Path
) -> dict[str, Entries]:
    """The lists that are given as a folder: as text that is neither JSON nor ``none``."""
    return {
        key: read_folder(f"{namespace}{key}", values[key], project)
        for key in folders_of(kind) & values.keys()
        if values[key] != NONE and values[key][0] not in "[{"
    }


def _refuse_strange_prefixes(keys: Iterable[str], project: str) -> None:
    known = (project, *FOREIGN)
    for key in keys:
        prefix = key.partition(":")[0]
        if prefix not in known:
            close = difflib.get_close_matches(prefix, known, n=1)
            meant = f"did you mean '{close[0]}:'?" if close else "remove it"
            raise pulumi.RunError(
                f"{key}: nothing here reads the prefix '{prefix}:'; {meant} "
                f"(prefixes here: {', '.join(known)})"
            )
