"""All commands: help, missing packages, a closed pipe."""

import sys
from functools import partial
from shlex import quote

import httpx2
import pytest
from lightkube.config import client_adapter

from irsa.__main__ import COMMANDS, main
from irsa_core import __version__
from tests.support.processes import ran
from tests.support.trial_pods import kubeconfig


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [([], 2, ""), (["other"], 2, ""), (["--help"], 0, COMMANDS["doctor"].summary[:30]),
     (["--version"], 0, f"irsa {__version__}\n")],
)  # fmt: skip
def test_without_a_command_help_and_version_are_the_answers(arguments, code, text, capsys):
    assert main(arguments) == code
    out = capsys.readouterr().out
    assert text in out
    assert bool(text) == bool(out)


@pytest.mark.parametrize("arguments", ["--help", "decide --help", "doctor ExpiredToken", "verify"])
def test_no_client_of_aws_or_kubernetes_is_loaded_before_it_is_needed(arguments):
    program = (
        "import sys; from irsa.__main__ import main; main(sys.argv[1:]); "
        "sys.exit(str(sys.modules.keys() & {'boto3', 'botocore', 'lightkube', 'jwt'}))"
    )

    done = ran(sys.executable, "-c", program, *arguments.split())

    assert done.stderr.splitlines()[-1] == "set()"


@pytest.mark.parametrize("name", ["verify", "explain", "credentials", "move"])
@pytest.mark.cases("body", {
    "503 without a body": {},
    "503 with a status": {"json": {"kind": "Status", "code": 503}},
    "connection refused": None,
})  # fmt: skip
def test_an_api_server_that_does_not_answer_is_one_line(name, body, tmp_path, monkeypatch, capsys):
    def answer(_):
        if body is None:
            raise httpx2.ConnectError("Connection refused")
        return httpx2.Response(503, **body)

    (tmp_path / "kubeconfig").write_text(kubeconfig(token="t"))
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "kubeconfig"))
    transport = httpx2.MockTransport(answer)
    parameters = partial(client_adapter.ConnectionParams, transport=transport)
    monkeypatch.setattr(client_adapter, "ConnectionParams", parameters)

    role = f"arn:aws:iam::111122223333:role/{name}"
    more = {"move": ["--to", "irsa"], "credentials": ["--role-arn", role]}.get(name, [])
    assert main([name, "dev/s3-app", *more]) == 3
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith(f"irsa {name}: could not read ")
    assert main([name, "-n", "dev", "s3-app", *more]) == 3
    assert capsys.readouterr().err == f"{line}\n"


BUFFERED_IRSA = f"PYTHONUNBUFFERED= {quote(sys.executable)} -m irsa"


@pytest.mark.cases(("shell", "codes", "said"), {
    # 0 when the output was written before `true` ended
    "closed pipe": ("set -o pipefail; {} | true", (0, 141), ""),
    "full disk": ("{} > /dev/full", (2,), "[Errno 28] No space left on device\n"),
})  # fmt: skip
def test_an_output_that_ends_early_is_no_traceback(shell, codes, said):
    done = ran("bash", "-c", shell.format(f"{BUFFERED_IRSA} doctor ExpiredTokenException"))
    assert (done.returncode in codes, done.stderr) == (True, said)
