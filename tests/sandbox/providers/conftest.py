"""Fixtures of the comparisons with published plugins; a module names its own in ``PLUGIN``."""

from collections.abc import Iterator

import pytest

from sandbox.session import Session
from tests.sandbox.support.with_plugin import brought_up, sandbox_with


@pytest.fixture(scope="module")
def published(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Session]:
    """A sandbox that leaves the module's provider to its plugin."""
    with sandbox_with(request.module.PLUGIN, tmp_path_factory.mktemp("published")) as running:
        yield running


@pytest.fixture(scope="module")
def both(published: Session, session: Session) -> Iterator[tuple[Session, ...]]:
    """The compared program with attached providers and with the plugin."""
    with brought_up(session, published) as sessions:
        yield sessions
