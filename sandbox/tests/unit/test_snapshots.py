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


class Counter:
    """A sandbox that is a number."""

    def __init__(self) -> None:
        self.value = 0
        self.fails = False

    def take(self) -> Callable[[], None]:
        if self.fails:
            raise RuntimeError("etcd is\ngone")
        then = self.value
        return lambda: setattr(self, "value", then)


@pytest.fixture
def counter() -> Counter:
    return Counter()


@pytest.fixture
def file(counter: Counter) -> Iterator[str]:
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:  # a short path
        name = Path(folder) / "snapshots"
        server = SnapshotServer(name, counter.take, lambda: None)
        server.start()
        yield str(name)
        server.stop()


def test_a_second_holder_is_refused_until_the_first_has_gone(counter, file):
    first = Snapshots(FOLDER, file)
    counter.value = 1
    assert refusal(Snapshots, FOLDER, file, raised=SandboxError) == (
        f"the sandbox in /sandbox: process {os.getpid()} tests in it; wait for its end, or use "
        "another folder"
    )
    assert counter.value == 1

    first.close()

    Snapshots(FOLDER, file).close()


def test_what_goes_wrong_is_said_in_one_line_and_the_holder_may_go_on(counter, file, tmp_path):
    holder = Snapshots(FOLDER, file)
    counter.fails = True
    assert refusal(holder.take, raised=SandboxError) == "the sandbox in /sandbox: etcd is gone"
    counter.fails = False
    holder.take()
    holder.close()
    with pytest.raises(SandboxError, match=r"^the sandbox in /sandbox does not answer: .*$"):
        Snapshots(FOLDER, str(tmp_path / "missing"))
