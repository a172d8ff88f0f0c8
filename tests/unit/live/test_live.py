"""The live suite's safety: what it deletes, whose identity it uses, and the names of a run."""

import os
import re
import stat
from functools import partial
from itertools import count
from types import SimpleNamespace
from unittest.mock import Mock

import pytest
from botocore.exceptions import ClientError
from pulumi.automation import CommandResult
from pulumi.automation.errors import ConcurrentUpdateError

from irsa_sandbox.demo.checks import SystemCheck
from irsa_sandbox.session import Done
from tests.live import __main__ as live
from tests.live import answers, left_overs
from tests.live.answers import Answer, answer_of, normalised, report
from tests.live.left_overs import CLUSTER, NODES, REST, LeftOver
from tests.live.run import Account, Refused, Run
from tests.live.stacks import Stack
from tests.live.world import World

BUSY = "ResourceInUseException"


def run_with(folder):
    a, b = (
        Account(name, account * 12, f"arn:aws:iam::{account * 12}:user/me", None)
        for name, account in (("a", "1"), ("b", "2"))
    )
    return Run("abcdefgh", "us-east-1", a, b, folder)


class Resources:
    """Resources that AWS refuses to delete some times, with a code each time."""

    def __init__(self, **resources):
        self.resources = {name: (stage, list(codes)) for name, (stage, codes) in resources.items()}
        self.asked: list[str] = []

    def find(self, run):
        return [
            LeftOver(
                name, "theirs" if name == "theirs" else run.tag, partial(self.delete, name), stage
            )
            for name, (stage, _) in self.resources.items()
        ]

    def delete(self, name):
        self.asked.append(name)
        codes = self.resources[name][1]
        if codes:
            code = codes[0] if codes == ["AccessDenied"] else codes.pop(0)
            raise ClientError({"Error": {"Code": code, "Message": "no"}}, "Delete")
        del self.resources[name]


@pytest.mark.cases(("resources", "asked", "left"), {
    "a busy cluster before its role": ({"role": (REST, []), "cluster": (CLUSTER, [BUSY] * 2),
        "nodes": (NODES, [])}, ["nodes", "cluster", "cluster", "cluster", "role"], []),
    "the rest is reported": ({"role": (REST, ["AccessDenied"]), "user": (REST, []),
        "theirs": (REST, [])}, ["role", "user", "role"],
        ["role: .*AccessDenied.*", "theirs: has the run's name, but irsa-live-run theirs, not .*"]),
    "gone is fine": ({"role": (REST, ["NoSuchEntity"])}, ["role", "role"], []),
    "busy for longer than the patience": ({"cluster": (CLUSTER, [BUSY] * 99), "role": (REST, [])},
        ["cluster"] * 9, [f"cluster: .*{BUSY}.*", "role: not tried, as others come first"]),
})  # fmt: skip
def test_left_overs_go_in_order_and_only_with_the_tag(
    tmp_path, monkeypatch, resources, asked, left
):
    account, clock = Resources(**resources), count()
    monkeypatch.setattr(left_overs, "find", account.find)
    monkeypatch.setattr(left_overs, "PATIENCE", 8.5)
    time = SimpleNamespace(monotonic=lambda: next(clock), sleep=lambda _: None)
    monkeypatch.setattr(left_overs, "time", time)

    problems = left_overs.remove(run_with(tmp_path))

    assert account.asked == asked
    assert [pair for pair in zip(left, problems, strict=True) if not re.fullmatch(*pair)] == []


def test_the_folder_of_a_run_and_its_files_are_private(tmp_path):
    run = run_with(tmp_path / "run")
    run.begin()

    paths = (run.folder, run.private / "passphrase")
    assert [stat.S_IMODE(path.stat().st_mode) for path in paths] == [0o700, 0o600]


@pytest.fixture
def brought_up(tmp_path, monkeypatch):
    """A run whose folder has a stack, and of which AWS has nothing."""
    run = run_with(tmp_path / "abcdefgh")
    run.begin()
    (run.private / "account_b").mkdir()
    (run.private / "account_b" / f"Pulumi.{run.prefix}.yaml").touch()
    monkeypatch.setattr(left_overs, "find", lambda run: [])
    monkeypatch.setattr(Account, "load", lambda profile, region: {"a": run.a, "b": run.b}[profile])
    monkeypatch.setenv("PATH", "/bin")
    return run


def test_a_run_is_removed_without_the_cli(brought_up, capsys):
    assert live._clean(brought_up) == 0

    printed = capsys.readouterr().out
    where = f"accounts {'1' * 12} and {'2' * 12}, region us-east-1"
    assert "no `pulumi` on PATH" in printed
    assert printed.endswith(f"nothing of run abcdefgh is left in {where}\n")
    assert not brought_up.private.exists()
    # Now there is no record of it either, so a mistake in its id is not said to be gone.
    assert live._clean(brought_up) == 1
    printed = capsys.readouterr().out
    assert f"found nothing of run abcdefgh in {where}\n" in printed
    assert printed.endswith("REGION=us-east-1 CLEAN=abcdefgh\n")


def test_a_profile_that_does_not_exist_is_one_line():
    with pytest.raises(Refused, match=r"^profile 'c': The config profile \(c\) could not be found"):
        Account.load("c", "us-east-1")


def test_the_lock_of_a_process_that_may_run_is_kept():
    lock = CommandResult(
        "", "the stack is locked\n  x: created by ana@elsewhere (pid 4) at x\n", 255
    )
    engine = Mock(destroy=Mock(side_effect=ConcurrentUpdateError(lock)))

    with pytest.raises(Refused, match=r"^account A: the stack is locked by process 4 of ana; wait"):
        Stack.destroy(SimpleNamespace(title="account A", _stack=engine))

    assert engine.destroy.call_count == 1
    assert not engine.cancel.called


def test_the_only_identity_of_a_run_is_its_profile(tmp_path):
    kept = {"HTTPS_PROXY": "http://127.0.0.1:1", "AWS_CONFIG_FILE": "/profiles"}
    theirs = ("ACCESS_KEY_ID", "SESSION_TOKEN", "PROFILE", "ROLE_ARN", "CONTAINER_CREDENTIALS_URI")
    caller = {**kept, **{f"AWS_{name}": "mine" for name in theirs}, "KUBECONFIG": "/mine"}

    environment = run_with(tmp_path).environment({**caller, "PATH": "/usr/bin"})

    assert environment.pop("PATH").startswith("/usr/bin:")
    region = {"AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": "us-east-1"}
    region |= {"AWS_RETRY_MODE": "standard", "AWS_MAX_ATTEMPTS": "8"}
    kubeconfig = str(tmp_path / "private" / "kubeconfig")
    assert environment == {**kept, **region, "AWS_PROFILE": "a", "KUBECONFIG": kubeconfig}


@pytest.mark.cases(("text", "shown"), {
    "account and run": ("arn:aws:iam::123456789012:role/irsa-live-x",
        "arn:aws:iam::ACCOUNT_A:role/RUN"),
    "session": ("assumed-role/r/botocore-session-1764170000", "assumed-role/r/SESSION"),
    "unique id": ("AROAIOSFODNN7EXAMPLE:botocore-session-1764170000", "UNIQUE_ID:SESSION"),
    "key id": ("AWS_ACCESS_KEY_ID=AKIAIOSFODNN7EXAMPLE", "AWS_ACCESS_KEY_ID=KEY_ID"),
    "secret key": ("AWS_SECRET_ACCESS_KEY=wJalr/K7", "AWS_SECRET_ACCESS_KEY=SECRET"),
    "token": ("eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ4In0.c2ln", "TOKEN"),
    "time": ("2026-11-26 15:01:02   11 reports/x.csv", "TIME   11 reports/x.csv"),
    "random parts of names": ("role/s3-app-A-0a1b2c3/x s3://s3-app-1234567",
        "role/s3-app-A-HEX/x s3://s3-app-HEX"),
    "Pod": ("s3-app-6f84655765-qcc9h", "s3-app-POD"),
})  # fmt: skip
def test_a_report_holds_no_account_key_or_token(text, shown):
    assert normalised(text, {"123456789012": "ACCOUNT_A", "irsa-live-x": "RUN"}) == shown


def test_a_refusal_printed_by_the_cli_is_aws_s_code_and_text():
    printed = (
        "aws: [ERROR]: An error occurred (AccessDenied) when calling the GetObject operation: no\n"
    )

    assert answer_of(Done(254, printed)) == Answer("AccessDenied", "no", "GetObject")
    assert answer_of(Done(255, "no keys")) == Answer("failed", "exit code 255: no keys")


def test_a_report_has_both_answers_where_they_differ(tmp_path, monkeypatch):
    refused = Answer("AccessDenied", "no", "AssumeRole")
    recorded = tmp_path / "answers.json"
    recorded.write_text(answers.as_json({"a": Answer("granted", "x"), "b": refused}))
    monkeypatch.setattr(answers, "SANDBOX_ANSWERS", recorded)

    text = report({"run": "abcdefgh"}, answers.as_json({"a": Answer("failed", "x"), "b": refused}))

    assert text.startswith("# Live run of both stacks\n\n- run: abcdefgh\n\n```diff\n")
    assert [line for line in text.splitlines() if re.match(r"[-+] ", line)][1:] == [
        '-  "code": "granted",',
        '+  "code": "failed",',
    ]


def test_a_call_that_must_be_denied_is_not_asked_again_once_it_was_granted(monkeypatch):
    asked: list[object] = []
    world = SimpleNamespace(
        names={}, answers={}, failed=[], _own_words={},
        in_pod=lambda *command: asked.append(command) or Done(0, "granted"),
    )  # fmt: skip
    denied = SystemCheck(
        key="k", title="t", question={"pod": "p", "command": "aws"}, code="AccessDenied"
    )
    monkeypatch.setattr("tests.live.world.time.sleep", lambda _: pytest.fail("asked again"))

    World.judge(world, denied)
    assert (world.failed, len(asked)) == (["k"], 1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "no AWS profiles; make test-aws PROFILE_A=… PROFILE_B=…"),
        (["--profile-b", "a"], f"profiles 'a' and 'a': both of account {'1' * 12}; give profiles"),
        (["--clean", "../.."], "run '../..': not 8 lowercase letters and digits; copy it from"),
    ],
)
def test_wrong_usage_is_one_line(brought_up, capsys, monkeypatch, options, message):
    monkeypatch.setattr(live.shutil, "which", lambda _: "/bin/pulumi")
    monkeypatch.setattr(os, "environ", {**os.environ})
    profiles = ["--profile-a", "a", "--profile-b", "b"] if options else []

    assert live.main([*profiles, "--folder", str(brought_up.folder.parent), *options]) == 2

    printed = capsys.readouterr()
    assert (printed.out, printed.err.count("\n")) == ("", 1)
    assert printed.err.startswith(f"test-aws: {message}")
