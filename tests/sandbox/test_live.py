"""`make test-aws` against the sandbox instead of AWS: the same code, in its own process.

The sandbox gives the environment and a file with two AWS profiles.
"""

import json
import os
import signal
import sys
from contextlib import closing
from pathlib import Path
from subprocess import DEVNULL, PIPE, STDOUT, Popen
from typing import NamedTuple

import pytest
from lightkube.resources.core_v1 import Namespace

from irsa_core.identity.arns import role_arn
from irsa_sandbox import lifecycle
from irsa_sandbox.aws.accounts import ACCOUNT_A, ACCOUNT_B
from irsa_sandbox.aws.clients import AccessKeys, AwsClients
from irsa_sandbox.aws.server import CROSS_ACCOUNT_ROLE
from irsa_sandbox.demo import left_overs
from irsa_sandbox.session import Session
from tests.live.__main__ import CHECKS
from tests.live.answers import SANDBOX_ANSWERS
from tests.sandbox.support.cluster import eventually
from tests.sandbox.support.command import sandbox
from tests.sandbox.support.programs import TRUST

DEPLOYER_B = role_arn(ACCOUNT_B, CROSS_ACCOUNT_ROLE)
PROFILES = f"""\
[profile a]
aws_access_key_id = {{key}}
aws_secret_access_key = {{secret}}
[profile b]
role_arn = {DEPLOYER_B}
source_profile = a
"""
CLUSTER_MADE = "aws:eks:Cluster dev-eksCluster"
REGION = "eu-west-1"


class Shell(NamedTuple):
    """A shell whose AWS is the sandbox."""

    session: Session
    environment: dict[str, str]
    folder: Path
    """Folder of runs and reports."""

    def started(self, *options: str, deployer_b: str = DEPLOYER_B) -> Popen[str]:
        """Start `make test-aws` without make, as the leader of a process group."""
        command = [sys.executable, "-m", "tests.live", "--profile-a", "a", "--profile-b", "b"]
        command += ["--deployer-b", deployer_b, "--region", "us-east-1"]
        command += ["--folder", str(self.folder), *options]
        pipes = {"stdin": DEVNULL, "stdout": PIPE, "stderr": STDOUT, "text": True}
        settings = {"cwd": lifecycle.ROOT, "env": self.environment, "start_new_session": True}
        return Popen(command, **pipes, **settings)

    def run(self, *options: str, **settings: str) -> tuple[int, str]:
        """Run it to its end; return exit code and both outputs."""
        with self.started(*options, **settings) as process:
            output, _ = process.communicate()
        return process.returncode, output

    def left(self) -> list[str]:
        """Return the resources of accounts and cluster that were not there before."""
        state = self.session.state
        keys = AccessKeys(state.access_key_id, state.secret_access_key)
        elsewhere = AwsClients(keys, state.aws_proxy, Path(state.aws_ca_bundle), REGION)
        return [
            *left_overs(self.session),
            *left_overs(self.session, ACCOUNT_B),
            *elsewhere("eks").list_clusters()["clusters"],
        ]

    def only_run(self) -> Path:
        """The folder of the one run of a test."""
        [folder] = self.folder.iterdir()
        return folder


@pytest.fixture(scope="module")
def shell(tmp_path_factory):
    """A sandbox of its own, as the stacks are of a cluster of their own."""
    folder = tmp_path_factory.mktemp("live")
    state = lifecycle.up(folder / "sandbox", print)
    env = json.loads(sandbox("env", "-o", "json", "--folder", state.folder).stdout)["environment"]
    profiles = folder / "profiles"
    profiles.write_text(PROFILES.format(key=state.access_key_id, secret=state.secret_access_key))
    programs = os.pathsep.join([str(Path(state.pulumi).parent), os.environ["PATH"]])
    environment = {**os.environ, **env, "AWS_CONFIG_FILE": str(profiles), "PATH": programs}
    try:
        with closing(Session(state)) as session:
            yield Shell(session, environment, folder)
    finally:
        lifecycle.down(state.path)


@pytest.fixture
def fresh(shell: Shell, tmp_path: Path) -> Shell:
    """The shell, with no run in its folder and nothing in its accounts."""
    assert shell.left() == []
    return shell._replace(folder=tmp_path / "runs")


def until(process: Popen[str], text: str) -> str:
    """Return the output up to a line with the text."""
    printed = ""
    for line in process.stdout:
        printed += line
        if text in line:
            return printed
    raise AssertionError(f"{text!r} was not printed:\n{printed}")


def test_every_check_passes_and_nothing_is_left(fresh: Shell):
    code, printed = fresh.run("--yes", "1")

    assert code == 0, printed
    assert fresh.left() == []
    assert printed.index(" an hour; a run takes") < printed.index("account A: pulumi up")
    folder = fresh.only_run()
    files = {file.name: file.read_text() for file in folder.iterdir()}
    assert files.keys() == {"answers.json", "report.md"}
    assert f"- checks: {len(CHECKS)} of {len(CHECKS)} asked, 0 failed\n" in files["report.md"]
    assert "] deleting " not in printed, "left by `pulumi destroy`"
    for secret in ("eyJ", "SecretAccessKey", fresh.session.state.secret_access_key):
        assert secret not in "".join(files.values()) + printed
    for account in (ACCOUNT_A, ACCOUNT_B):
        assert account not in "".join(files.values())
    right = f"if they are right: cp {folder}/answers.json {SANDBOX_ANSWERS}"
    assert files["answers.json"] == SANDBOX_ANSWERS.read_text(), f"not as recorded; {right}"


def test_nothing_is_created_without_consent_to_the_price(fresh: Shell):
    code, printed = fresh.run()

    assert code == 2
    assert " an hour; a run takes" in printed
    assert "until `make test-aws PROFILE_A=a PROFILE_B=b REGION=us-east-1 CLEAN=" in printed
    assert printed.endswith("standard input is no terminal; YES=1 agrees to the price\n")
    assert not fresh.folder.exists()
    assert fresh.left() == []


def test_a_run_that_fails_half_way_removes_everything(fresh: Shell):
    code, printed = fresh.run("--yes", "1", deployer_b=role_arn(ACCOUNT_B, "no-such-role"))

    assert code == 1, printed
    assert CLUSTER_MADE in printed
    assert "a stack did not come up" in printed
    assert fresh.left() == []
    report = (fresh.only_run() / "report.md").read_text()
    assert f"- checks: 0 of {len(CHECKS)} asked, 0 failed\n- removed: everything\n" in report


def test_ctrl_c_waits_for_pulumi_and_then_removes_everything(fresh: Shell):
    with fresh.started("--yes", "1") as process:
        until(process, CLUSTER_MADE)
        os.killpg(process.pid, signal.SIGINT)
        until(process, "pulumi destroy")
        os.killpg(process.pid, signal.SIGINT)
        until(process, "the report is")
    assert process.returncode == 1
    assert fresh.left() == []


def test_a_killed_run_without_its_folder_is_found_in_its_region_and_accounts(fresh: Shell):
    with fresh.started("--yes", "1", "--region", REGION) as process:
        until(process, "aws:eks:NodeGroup dev")
        os.killpg(process.pid, signal.SIGKILL)
    before = fresh.left()
    assert before != []
    run_id = fresh.only_run().name
    right = f"{run_id}/{REGION}/{ACCOUNT_A}/{ACCOUNT_B}"
    swapped = ("--profile-a", "b", "--profile-b", "a")
    here = fresh.run("--clean", run_id, "--region", "us-east-1")
    assert (here[0], here[1].endswith(f"; give those of {right}\n")) == (2, True), here
    fresh.only_run().rename(fresh.folder.with_name("elsewhere"))
    for wrong in ("--region", "us-east-1"), ("--region", REGION, *swapped):
        code, printed = fresh.run("--clean", run_id, *wrong)
        assert (code, f"has the run's name, but irsa-live-run {right}, not" in printed) == (1, True)
        assert fresh.left() == before

    code, printed = fresh.run("--clean", run_id, "--region", REGION)
    assert code == 0, printed
    assert f"deleting cluster irsa-live-{run_id} of account {ACCOUNT_A}" in printed
    for left in {*fresh.left()}:
        assert left == "namespace dev", "on AWS it is gone with its cluster"
        fresh.session.cluster.delete(Namespace, "dev")
    eventually(lambda: fresh.left() == [])


def test_what_has_a_runs_name_without_its_tag_is_left(fresh: Shell):
    iam, s3 = fresh.session.aws("iam"), fresh.session.aws("s3")
    name = "irsa-live-aaaaaaaa-theirs"
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=TRUST)
    issuer = {"Url": "https://idp.example.com", "ClientIDList": ["sts.amazonaws.com"]}
    provider = iam.create_open_id_connect_provider(**issuer)["OpenIDConnectProviderArn"]
    s3.create_bucket(Bucket=name)
    s3.put_object(Bucket=name, Key="theirs", Body=b"")
    before = fresh.left()

    code, printed = fresh.run("--clean", "aaaaaaaa")

    assert code == 1
    assert f"NOT removed: role {name} of account {ACCOUNT_A}: has the run's name" in printed
    assert f"NOT removed: bucket {name} of account {ACCOUNT_A}: " in printed
    assert "(BucketNotEmpty)" in printed
    assert fresh.left() == before
    s3.head_object(Bucket=name, Key="theirs")
    iam.delete_role(RoleName=name)
    iam.delete_open_id_connect_provider(OpenIDConnectProviderArn=provider)
    fresh.session.empty_bucket(name)
    s3.delete_bucket(Bucket=name)
