"""Loads a stack's configuration into its settings class, or ends the program with one line."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TypeVar

import pulumi
from pulumi.runtime.config import CONFIG, get_config_env

from components.config_reader import read

T = TypeVar("T")


def load_settings(kind: type[T], *, defaults: Mapping[str, str] | None = None) -> T:
    """Read ``aws:region`` and every key of the project; ``defaults`` are keys left out.

    Raises `pulumi.RunError`, which the CLI prints as one line without a traceback.
    """
    region = pulumi.Config("aws").get("region")
    if not region:
        raise pulumi.RunError("aws:region is missing; run `pulumi config set aws:region …`")
    namespace = f"{pulumi.get_project()}:"
    # Config has no way to list its keys, and a misspelt one must not be ignored.
    values = {
        key.removeprefix(namespace): value
        for key, value in {**get_config_env(), **CONFIG.get()}.items()
        if key.startswith(namespace) and value != ""  # how Pulumi.yaml says "optional"
    }
    try:
        return read(kind, {**(defaults or {}), **values}, namespace, region=region)
    except ValueError as error:
        raise pulumi.RunError(str(error)) from error


def refuse_repeats(what: str, names: Iterable[str], remedy: str) -> None:
    """Raise ValueError for a name that is configured more than once."""
    for name, count in Counter(names).items():
        if count > 1:
            raise ValueError(f"{what} {name!r} is configured {count} times; {remedy}")
