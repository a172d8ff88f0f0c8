"""One process at a time resets a sandbox. Real resets: tests/sandbox/test_pytest_plugin.py."""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from irsa_sandbox.errors import SandboxError
from irsa_sandbox.snapshots import Snapshots, SnapshotServer
from tests.support.refusal import refusal

FOLDER = Path("/sandbox")


def test_a_second_holder_is_refused_and_what_goes_wrong_said_in_one_line(tmp_path):
    failures: list[Exception] = []

    def take() -> Callable[[], None]:
        if failures:
            raise failures.pop()
        return lambda: None

    with tempfile.TemporaryDirectory(dir="/tmp") as folder:  # a short path
        file = Path(folder) / "snapshots"
        server = SnapshotServer(file, take, lambda: None)
        server.start()
        holder = Snapshots(FOLDER, str(file))
        assert refusal(Snapshots, FOLDER, str(file), raised=SandboxError) == (
            f"the sandbox in /sandbox: process {os.getpid()} tests in it; wait for its end, or use "
            "another folder"
        )
        failures.append(RuntimeError("etcd is\ngone"))
        assert refusal(holder.take, raised=SandboxError) == "the sandbox in /sandbox: etcd is gone"
        holder.take()
        holder.close()
        Snapshots(FOLDER, str(file)).close()
        server.stop()
    with pytest.raises(SandboxError, match=r"^the sandbox in /sandbox does not answer: .*$"):
        Snapshots(FOLDER, str(tmp_path / "missing"))
