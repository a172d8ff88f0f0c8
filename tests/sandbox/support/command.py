"""`python -m irsa_sandbox`, as a user runs it: in a process of its own."""

import subprocess
import sys

from irsa_sandbox.engine.stack import ROOT
from tests.support.processes import ran

SANDBOX = (sys.executable, "-m", "irsa_sandbox")


def sandbox(*arguments: str) -> subprocess.CompletedProcess[str]:
    """A command that came to its end."""
    return ran(*SANDBOX, *arguments, cwd=ROOT)


def started(*arguments: str) -> subprocess.Popen[str]:
    """A command that runs, the leader of a process group, both its outputs in ``stdout``.

    Python has come to the command's first lines, which the import of argparse follows.
    """
    python, *module = SANDBOX
    command = [python, "-X", "importtime", *module, *arguments]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    process = subprocess.Popen(command, cwd=ROOT, start_new_session=True, **pipes)
    assert any(line.endswith("| argparse\n") for line in process.stdout), process.stdout
    return process
