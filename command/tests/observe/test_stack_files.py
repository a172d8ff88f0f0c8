"""Sources of `--stack`."""

import json

from irsa.__main__ import main
from irsa.observe.errors import CollectError
from irsa.observe.files import read_stack
from tests.support.refusal import refusal


def test_without_the_pulumi_cli_one_line_says_the_way_out(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert refusal(read_stack, "dev", raised=CollectError) == (
        "--stack dev: there is no file of that name, and the Pulumi CLI, which knows stacks, is "
        "not on PATH; install it (https://www.pulumi.com/docs/install/), or give a file that "
        "`pulumi stack export` wrote"
    )
    assert main(["verify", "--stack", "dev"]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_a_stack_is_exported_by_the_cli(monkeypatch, tmp_path):
    program = tmp_path / "pulumi"
    program.write_text('#!/bin/sh\necho "{\\"asked\\": \\"$*\\"}"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    assert read_stack("dev") == {"asked": "stack export --stack dev"}


def test_a_file_of_that_name_comes_first(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dev").write_text(json.dumps({"workloads": {}}))
    assert read_stack("dev") == {"workloads": {}}
