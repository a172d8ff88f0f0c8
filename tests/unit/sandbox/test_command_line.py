"""How `python -m sandbox` reads its arguments."""

import pytest

from sandbox.__main__ import parse

COMMAND = ["aws", "--container", "x", "--", "y"]
"""What stands behind `--` is not looked at."""


@pytest.mark.parametrize(
    "given",
    [
        ["dev/s3-app", "--container", "app", "--folder", "f"],
        ["dev/s3-app", "-c", "app", "--folder=f"],
        ["--container", "app", "--folder", "f", "dev/s3-app"],
        ["--folder", "f", "-c", "app", "dev/s3-app"],
    ],
    ids=["kubectls-order", "short", "options-first", "short-first"],
)
def test_l9_exec_takes_its_options_before_and_behind_the_workload(given):
    options = parse(["exec", *given, "--", *COMMAND])

    assert (options.workload, options.container, str(options.folder)) == ("dev/s3-app", "app", "f")
    assert options.behind_dashes == COMMAND


def test_run_takes_its_options_before_the_dashes_only():
    options = parse(["run", "--plugin", "aws", "--", "pulumi", "--plugin", "eks"])

    assert (options.plugin, options.behind_dashes) == (["aws"], ["pulumi", "--plugin", "eks"])


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["exec", "dev/s3-app"], "no command given; write it behind `--`"),
        (["run", "--"], "no command given; write it behind `--`"),
        (["exec", "dev/s3-app", "aws", "s3", "ls"], "unrecognized arguments: aws s3 ls"),
        (["down", "--", "now"], "only `run` and `exec` take a command behind `--`"),
    ],
)
def test_wrong_usage_is_told_with_exit_code_2(given, message, capsys):
    with pytest.raises(SystemExit) as ended:
        parse(given)

    assert ended.value.code == 2
    assert message in capsys.readouterr().err
