"""Fixtures of the components' tests."""

import asyncio
from collections.abc import Callable
from typing import Any

import pulumi
import pytest

from tests.support.engine import LOOP

# An output takes an event loop, also one that a module's table makes; Python 3.12 warns where it
# has to make one, and 3.14 makes none.
asyncio.set_event_loop(LOOP)


@pytest.fixture(autouse=True)
def loop() -> None:
    """Give outputs that a test makes the loop of its programs: `asyncio.run` in an earlier test of
    the process takes the thread's away."""
    asyncio.set_event_loop(LOOP)


@pytest.fixture
def registered_outputs(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], dict[str, Any]]:
    """Return the outputs that the last component of a type registered: the state's interface."""
    registered: dict[str, dict[str, Any]] = {}

    def record(self: pulumi.ComponentResource, outputs: dict[str, Any]) -> None:
        def resolved(values: dict[str, Any]) -> None:
            registered[self.pulumi_resource_type] = values

        pulumi.Output.all(**outputs).apply(resolved)

    monkeypatch.setattr(pulumi.ComponentResource, "register_outputs", record)
    return registered.__getitem__
