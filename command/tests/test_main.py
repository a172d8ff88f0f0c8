"""All commands: help, missing packages, a closed pipe."""

import subprocess
import sys
from shlex import quote

import pytest

from irsa import __version__
from irsa.__main__ import COMMANDS, main


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [([], 2, ""), (["other"], 2, ""), (["--help"], 0, COMMANDS["decide"].summary),
     (["--version"], 0, f"irsa {__version__}\n")],
)  # fmt: skip
def test_without_a_command_help_and_version_are_the_answers(arguments, code, text, capsys):
    assert main(arguments) == code
    out = capsys.readouterr().out
    assert text in out
    assert bool(text) == bool(out)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(name, capsys):
    assert main([name, "--help"]) == 0
    assert capsys.readouterr().out.startswith(f"usage: python -m irsa {name} ")


@pytest.mark.parametrize("arguments", ["--help", "decide --help", "doctor ExpiredToken", "verify"])
def test_no_client_of_aws_or_kubernetes_is_loaded_before_it_is_needed(arguments):
    program = (
        "import sys; from irsa.__main__ import main; main(sys.argv[1:]); "
        "sys.exit(str(sys.modules.keys() & {'boto3', 'botocore', 'lightkube', 'jwt'}))"
    )

    done = subprocess.run(
        [sys.executable, "-c", program, *arguments.split()], capture_output=True, text=True
    )

    assert done.stderr.splitlines()[-1] == "set()"


def test_a_closed_pipe_is_no_error():
    command = f"{quote(sys.executable)} -m irsa doctor ExpiredTokenException | true"

    done = subprocess.run(["bash", "-c", f"set -o pipefail; {command}"], capture_output=True)

    assert done.returncode in (0, 141)  # 0 when the output was written before `true` ended
    assert done.stderr == b""


def test_a_full_disk_is_one_line():
    command = f"{quote(sys.executable)} -m irsa doctor ExpiredTokenException > /dev/full"

    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True)

    assert (done.returncode, done.stderr) == (2, "[Errno 28] No space left on device\n")
