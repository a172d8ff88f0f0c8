"""Several runs of the engine in one process, and the folder of its CLI's logs."""

import socket
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import grpc
import pytest
from google.protobuf.empty_pb2 import Empty
from pulumi import RunError
from pulumi.runtime.proto import resource_pb2, resource_pb2_grpc
from pulumi.runtime.settings import Settings

from irsa_sandbox.engine import stack
from irsa_sandbox.engine.stack import SandboxStack
from irsa_sandbox.state import SandboxError
from tests.support.fake_sandbox import STATE


class Monitor(resource_pb2_grpc.ResourceMonitorServicer):
    def SupportsFeature(self, request, context):  # noqa: N802 - gRPC's name
        return resource_pb2.SupportsFeatureResponse(hasSupport=True)


def test_an_engine_on_the_port_of_one_that_ended_is_reached():
    stack._use_a_connection_for_each_engine()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
    ended = Settings("irsa", "dev", monitor=address)
    for _ in range(3):
        with pytest.raises(grpc.RpcError):
            ended.monitor.SignalAndWaitForShutdown(Empty())
    server = grpc.server(ThreadPoolExecutor(1))
    resource_pb2_grpc.add_ResourceMonitorServicer_to_server(Monitor(), server)
    server.add_insecure_port(address)
    server.start()
    again = Settings("irsa", "dev", monitor=address)
    try:
        assert again.monitor.SupportsFeature(resource_pb2.SupportsFeatureRequest()).hasSupport
    finally:
        server.stop(None)


CLI = """\
#!/bin/sh
echo "$PULUMI_HOME" >> "$0.homes"
if test "$1" = version; then echo v3.274.1; fi
"""


@pytest.fixture
def cli(tmp_path: Path) -> Path:
    """A Pulumi CLI that notes which folder it would write its log to, and does nothing."""
    program = tmp_path / "tools" / "bin" / "pulumi"
    program.parent.mkdir(parents=True)
    program.write_text(CLI)
    program.chmod(0o755)
    return program


def test_the_cli_writes_its_logs_into_the_sandbox_and_its_end_is_one_line(
    tmp_path, cli, monkeypatch
):
    state = replace(STATE, folder=str(tmp_path / "sandbox"), pulumi=str(cli))
    (tmp_path / "Pulumi.yaml").write_text("name: project\nruntime: yaml\n")
    (tmp_path / "Pulumi.dev.yaml").write_text("config: {}\n")

    opened = SandboxStack(state, tmp_path)
    calls = cli.with_name("pulumi.homes").read_text().splitlines()
    assert len(calls) >= 2, "its version, and the stack"
    assert set(calls) == {str(tmp_path / "sandbox" / "pulumi-home")}
    with pytest.raises(RunError, match=r"^/\S+ has no __main__\.py, and `stack` runs Python "):
        opened._run_main()

    monkeypatch.setattr(stack, "_pulumi_command", stack._pulumi_command.__wrapped__)
    cli.write_text("#!/bin/sh\nkill -9 $$\n")
    line = r"^the Pulumi CLI did not start: .*SIGKILL.*; run it again$"
    with pytest.raises(SandboxError, match=line):
        SandboxStack(state, tmp_path)
