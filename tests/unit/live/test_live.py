"""The live suite's safety: what it deletes, whose identity it uses, and the names of a run."""

import json
import os
import re
import socket
import stat
from types import SimpleNamespace

import pytest
from botocore.exceptions import ClientError

from irsa_sandbox.demo.checks import SystemCheck
from irsa_sandbox.session import Done
from tests.live import __main__ as live
from tests.live import answers, left_overs
from tests.live.answers import Answer, Row, answer_of, normalised, report
from tests.live.left_overs import CLUSTER, NODES, REST, LeftOver
from tests.live.run import Account, Refused, Run, subnets_of
from tests.live.world import World

BUSY = "ResourceInUseException"


def run_with(folder, client=None):
    session = SimpleNamespace(client=lambda service, **options: client)
    a, b = (
        Account(name, account * 12, f"arn:aws:iam::{account * 12}:user/me", session)
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
            LeftOver(name, name != "theirs", lambda name=name: self.delete(name), stage)
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
        ["role: .*AccessDenied.*", "theirs: has the run's name, but not its tag .*"]),
    "gone is fine": ({"role": (REST, ["NoSuchEntity"])}, ["role", "role"], []),
})  # fmt: skip
def test_left_overs_go_in_order_and_only_with_the_tag(monkeypatch, resources, asked, left):
    account = Resources(**resources)
    monkeypatch.setattr(left_overs, "find", account.find)
    monkeypatch.setattr(left_overs, "PAUSE", 0.0)

    found = left_overs.remove(None)

    assert account.asked == asked
    assert [each for each in zip(left, found, strict=True) if not re.fullmatch(*each)] == []


def test_a_busy_left_over_is_waited_for_no_longer_than_the_patience(monkeypatch):
    account = Resources(cluster=(CLUSTER, [BUSY] * 9), role=(REST, []))
    monkeypatch.setattr(left_overs, "find", account.find)
    monkeypatch.setattr(left_overs, "PATIENCE", -1.0)

    cluster, role = left_overs.remove(None)

    assert BUSY in cluster
    assert role == "role: not tried, as others come first"


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
    monkeypatch.setattr(Account, "eks_by_region", {"us-east-1": object(), "eu-west-1": None})
    monkeypatch.setattr(Account, "load", lambda profile, region: {"a": run.a, "b": run.b}[profile])
    monkeypatch.setenv("PATH", "/bin")
    return run


def test_a_run_is_removed_without_the_cli_and_its_record_tells_the_region(brought_up, capsys):
    run = Run.load(("a", "b"), "", brought_up.folder.parent, "abcdefgh")
    code = live._clean(run)

    printed = capsys.readouterr().out
    assert code == 0
    assert "no `pulumi` on PATH" in printed
    assert printed.endswith(
        f"nothing of run abcdefgh is left in accounts {'1' * 12} and {'2' * 12}\n"
    )
    assert not brought_up.private.exists()


def test_a_region_that_was_not_searched_is_not_said_to_be_empty(brought_up, capsys, monkeypatch):
    left = LeftOver("role", True, lambda: None, place=f"eu-west-1/{'1' * 12}/{'2' * 12}")
    monkeypatch.setattr(left_overs, "find", lambda run: [left])
    monkeypatch.setattr(left_overs, "remove", lambda run: [])

    assert live._clean(brought_up) == 1

    assert f"NOT searched for clusters in accounts {'1' * 12} and " in capsys.readouterr().out
    assert brought_up.private.exists()


def test_a_run_that_is_not_found_is_not_said_to_be_gone(brought_up, capsys):
    run = Run.load(("a", "b"), "", brought_up.folder.parent, "aaaaaaaa")

    assert live._clean(run) == 1

    printed = capsys.readouterr().out
    where = f"accounts {'1' * 12} and {'2' * 12}, regions us-east-1, eu-west-1"
    assert f"found nothing of run aaaaaaaa in {where}\n" in printed
    assert f"runs of {brought_up.folder.parent}: abcdefgh\n" in printed
    assert printed.endswith("REGION=us-east-1 CLEAN=aaaaaaaa\n")


def test_a_profile_that_does_not_exist_is_one_line():
    with pytest.raises(Refused, match=r"^profile 'c': The config profile \(c\) could not be found"):
        Account.load("c", "us-east-1")


@pytest.mark.cases(("host", "pid"), {
    "elsewhere": ("elsewhere", 2**22 + 1),
    "here": (socket.gethostname(), os.getpid()),
})  # fmt: skip
def test_the_lock_of_a_process_that_may_run_is_kept(brought_up, host, pid):
    lock = brought_up.private / "state" / ".pulumi" / "locks" / "organization" / "irsa" / "1.json"
    lock.parent.mkdir(parents=True)
    lock.write_text(json.dumps({"pid": pid, "hostname": host, "username": "ana"}))

    with pytest.raises(Refused, match=f"process {pid} on {host} is changing a stack; stop it"):
        live._clean(brought_up)
    lock.write_text(json.dumps({"pid": 2**22 + 1, "hostname": socket.gethostname()}))
    brought_up.check_locks()


def test_the_only_identity_of_a_run_is_its_profile(tmp_path):
    kept = {"HTTPS_PROXY": "http://127.0.0.1:1", "AWS_CONFIG_FILE": "/profiles"}
    theirs = ("ACCESS_KEY_ID", "SESSION_TOKEN", "PROFILE", "ROLE_ARN", "CONTAINER_CREDENTIALS_URI")
    caller = {**kept, **{f"AWS_{name}": "mine" for name in theirs}, "KUBECONFIG": "/mine"}

    environment = run_with(tmp_path).environment({**caller, "PATH": "/usr/bin"})

    assert environment.pop("PATH").startswith("/usr/bin:")
    region = {"AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": "us-east-1"}
    kubeconfig = str(tmp_path / "private" / "kubeconfig")
    assert environment == {**kept, **region, "AWS_PROFILE": "a", "KUBECONFIG": kubeconfig}


def test_the_cluster_goes_into_two_public_subnets_of_the_default_vpc(tmp_path):
    names = ("AvailabilityZone", "AvailabilityZoneId", "DefaultForAz", "MapPublicIpOnLaunch")
    rows = [
        ("us-east-1c", "use1-az6", True, True),
        ("us-east-1a", "use1-az3", True, True),  # EKS is not there
        ("us-east-1a", "use1-az1", False, True),
        ("us-east-1a", "use1-az1", True, False),
        ("us-east-1b", "use1-az2", True, True),
    ]
    zones = [dict(zip(names, row, strict=True)) for row in rows]
    subnets = [{**zone, "SubnetId": n, "VpcId": "vpc-d"} for n, zone in enumerate(zones)]
    ec2 = SimpleNamespace(describe_subnets=lambda: {"Subnets": subnets})

    assert subnets_of(run_with(tmp_path, ec2), []) == ("vpc-d", [4, 0])
    subnets.pop()
    with pytest.raises(Refused, match="no default VPC in us-east-1 with public subnets"):
        subnets_of(run_with(tmp_path, ec2), [])


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
    names = {"123456789012": "ACCOUNT_A", "irsa-live-x": "RUN"}
    assert normalised(text, names) == shown


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
    rows = [
        Row("a", "A works", False, Answer("AccessDenied", "not you", "GetObject")),
        Row("b", "B does not", True, refused),
        Row("c", "C is new", True, Answer("granted", "y")),
    ]

    _, failed, same, new = report({"run": "abcdefgh"}, rows).split("\n## ")

    assert failed.startswith("FAILED: a, A works\n\nhere: AccessDenied (GetObject)\n")
    assert "\nnot you\n```\n\nsandbox: granted\n\n```text\nx\n" in failed
    assert same.startswith("passed: b, B does not\n")
    assert same.endswith("\nThe sandbox answers the same.\n")
    assert "andbox" not in new


def test_a_call_that_must_be_denied_is_not_asked_again_once_it_was_granted(monkeypatch):
    asked: list[object] = []
    world = SimpleNamespace(
        names={}, rows=[], _own_words={},
        in_pod=lambda *command: asked.append(command) or Done(0, "granted"),
    )  # fmt: skip
    denied = SystemCheck(
        key="k", title="t", question={"pod": "p", "command": "aws"}, code="AccessDenied"
    )
    monkeypatch.setattr("tests.live.world.time.sleep", lambda _: pytest.fail("asked again"))

    assert not World.judge(world, denied).passed
    assert len(asked) == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "no AWS profiles; make test-aws PROFILE_A=… PROFILE_B=…"),
        (["--profile-b", "a"], f"profiles 'a' and 'a': both of account {'1' * 12}; give profiles"),
        (["--clean", "../.."], "run '../..': not 8 lowercase letters and digits; copy it from"),
        (["--subnets", "subnet-1"], "--subnets subnet-1: EKS needs two, in two availability zones"),
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
