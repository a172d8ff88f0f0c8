"""End of a command by a signal."""

import signal
import sys

import pytest

from irsa.commands.terminal import SIGNALS
from tests.support.processes import ran

PROGRAM = """
import os, sys, time
from irsa.commands.terminal import quietly

def command():
    try:
        os.kill(os.getpid(), int(sys.argv[1]))
        time.sleep(600)
    finally:
        os.write(2, b"tidied up")

sys.exit(quietly(command))
"""


@pytest.mark.parametrize("sign", SIGNALS, ids=lambda sign: sign.name)
def test_a_command_tidies_up_after_a_signal_and_ends_with_its_code(sign):
    done = ran(sys.executable, "-c", PROGRAM, sign.value)
    told = "" if sign == signal.SIGHUP else "tidied up"  # of a terminal that is gone
    assert (done.returncode, done.stdout, done.stderr) == (128 + sign, "", told)
