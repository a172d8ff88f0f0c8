"""The demo's output: in full on a terminal, with the engine's lines folded; short elsewhere."""

import io
import sys
import threading
import time

import pytest

from irsa_sandbox.demo.record import Record, Row

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
    show, warning = record.lines_of("account A: pulumi up"), ELSEWHERE.splitlines()[0]
    for line in (" +  aws:iam:Role x creating (0s)", "", f"    {warning}", warning):
        show(f"{line}\n")
    for row in (
        Row("list", "it lists", "aws s3 ls", "report.csv", passed=True),
        Row("rm", "it is refused", "aws s3 rm", "AccessDenied", passed=True),
        Row("id", "it is its role", "aws sts get-caller-identity", "role/x", passed=False),
    ):
        started = record.start(lambda row=row: row)
        record.announce(started, lambda row: row, is_refusal=row.key == "rm")
    with record.failure_as_row():
        pass
    assert ("report.csv" in screen.getvalue()) is is_terminal
    assert screen.getvalue().count("\n") < 20
    assert is_terminal or screen.getvalue() == ELSEWHERE


def test_work_runs_side_by_side_and_is_shown_as_it_was_announced(capsys):
    record, both, ran = Record(as_json=True), threading.Barrier(2, timeout=300), []

    def work(name: str) -> str:
        both.wait()
        ran.append(name)
        return name

    with record.failure_as_row():
        record.section("Two")
        two = [record.start(lambda name=name: work(name), is_command=True) for name in "ab"]
        after = record.start(lambda: f"after {sorted(ran)}", *two)
        for started in (after, *two, record.start(lambda: 1 / 0), record.start(list)):
            record.announce(started, lambda text: Row(text, text, "", "", passed=True))

    assert [(row.key, row.passed) for row in record.rows] == [
        ("after ['a', 'b']", True), ("a", True), ("b", True), ("unfinished", False),
    ]  # fmt: skip
    assert record.rows[-1].title == "Two: no error"
    assert "ZeroDivisionError" in record.rows[-1].output
    assert record.finish() == 1


def test_nothing_goes_on_after_an_interrupted_story():
    record, started, over = Record(as_json=True), [], threading.Event()

    def run():
        started.append(1)
        over.wait(300)

    @record.failure_as_row()
    def interrupted():
        first = record.start(run)
        for _ in range(200):
            record.start(run, is_command=True)
            record.start(run, first)
        threading.Timer(0.2, over.set).start()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    ran = len(started)
    over.wait(300)
    time.sleep(0.3)
    assert 0 < len(started) == ran < 200
