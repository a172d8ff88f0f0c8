"""Whose locks are taken away."""

import json
import os
import subprocess
import sys

import pytest

from tests.live import locks
from tests.live.run import Refused


@pytest.fixture
def lock(tmp_path):
    """A lock as the CLI leaves it, by the id of its holder."""

    def made(holder):
        file = tmp_path / ".pulumi" / "locks" / "organization" / "irsa" / "dev" / "1.json"
        file.parent.mkdir(parents=True)
        file.write_text(json.dumps({"pid": holder, "username": "me", "hostname": "here"}))
        return file

    return made


def test_the_lock_of_a_process_that_runs_stays(lock, tmp_path, monkeypatch):
    monkeypatch.setattr(locks, "PATIENCE", 0.0)
    file = lock(os.getpid())

    with pytest.raises(Refused, match=f"process {os.getpid()} is changing this run's stacks"):
        locks.unlock(tmp_path)

    assert file.exists()


@pytest.mark.parametrize("is_waited_for", [True, False], ids=["gone", "ended-and-not-waited-for"])
def test_the_lock_of_a_process_that_has_ended_goes(lock, tmp_path, is_waited_for):
    with subprocess.Popen([sys.executable, "-c", ""], stdout=subprocess.PIPE) as process:
        process.stdout.read()  # until its end
        file = lock(process.pid)
        if is_waited_for:
            process.wait()
        locks.unlock(tmp_path)

    assert not file.exists()


def test_a_backend_without_locks_is_fine(tmp_path):
    locks.unlock(tmp_path)
