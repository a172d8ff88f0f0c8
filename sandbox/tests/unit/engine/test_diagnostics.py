"""Errors of the engine as one line. The texts are the CLI's own, 3.274.1.

Those of policies and protected resources: tests/sandbox/policy_pack/test_dangers.py and
tests/sandbox/systems/test_cluster.py.
"""

import pytest
from pulumi.automation import CommandResult
from pulumi.automation.errors import create_command_error

from irsa_sandbox.engine.diagnostics import explain, without_repeats

CANCELED = """Updating (dev):
Diagnostics:
  pulumi:pulumi:Stack (irsa-dev):
    error: update canceled
    error: Resource monitor has terminated, shutting down
    error: an unhandled error occurred: Exception calling application: invalid state

Resources:
    + 9 created
"""
LOCKED = """error: the stack is currently locked by 1 lock(s). Either wait for the other \
process(es) to end or delete the lock file with `pulumi cancel`.
  file:///sandbox/.pulumi/locks/dev/1.json: created by ana@laptop (pid 4711) at 2026-11-25T09:15Z
"""


@pytest.mark.parametrize(
    ("code", "stdout", "stderr", "line"),
    [
        (255, "", LOCKED, "the stack is locked by process 4711 (ana@laptop); wait until it end"),
        (255, CANCELED, "", "update canceled; run the command again to finish it"),
        (-9, "Updating (dev):\n", "", "the Pulumi engine was killed (signal 9); remove the lock"),
        (255, "", "error: incorrect passphrase\n", "incorrect passphrase"),
        (255, "", "panic: something\nelse\n", "code: 255 stdout: stderr: panic: something else"),
    ],
    ids=["locked", "cancelled", "killed", "error", "anything-else"],
)
def test_an_error_of_the_cli_is_one_line(code, stdout, stderr, line):
    result = CommandResult(stdout=stdout, stderr=stderr, code=code)
    assert explain(create_command_error(result)).startswith(line)


def test_an_error_and_a_warning_are_shown_once():
    lines: list[str] = []
    show = without_repeats(lines.append)
    resource = " +  irsa:index:AccessKeyUser s3-manager creating (0s)"
    shown = [resource, "    warning: a static access key", "    error: irsa:cluster: unknown key"]
    for line in (f"{resource} warning: a static access key", *shown):
        show(line)
    show("    error: an unhandled error occurred: irsa:cluster: unknown key")
    assert lines == shown
