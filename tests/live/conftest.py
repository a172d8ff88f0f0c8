"""The run that the live tests share: up once, and removed at the end, whatever happens."""

import os
from collections.abc import Iterator

import pytest

from tests.live.given import GIVEN

WAY_OUT = (
    "the live tests make things in two AWS accounts: run `make test-aws PROFILE_A=… PROFILE_B=…`"
)


@pytest.fixture(scope="session")
def live(request: pytest.FixtureRequest) -> Iterator:
    """Both stacks, up. The session of tests ends when they do not come up."""
    given = request.config.stash.get(GIVEN, None)
    if given is None:
        pytest.exit(WAY_OUT, returncode=pytest.ExitCode.USAGE_ERROR)
    from tests.live.session import Live  # pulumi takes a second to import

    os.environ.clear()  # of what tests/conftest.py has left
    os.environ.update(given.run.environment(given.environment))
    run = Live(given.run)
    try:
        run.up(given.settings)
        yield run
    except Exception as error:  # noqa: BLE001 - or every test would say it again
        pytest.exit(f"{type(error).__name__}: {error}", returncode=pytest.ExitCode.TESTS_FAILED)
    finally:
        is_removed = run.remove()
        run.write_report()
        if not is_removed:
            pytest.exit("not everything is removed", returncode=pytest.ExitCode.TESTS_FAILED)
