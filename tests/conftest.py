"""Fixtures of all tests. The caller's AWS, Pulumi and Kubernetes settings reach none of them."""

import os
import signal
from collections.abc import Iterator
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from sandbox.environment_variables import clean

if TYPE_CHECKING:
    from sandbox.session import Session

clean(os.environ)

# A shell's background job ignores Ctrl-C, and so would the processes that tests interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Hypothesis' own profile for machines that are busy with other things: no deadline for an example,
# and no health check of how long one takes to make up.
settings.register_profile("busy", settings.get_profile("ci"), derandomize=False)
settings.load_profile("busy")


@pytest.fixture(scope="session")
def session(tmp_path_factory: pytest.TempPathFactory) -> "Iterator[Session]":
    """A whole sandbox, one for each process."""
    from sandbox import lifecycle  # the other tests need none of it
    from sandbox.session import Session

    state = lifecycle.up(tmp_path_factory.mktemp("sandbox"), print)
    with closing(Session(state)) as running:
        yield running
    lifecycle.down(state.path)
