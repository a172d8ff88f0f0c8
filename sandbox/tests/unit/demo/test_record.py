"""The demo's output: in full on a terminal, with the engine's lines folded; short elsewhere."""

import io
import sys
import threading
import time

import pytest

from irsa_sandbox.demo.record import Record
from irsa_sandbox.session import Done

ELSEWHERE = """\
warning: user 'x' has a static access key
$ aws s3 ls
passed: it lists
$ aws s3 rm
AccessDenied
passed: it is refused
$ aws sts get-caller-identity
role/x
FAILED: it is its role
"""


@pytest.mark.parametrize("is_terminal", [True, False])
def test_lines_of_the_engine_are_folded_and_outputs_are_for_terminals(monkeypatch, is_terminal):
    screen = io.StringIO()
    screen.isatty = lambda: is_terminal
    monkeypatch.setattr(sys, "stdout", screen)
    monkeypatch.setenv("TERM", "xterm")
    record = Record()

    with record.stage("account A: pulumi up") as show:
        for line in (" +  aws:iam:Role x creating (0s)", "", f"    {ELSEWHERE.splitlines()[0]}"):
            show(f"{line}\n")
    record.check("list", "it lists", "aws s3 ls", "report.csv", passed=True)
    refusal = Done(1, "AccessDenied")
    record.denied("rm", "it is refused", "aws s3 rm", lambda: refusal, "AccessDenied")
    record.check("id", "it is its role", "aws sts get-caller-identity", "role/x", passed=False)

    assert ("report.csv" in screen.getvalue()) is is_terminal
    assert screen.getvalue().count("\n") < 20
    assert is_terminal or screen.getvalue() == ELSEWHERE


def test_commands_run_side_by_side_and_are_shown_as_they_were_asked(capsys):
    record, both = Record(as_json=True), threading.Barrier(2, timeout=60)

    def waits(name):
        return lambda: (both.wait(), Done(0, name))[1]

    with record.failure_as_check(), record.section("Two"):
        for name in ("first", "second"):
            record.ask(name, name, name, waits(name), lambda done: done.code == 0)
        record.check("third", "third", "third", "", passed=True)
        record.ask("fourth", "fourth", "fourth", lambda: 1 / 0, bool)

    assert [(each.key, each.passed) for each in record.checks] == [
        ("first", True), ("second", True), ("third", True), ("unfinished", False),
    ]  # fmt: skip
    assert "ZeroDivisionError" in record.checks[-1].output
    assert record.finish() == 1


def test_no_command_runs_after_an_interrupted_story():
    record, started, over = Record(as_json=True), [], threading.Event()

    def run():
        started.append(1)
        over.wait(60)
        return Done(0, "")

    def interrupted():
        with record.failure_as_check():
            for number in range(200):
                record.ask(str(number), "", "", run, bool)
            threading.Timer(0.2, over.set).start()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    ran = len(started)

    over.wait(60)
    time.sleep(0.3)
    assert 0 < len(started) == ran
