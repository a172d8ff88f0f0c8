"""The plugin's fixtures, on the sandbox that the tests of this process share."""

from collections.abc import Iterator

import pytest

from irsa_sandbox.pytest_plugin import _irsa_reset, pod  # noqa: F401 - fixtures
from irsa_sandbox.session import Session
from irsa_sandbox.testing.accounts import Accounts
from irsa_sandbox.testing.running import held
from irsa_sandbox.testing.sandbox import Sandbox


@pytest.fixture(scope="module")
def irsa_sandbox(session: Session) -> Iterator[Sandbox]:
    with held(session.state, ends=False) as running:
        yield running


@pytest.fixture(scope="module")
def accounts(irsa_sandbox: Sandbox) -> Accounts:
    return irsa_sandbox.accounts
