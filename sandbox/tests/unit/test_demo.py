"""The demo: its list of checks, its folder, and its output on a terminal and elsewhere."""

import io
import json
import sys
import tempfile
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from irsa_sandbox import demo
from irsa_sandbox.demo.checks import SystemCheck, parts
from irsa_sandbox.demo.record import Record, ShownClaim
from irsa_sandbox.errors import SandboxError
from irsa_sandbox.session import Done

REFUSED = "An error occurred (AccessDenied) when calling the GetObject operation: not you"
SYSTEMS = SimpleNamespace(names={"prefix": "", "role": "r"})
ANSWER = {"contains": ["ROLE={role}"], "variables": ["ROLE"]}
REFUSAL = {"code": "AccessDenied", "contains": ["not you"]}
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


def test_each_check_has_a_key_and_a_title_of_its_own():
    for asker in ("demo", "test-aws"):
        checks = [check for *_, checks in parts(asker) for check in checks]
        keys, titles = {each.key for each in checks}, {each.title for each in checks}
        assert len(keys) == len(titles) == len(checks)


@pytest.mark.cases(("expected", "code", "output", "holds"), {
    "as expected": (ANSWER, 0, "ROLE=r", True),
    "another role": (ANSWER, 0, "ROLE=s", False),
    "variable that is not expected": (ANSWER, 0, "ROLE=r\nKEY=x", False),
    "exit code 1": (ANSWER, 1, "ROLE=r", False),
    "error beside the text": (ANSWER, 0, f"ROLE=r\n{REFUSED}", False),
    "refused as expected": (REFUSAL, 254, REFUSED, True),
    "refused by another code": (REFUSAL, 254, REFUSED.replace("Denied", "Granted"), False),
    "refused with another text": (REFUSAL, 254, REFUSED.replace("not", "as"), False),
    "refused, exit code 0": (REFUSAL, 0, REFUSED, False),
    "refused, but not by AWS": (REFUSAL, 254, "AccessDenied, not you", False),
})  # fmt: skip
def test_code_text_and_variables_all_count_in_a_check(expected, code, output, holds):
    check = SystemCheck(key="k", title="t", question={}, **expected)
    assert check.holds(Done(code, output), SYSTEMS) is holds


@pytest.fixture
def folders(monkeypatch, tmp_path):
    """The folders that the demo used, without a sandbox in them."""
    used: list[Path] = []

    def start(folder, programs, on_progress):
        assert (programs, folder.stat().st_mode & 0o777) == ("tools", 0o700)
        (folder / "state.json").touch()
        used.append(folder)
        return SimpleNamespace(search_path=dict, aws_environment=dict)

    monkeypatch.setattr(demo, "PROJECT_B", tmp_path)  # which an installed sandbox has not
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    for name, fake in (("tools", lambda *_: "tools"), ("start", start), ("down", used.append)):
        monkeypatch.setattr(demo.lifecycle, name, fake)
    monkeypatch.setattr(demo, "_story", lambda systems, record: None)
    return used


def run(folder: Path | None = None) -> int:
    return demo.run(folder, lambda _: None, output="json")


def test_each_demo_has_a_folder_of_its_own_that_is_removed(folders, tmp_path, monkeypatch):
    run()
    run()
    folder = tmp_path / "given"
    folder.mkdir(mode=0o700)
    run(folder)
    started, stopped, again, stopped_again, *last = folders
    assert started == stopped != again == stopped_again
    assert last == [folder, folder]
    assert [path.exists() for path in (started, again, folder)] == [False, False, True]
    monkeypatch.setattr(demo.lifecycle, "start", lambda *_: None)
    with pytest.raises(SandboxError, match=r"^a sandbox runs in .*; leave out --folder, or stop"):
        run(tmp_path / "running")


@pytest.mark.parametrize("error", [SandboxError, ValueError, KeyboardInterrupt])
def test_a_part_that_fails_is_a_failed_check_of_the_table(folders, monkeypatch, capsys, error):
    def fail(systems, record):
        def no_deployment():
            raise error("no Deployment")

        up = ShownClaim("up", "the stack comes up", "pulumi up", "5 create", passed=True)
        record.announce(record.start(lambda: up), lambda row: row)
        record.announce(record.start(no_deployment), lambda row: row, "the forms: pulumi up")

    monkeypatch.setattr(demo, "_story", fail)
    if error is KeyboardInterrupt:
        with pytest.raises(error):
            run()
    else:
        assert run() == 1
        passed, failed = json.loads(capsys.readouterr().out)["checks"]
        assert (passed["passed"], failed["passed"]) == (True, False)
        assert failed["title"] == "the forms: pulumi up: no error"
        assert failed["output"].endswith("no Deployment")
    assert (len(folders), folders[0].exists()) == (2, False), "it was stopped"


@pytest.mark.cases("is_terminal", {"file": False, "terminal": True})
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
        ShownClaim("list", "it lists", "aws s3 ls", "report.csv", passed=True),
        ShownClaim("rm", "it is refused", "aws s3 rm", "AccessDenied", passed=True),
        ShownClaim("id", "it is its role", "aws sts get-caller-identity", "role/x", passed=False),
    ):
        started = record.start(lambda row=row: row)
        record.announce(started, lambda row: row, is_refusal=row.key == "rm")
    with record.failure_as_row():
        pass
    assert ("report.csv" in screen.getvalue()) is is_terminal
    assert screen.getvalue().count("\n") < 20
    assert is_terminal or screen.getvalue() == ELSEWHERE


def test_a_table_with_long_titles_fits_and_loses_nothing(capsys):
    record, title = Record(), " ".join(f"claim-{number}" for number in range(60))
    record.rows.append(ShownClaim("long", title, "", "", passed=True))
    assert record.finish() == 0
    out = capsys.readouterr().out
    assert max(map(len, out.splitlines())) <= 100
    assert {*title.split()} <= {*out.split()}


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
            record.announce(started, lambda text: ShownClaim(text, text, "", "", passed=True))
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


def test_a_question_that_only_these_systems_know_is_theirs_to_answer():
    systems = SimpleNamespace(ask=lambda question: Done(0, question["buckets"]))
    check = SystemCheck(key="k", title="t", question={"buckets": "private"})
    assert check.ask(systems) == Done(0, "private")
