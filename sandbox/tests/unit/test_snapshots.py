"""The process that resets a sandbox, and the end of its right with its socket."""

import os
import socket
import tempfile
import threading
import time
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
        self.ended = threading.Event()

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
        server = SnapshotServer(name, counter.take, counter.ended.set)
        server.start()
        yield str(name)
        server.stop()


def until(check: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not check():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_it_is_put_back_to_the_last_snapshot_as_often_as_is_asked(counter, file):
    holder = Snapshots(FOLDER, file)
    counter.value = 1
    holder.take()
    for value in (2, 3):
        counter.value = value
        holder.restore()
        assert counter.value == 1
    holder.close()


def test_it_is_given_back_as_it_was_found_once_close_returns(counter, file):
    holder = Snapshots(FOLDER, file)
    counter.value = 1
    holder.take()

    holder.close()

    assert counter.value == 0
    assert not counter.ended.is_set()


def test_it_is_given_back_when_the_connection_just_ends(counter, file):
    raw = socket.socket(socket.AF_UNIX)
    raw.connect(file)
    raw.sendall(b"1\n")
    assert raw.recv(10) == b"done\n"
    counter.value = 1

    raw.close()  # what the kernel does for a process that is killed

    until(lambda: counter.value == 0)


def test_it_ends_with_a_holder_who_said_so_and_is_left_as_it_is(counter, file):
    holder = Snapshots(FOLDER, file)
    holder.ends()
    counter.value = 1

    holder.close()

    assert counter.ended.is_set()
    assert counter.value == 1


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


def test_what_goes_wrong_is_said_in_one_line_and_the_holder_may_go_on(counter, file):
    holder = Snapshots(FOLDER, file)
    counter.fails = True
    assert refusal(holder.take, raised=SandboxError) == "the sandbox in /sandbox: etcd is gone"
    counter.fails = False
    holder.take()
    holder.close()


def test_a_missing_server_is_one_line(tmp_path):
    with pytest.raises(SandboxError, match=r"^the sandbox in /sandbox does not answer: .*$"):
        Snapshots(FOLDER, str(tmp_path / "missing"))
