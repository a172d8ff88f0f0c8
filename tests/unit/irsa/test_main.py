"""What all commands have in common: help, missing packages, a reader that has gone."""

import subprocess
import sys

import pytest

from irsa.__main__ import COMMANDS, main


@pytest.mark.parametrize("arguments", [[], ["other"]])
def test_without_a_command_the_exit_code_is_2(arguments, capsys):
    assert main(arguments) == 2
    assert capsys.readouterr().out == ""


def test_help_is_no_error(capsys):
    assert main(["--help"]) == 0
    assert COMMANDS["decide"].summary in capsys.readouterr().out


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(name, capsys):
    assert main([name, "--help"]) == 0
    assert capsys.readouterr().out.startswith(f"usage: python -m irsa {name} ")


@pytest.mark.parametrize("command", ["verify", "explain", "credentials dev/s3-app"])
def test_the_option_that_was_called_chain_says_its_name(command, capsys):
    arn = "arn:aws:iam::444455556666:role/s3-app-B"

    assert main([*command.split(), "--chain", arn]) == 2

    assert capsys.readouterr().err == (
        f"irsa {command.split()[0]}: --chain is called --role-b now; write --role-b {arn}\n"
    )


@pytest.mark.parametrize("arguments", ["--help", "decide --help", "doctor ExpiredToken", "verify"])
def test_no_client_of_aws_or_kubernetes_is_loaded_before_it_is_needed(arguments):
    program = (
        "import sys; from irsa.__main__ import main; main(sys.argv[1:]); "
        "sys.exit(str(sys.modules.keys() & {'boto3', 'botocore', 'lightkube', 'jwt', 'yaml'}))"
    )

    done = subprocess.run(
        [sys.executable, "-c", program, *arguments.split()], capture_output=True, text=True
    )

    assert done.stderr.splitlines()[-1] == "set()"


@pytest.mark.parametrize(
    ("missing", "package"), [("lightkube", "lightkube"), ("boto3", "boto3"), ("yaml", "pyyaml")]
)
def test_a_missing_package_is_one_line_with_the_way_to_install_it(
    monkeypatch, capsys, missing, package
):
    def gone(_options):
        raise ModuleNotFoundError(f"No module named {missing!r}", name=f"{missing}.core")

    monkeypatch.setattr("irsa.commands.verify.run", gone)

    assert main(["verify"]) == 2

    assert capsys.readouterr().err == (
        "irsa: verify needs a package that is not installed; run "
        f"`pip install {package}`, or take all that a command can need: "
        "pip install 'irsa[command]', or make setup in a checkout\n"
    )


def test_a_defect_of_our_own_is_not_taken_for_a_missing_package(monkeypatch):
    def broken(_options):
        raise ModuleNotFoundError("No module named 'irsa.lnks'", name="irsa.lnks")

    monkeypatch.setattr("irsa.commands.verify.run", broken)

    with pytest.raises(ModuleNotFoundError):
        main(["verify"])


def test_a_reader_that_has_seen_enough_is_no_error():
    command = f"{sys.executable} -m irsa doctor ExpiredTokenException | true"

    done = subprocess.run(["bash", "-c", f"set -o pipefail; {command}"], capture_output=True)

    assert done.returncode in (0, 141)  # 0 when the output was written before `true` ended
    assert done.stderr == b""
