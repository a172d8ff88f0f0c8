"""The AWS CLI's forked processes: each as if it had been started alone."""

import os
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from irsa_sandbox.aws_cli import AwsCli
from tests.support.processes import ran

CREDENTIALS = {"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "key", "AWS_REGION": "us-east-1"}
NOWHERE = {**CREDENTIALS, "AWS_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_MAX_ATTEMPTS": "1"}


@pytest.fixture(scope="module")
def aws() -> Iterator[AwsCli]:
    with closing(AwsCli()) as running:
        yield running


@pytest.mark.parametrize("command", ["--version", "s3 ls", "s3 nothing", "configure list"])
def test_code_and_output_are_those_of_a_process_of_its_own(aws, tmp_path: Path, command: str):
    environment = {"HOME": str(tmp_path), "PATH": os.environ["PATH"], **NOWHERE}
    alone = ran(Path(sys.executable).with_name("aws"), *command.split(), env=environment)
    code, output = aws.run(command.split(), environment)
    assert code == alone.returncode
    assert sorted(output.split()) == sorted((alone.stdout + alone.stderr).split())


def test_a_command_has_its_own_variables_alone(aws, tmp_path: Path, monkeypatch):
    monkeypatch.setenv("AWS_PROFILE", "mine")
    regions = ("eu-west-1", "eu-west-3")
    own = [{"HOME": str(tmp_path), "AWS_DEFAULT_REGION": region} for region in regions]
    with ThreadPoolExecutor(2) as pool:
        listed = list(pool.map(lambda each: aws.run(["configure", "list"], each)[1], own))
    assert [region in output for region, output in zip(regions, listed, strict=True)] == [True] * 2
    assert [output for output in listed if "mine" in output] == []


def test_what_a_command_keeps_is_in_its_own_home(aws, tmp_path: Path):
    """A session that another Pod got by a profile, in the CLI's cache, is not this one's."""
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws" / "config").write_text("[default]\ncli_history = enabled\n")
    aws.run(["s3", "ls"], {"HOME": str(tmp_path), **NOWHERE})
    assert (tmp_path / ".aws" / "cli" / "history" / "history.db").exists()
