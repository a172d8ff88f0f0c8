"""Fixtures of the components' tests."""

import asyncio
from collections.abc import Iterator

import pytest

from tests.support.engine import LOOP
from tests.support.trial_pods import Tried, api_server

# An output takes an event loop, also one that a module's table makes; Python 3.12 warns where it
# has to make one, and 3.14 makes none.
asyncio.set_event_loop(LOOP)


@pytest.fixture(autouse=True)
def loop() -> None:
    """Give outputs that a test makes the loop of its programs: `asyncio.run` in an earlier test of
    the process takes the thread's away."""
    asyncio.set_event_loop(LOOP)


@pytest.fixture
def tried() -> Iterator[Tried]:
    with api_server() as server:
        yield server
