"""What the comparisons with published plugins share; a module says which it is by ``PLUGIN``."""

from collections.abc import Iterator

import pytest

from sandbox.session import Session
from tests.sandbox.support.two_accounts import Pair
from tests.sandbox.support.with_plugin import made_anew, sandbox_with


@pytest.fixture(scope="module")
def published(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Session]:
    """A sandbox that leaves the module's provider to its plugin."""
    with sandbox_with(request.module.PLUGIN, tmp_path_factory.mktemp("published")) as running:
        yield running


@pytest.fixture(scope="module")
def pairs(published: Session, session: Session) -> Iterator[tuple[Pair, ...]]:
    """With attached providers and with the plugin."""
    with made_anew(session, published) as both:
        yield both
