"""The sandbox for the tests of any project: fixtures `irsa_sandbox`, `accounts` and `pod`.

pytest loads this into every session where the package is installed. So it imports pytest and the
name of the package; everything else is imported when a test asks for it.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from .errors import SandboxError

if TYPE_CHECKING:
    from .testing.sandbox import Accounts, RunningPod, Sandbox

OPTION = "irsa_sandbox"
KEEP = "irsa_keep"
STAND_IN = "irsa_stand_in"


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--irsa-sandbox FOLDER`, and the same in the configuration file."""
    text = (
        "the folder of the sandbox to test in: one that runs there is used and given back as it "
        "was, else one is started (default: one in a temporary folder)"
    )
    group = parser.getgroup("irsa", "AWS and Kubernetes on this machine")
    group.addoption("--irsa-sandbox", dest=OPTION, metavar="FOLDER", help=text)
    parser.addini(OPTION, text)


def pytest_configure(config: pytest.Config) -> None:
    """Declare the marker, and refuse one sandbox for several processes."""
    config.addinivalue_line(
        "markers", f"{KEEP}: what this test makes in the sandbox stays, for the tests after it"
    )
    processes = getattr(config.option, "numprocesses", None) or 1  # xdist's
    if processes > 1 and _folder(config) is not None:
        raise pytest.UsageError(
            f"--irsa-sandbox is one sandbox, and -n {processes} are as many processes that would "
            "reset it under each other; leave it out, and each has a sandbox of its own"
        )


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Name the stand-ins, which reports bring from each process of xdist."""
    reports = [report for listed in terminalreporter.stats.values() for report in listed]
    notes = [note for report in reports for note in getattr(report, "user_properties", ())]
    if names := sorted({value for name, value in notes if name == STAND_IN}):
        text = f"irsa-sandbox: IAM on stand-ins is not judged: {', '.join(names)}"
        terminalreporter.write_line(text)


@pytest.fixture(scope="session")
def irsa_sandbox(request: pytest.FixtureRequest) -> "Iterator[Sandbox]":
    """A cluster with the pod identity webhook and an OIDC provider, and two accounts that enforce
    IAM. Each test finds it as session and module fixtures have made it."""
    from .testing.sandbox import running

    config = request.config
    with ExitStack() as after:
        with _in_one_line():
            sandbox = after.enter_context(running(_folder(config), _teller(config)))
        yield sandbox


@pytest.fixture(scope="session")
def accounts(irsa_sandbox: "Sandbox") -> "Accounts":
    """Accounts `a`, the cluster's, and `b`: each has `id`, `region`, `session` and `client()`, as
    an administrator."""
    return irsa_sandbox.accounts


@pytest.fixture
def pod(irsa_sandbox: "Sandbox") -> "Iterator[Callable[..., RunningPod]]":
    """`pod("namespace/service-account", role_arn=None)` runs a Pod and has its `environment`,
    `boto3()` and `run([...])`."""
    with ExitStack() as after:

        def start(service_account: str, role_arn: str | None = None) -> "RunningPod":
            with _in_one_line():
                return after.enter_context(irsa_sandbox.pod(service_account, role_arn))

        yield start


@pytest.fixture(autouse=True)
def _irsa_reset(request: pytest.FixtureRequest) -> Iterator[None]:
    """Reset the sandbox after a test."""
    if "irsa_sandbox" not in request.fixturenames:
        yield
        return
    sandbox: Sandbox = request.getfixturevalue("irsa_sandbox")
    with _in_one_line():
        sandbox.snapshots.take()
    yield
    request.node.user_properties += [(STAND_IN, token) for token in sandbox.stand_ins]
    if request.node.get_closest_marker(KEEP) is None:
        with _in_one_line():
            sandbox.snapshots.restore()


def _folder(config: pytest.Config) -> Path | None:
    """The folder that is asked for. The configuration file's is relative to the file."""
    if given := config.getoption(OPTION):
        return config.invocation_params.dir / given
    configured = config.getini(OPTION)
    return config.rootpath / configured if configured else None


def _teller(config: pytest.Config) -> Callable[[str], None]:
    """Prints what takes minutes: the first run builds programs."""
    capture: Any = config.pluginmanager.getplugin("capturemanager")
    reporter: Any = config.pluginmanager.getplugin("terminalreporter")

    def tell(text: str) -> None:
        if reporter is not None and "build" in text:
            with capture.global_and_fixture_disabled():
                reporter.write_line(f"irsa-sandbox: {text}")

    return tell


@contextmanager
def _in_one_line() -> Iterator[None]:
    """Turn errors that the user can act on into one line without a traceback."""
    try:
        yield
        return
    except SandboxError as error:
        problem = str(error)
    pytest.fail(f"irsa-sandbox: {problem}", pytrace=False)
