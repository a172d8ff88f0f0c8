"""The plugin's fixtures, on the sandbox that the tests of this process share."""

from collections.abc import Iterator

import pytest

from sandbox.pytest_plugin import _irsa_reset, pod  # noqa: F401 - fixtures
from sandbox.session import Session
from sandbox.testing.accounts import Accounts
from sandbox.testing.running import held
from sandbox.testing.sandbox import Sandbox


@pytest.fixture(scope="module")
def irsa_sandbox(session: Session) -> Iterator[Sandbox]:
    with held(session.state, ends=False) as running:
        yield running


@pytest.fixture(scope="module")
def accounts(irsa_sandbox: Sandbox) -> Accounts:
    return irsa_sandbox.accounts
