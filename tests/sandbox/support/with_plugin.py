"""Sandboxes that leave a provider to its published plugin, and how the plugin differs."""

import re
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from irsa_sandbox import lifecycle
from irsa_sandbox.session import Session
from irsa_sandbox.toolchain.plugins import Choice, find
from tests.support.paths import ROOT

MISSING = "(missing)"

Resources = Mapping[tuple[str, str], Mapping[str, Any]]
"""Resources, or steps of the engine, by their type and their URN."""


class Difference(NamedTuple):
    """One value that is not the same on both sides; `MISSING` where a side has none."""

    type: str
    name: str
    path: str
    attached: Any
    published: Any


class Written(NamedTuple):
    """Differences that are as they are, and why."""

    resource: str
    """A regular expression for ``TYPE::NAME``, as is the next one for the path."""

    path: str
    reason: str

    def covers(self, found: Difference) -> bool:
        resource = f"{found.type}::{found.name}"
        return bool(re.fullmatch(self.resource, resource) and re.fullmatch(self.path, found.path))


def listed(of: str) -> dict[str, list[Written]]:
    """The differences of states or of previews, by plugin."""
    tables = yaml.safe_load((ROOT / "sandbox/tests/parts/providers/differences.yaml").read_text())
    return {plugin: [Written(**row) for row in rows] for plugin, rows in tables[of].items()}


@contextmanager
def sandbox_with(plugin: str, folder: Path) -> Iterator[Session]:
    """A sandbox that leaves this provider, or none, to its plugin; skips the test without it."""
    choice = Choice(frozenset({plugin} - {""}))
    if plugin and find(plugin, choice.home) is None:
        pytest.skip(f"no plugin of pulumi-{plugin}: docs/sandbox.md says where to get it")
    state = lifecycle.up(folder, print, choice)
    assert plugin not in state.providers, f"{plugin} is attached, and its plugin would not be asked"
    with closing(Session(state)) as session:
        yield session
    lifecycle.down(state.path)


@pytest.fixture(
    scope="module", params=["", pytest.param("kubernetes", marks=pytest.mark.published)]
)
def either_session(
    request: pytest.FixtureRequest, session: Session, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Session]:
    """A sandbox with its own providers, and one with pulumi-kubernetes' plugin."""
    if not request.param:
        yield session
        return
    with sandbox_with(request.param, tmp_path_factory.mktemp("published")) as published:
        yield published


def differences(attached: Resources, published: Resources) -> list[Difference]:
    found: list[Difference] = []
    for kind, urn in sorted({*attached, *published}):
        sides = (side.get((kind, urn), MISSING) for side in (attached, published))
        name = urn.rpartition("::")[2]
        found += [Difference(kind, name, *each) for each in _differences("", *sides)]
    return found


def explained(found: list[Difference], written: list[Written]) -> None:
    """Fail for a difference that is not on the list."""
    new = [str(each) for each in found if not any(entry.covers(each) for entry in written)]
    assert not new, "on no list:\n" + "\n".join(new)


def _differences(path: str, one: Any, other: Any) -> Iterator[tuple[str, Any, Any]]:
    if isinstance(one, dict) and isinstance(other, dict):
        for key in sorted({*one, *other}):
            inner = f"{path}.{key}".lstrip(".")
            yield from _differences(inner, one.get(key, MISSING), other.get(key, MISSING))
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for number, both in enumerate(zip(one, other, strict=True)):
            yield from _differences(f"{path}[{number}]", *both)
    elif one != other:
        yield path, one, other
