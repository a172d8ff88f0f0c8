"""A process group ends with the process that started it, however that ends."""

import os
import signal
import subprocess
import sys

import pytest

from irsa_sandbox.lifecycle import ROOT
from irsa_sandbox.reaper import reaper

HOLDER = "import sys, time; from irsa_sandbox.reaper import reaper; r = reaper(int(sys.argv[1])); "


@pytest.fixture
def sleeper():
    with subprocess.Popen(["sleep", "600"], start_new_session=True) as process:
        yield process
        process.kill()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_the_group_ends_when_its_holder_is_killed(sleeper, number):
    holder = subprocess.Popen(
        [sys.executable, "-c", f"{HOLDER} print(flush=True); time.sleep(600)", str(sleeper.pid)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
    )
    with holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        assert sleeper.poll() is None

        os.kill(holder.pid, number)

        assert sleeper.wait(timeout=20) == -signal.SIGKILL


def test_the_group_ends_with_the_context(sleeper):
    with reaper(sleeper.pid):
        assert sleeper.poll() is None

    assert sleeper.wait(timeout=20) == -signal.SIGKILL
