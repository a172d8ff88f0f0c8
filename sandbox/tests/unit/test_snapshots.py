"""One process at a time resets a sandbox. Real resets: tests/sandbox/test_pytest_plugin.py."""

import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from irsa_sandbox.errors import SandboxError
from irsa_sandbox.snapshots import Snapshots, SnapshotServer
from tests.support.refusal import refusal

FOLDER = Path("/sandbox")


@pytest.fixture
def failures() -> list[Exception]:
    """Errors that the sandbox is about to raise."""
    return []


@pytest.fixture
def file(failures: list[Exception]) -> Iterator[str]:
    def take() -> Callable[[], None]:
        if failures:
            raise failures.pop()
        return lambda: None

    with tempfile.TemporaryDirectory(dir="/tmp") as folder:  # a short path
        name = Path(folder) / "snapshots"
        server = SnapshotServer(name, take, lambda: None)
        server.start()
        yield str(name)
        server.stop()


def test_a_second_holder_is_refused_until_the_first_has_gone(file):
    first = Snapshots(FOLDER, file)
    assert refusal(Snapshots, FOLDER, file, raised=SandboxError) == (
        f"the sandbox in /sandbox: process {os.getpid()} tests in it; wait for its end, or use "
        "another folder"
    )
    first.close()
    Snapshots(FOLDER, file).close()


def test_what_goes_wrong_is_said_in_one_line_and_the_holder_may_go_on(failures, file, tmp_path):
    holder = Snapshots(FOLDER, file)
    failures.append(RuntimeError("etcd is\ngone"))
    assert refusal(holder.take, raised=SandboxError) == "the sandbox in /sandbox: etcd is gone"
    holder.take()
    holder.close()
    with pytest.raises(SandboxError, match=r"^the sandbox in /sandbox does not answer: .*$"):
        Snapshots(FOLDER, str(tmp_path / "missing"))
