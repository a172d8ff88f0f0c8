"""What `python -m tests.live` hands on to pytest."""

from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

if TYPE_CHECKING:
    from tests.live.run import Run  # boto3, which collecting tests must not wait for


class Given(NamedTuple):
    """A run that its owner has agreed to."""

    run: "Run"
    settings: tuple[dict[str, Any], dict[str, Any]]
    environment: dict[str, str]
    """The caller's; tests/conftest.py empties that of the process."""

    def pytest_configure(self, config: pytest.Config) -> None:
        """Called by pytest, to which this is a plugin."""
        config.stash[GIVEN] = self


GIVEN: pytest.StashKey[Given] = pytest.StashKey()
