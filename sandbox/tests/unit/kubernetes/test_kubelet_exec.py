"""The sandbox's kubelet runs commands, and for the API server alone."""

import asyncio
import os
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx2
import pytest
from websockets.exceptions import ConnectionClosed, InvalidMessage, InvalidStatus

from irsa_sandbox.kubernetes.kubelet_exec import ExecServer
from irsa_sandbox.serving.certificates import Authority, KeyPair
from tests.sandbox.support.cluster import eventually
from tests.support.exec_client import V4, V5, Executed, finish, opened
from tests.support.fake_kubernetes import client_of, status
from tests.support.fake_pods import pod_of
from tests.support.processes import ran

CONTAINER = {
    "env": [{"name": "CONFIG", "value": "/etc/aws/config"}],
    "volumeMounts": [{"name": "scratch", "mountPath": "/scratch"}],
}
POD = pod_of(CONTAINER, [{"name": "scratch", "emptyDir": {}}])
PHASES = {"running": "Running", "waiting": "Pending"}


def api(request: httpx2.Request) -> httpx2.Response:
    name = request.url.path.removeprefix("/api/v1/namespaces/dev/pods/")
    if name not in PHASES:
        return status(404, f'pods "{name}" not found')
    metadata = {**POD["metadata"], "name": name}
    return httpx2.Response(
        200, json=POD | {"metadata": metadata, "status": {"phase": PHASES[name]}}
    )


class Caller:
    """Calls the kubelet's port, with a certificate if it has one."""

    def __init__(self, server: ExecServer, ca_file: Path, pair: KeyPair | None = None) -> None:
        self.url = f"https://127.0.0.1:{server.port}"
        self.tls = ssl.create_default_context(cafile=ca_file)
        if pair:
            self.tls.load_cert_chain(*pair)

    def open(self, *command: str, path="/exec/dev/running/app", protocol=V5, **query: Any):
        asked = {"command": command, "output": 1, "error": 1, **query}
        return opened(f"{self.url}{path}?{urlencode(asked, doseq=True)}", self.tls, protocol)

    def __call__(self, *command: str, stdin: bytes | None = None, **options: Any) -> Executed:
        asked = options if stdin is None else {"input": 1, **options}

        async def run() -> Executed:
            async with self.open(*command, **asked) as connection:
                return await finish(connection, stdin)

        return asyncio.run(run())


@pytest.fixture
def authority(tmp_path) -> Authority:
    return Authority.create(tmp_path / "authority")


@pytest.fixture
def server(authority, tmp_path) -> Iterator[ExecServer]:
    options = {"extra_env": {"MORE": "yes"}, "agent": "http://127.0.0.1:1"}
    with client_of(api) as client:
        made = ExecServer(authority=authority, client=client, folder=tmp_path / "pods", **options)
        made.start()
        yield made
        made.stop()


@pytest.fixture
def api_server(server, authority) -> Caller:
    """Has the client certificate, as the API server has."""
    return Caller(server, authority.ca_file, authority.issue_client("api-server"))


@pytest.mark.parametrize("protocol", [V4, V5])
def test_output_errors_and_exit_code_come_back(api_server, tmp_path, protocol):
    done = api_server("sh", "-c", "echo out; echo err >&2; exit 7", protocol=protocol)
    assert (done.output, done.errors) == (b"out\n", b"err\n")
    assert done.status == {
        "metadata": {},
        "status": "Failure",
        "reason": "NonZeroExitCode",
        "message": "command terminated with exit code 7",
        "details": {"causes": [{"reason": "ExitCode", "message": "7"}]},
    }
    assert [*(tmp_path / "pods").iterdir()] == []
    assert api_server("true").status == {"metadata": {}, "status": "Success"}
    assert api_server("sh", "-c", "kill -TERM $$").code == 143


def test_input_is_passed_on_to_its_end_or_not_read(api_server):
    megabytes = os.urandom(3_000_000)
    assert api_server("cat", stdin=megabytes).output == megabytes
    for command, stdin in (("true", megabytes), ("cat", None)):
        done = api_server(command, stdin=stdin)
        assert (done.code, done.output) == (0, b"")


def test_the_pods_environment_folder_and_addresses_are_the_commands(api_server, tmp_path):
    script = 'echo "$CONFIG $MORE $HOSTNAME"; pwd; ls; echo $0; echo $1'
    done = api_server("sh", "-c", script, "/scratch", "http://169.254.170.23/v1")
    environment, folder, *others = done.output.decode().splitlines()
    assert environment == "/etc/aws/config yes running"
    assert Path(folder).is_relative_to(tmp_path.resolve())
    assert others == ["scratch", f"{folder}/scratch", "http://127.0.0.1:1/v1"]


@pytest.mark.cases(("command", "options", "message"), {
    "terminal": ("true", {"tty": 1}, "the sandbox has no terminals for Pods; leave out --tty (-t)"),
    "unknown command": ("no-such", {}, 'exec: "no-such": executable file not found in $PATH'),
    "no command": ("", {}, "no command given"),
    "Pod that waits": ("true", {"path": "/exec/dev/waiting/app"},
        "pod dev/waiting is Pending, not Running"),
    "unknown Pod": ("true", {"path": "/exec/dev/gone/app"}, 'pods "gone" not found'),
    "unknown container": ("true", {"path": "/exec/dev/running/x"},
        "pod running has no container 'x'; it has app, sidecar"),
})  # fmt: skip
def test_what_cannot_run_is_refused_in_one_line(api_server, command, options, message):
    done = api_server(*command.split(), **options)
    assert (done.status["status"], done.status["message"]) == ("Failure", message)
    assert "details" not in done.status


def test_of_a_kubelet_it_has_exec_by_web_socket_alone(api_server):
    for path in ("/containerLogs/dev/running/app", "/run/dev/running/app", "/"):
        with pytest.raises(InvalidStatus) as refused:
            api_server("true", path=path)
        answer = refused.value.response
        message = b"the sandbox runs no containers and serves exec only"
        assert (answer.status_code, answer.body) == (501, message)
    url = f"{api_server.url}/exec/dev/running/app?command=true"
    with httpx2.Client(verify=api_server.tls, trust_env=False) as http:
        answer = http.post(url, headers={"Connection": "Upgrade", "Upgrade": "SPDY/3.1"})
    # kubectl shows this; with a colon it would read it as YAML, and show nothing.
    message = "exec in the sandbox needs kubectl 1.31 or newer"
    assert (answer.status_code, answer.text) == (400, message)


def test_only_the_api_server_is_answered(server, api_server, authority, tmp_path):
    """The port runs commands as the sandbox's user."""
    ran = tmp_path / "ran"
    for pair in (
        None,
        authority.issue("webhook", "127.0.0.1"),  # a server's
        Authority.create(tmp_path / "another").issue_client("api-server"),
    ):
        with pytest.raises((OSError, ConnectionClosed, InvalidMessage)):
            Caller(server, authority.ca_file, pair)("touch", str(ran))
    with pytest.raises(httpx2.TransportError), httpx2.Client(trust_env=False) as plain:
        plain.get(f"http://127.0.0.1:{server.port}/exec/dev/running/app?command=touch")
    assert not ran.exists()
    api_server("touch", str(ran))
    assert ran.exists()


def test_a_command_ends_with_all_that_it_started_when_the_caller_leaves(api_server, tmp_path):
    def is_alive(pid: str) -> bool:
        return not ran("ps", "-p", pid).returncode

    async def leave() -> list[str]:
        async with api_server.open("sh", "-c", "sleep 600 & echo $! $$; wait") as connection:
            pids = (await connection.recv())[1:].decode().split()
            assert [*filter(is_alive, pids)] == pids
        return pids

    background = api_server("sh", "-c", "sleep 600 >/dev/null 2>&1 </dev/null & echo $!")
    pids = [*asyncio.run(leave()), background.output.decode().strip()]
    eventually(lambda: not any(map(is_alive, pids)))
    eventually(lambda: [*(tmp_path / "pods").iterdir()] == [])
