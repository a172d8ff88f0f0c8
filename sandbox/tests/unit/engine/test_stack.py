"""Several runs of the engine in one process, and the folder of its CLI's logs."""

import socket
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import grpc
import pytest
from google.protobuf.empty_pb2 import Empty
from pulumi import RunError
from pulumi.runtime.proto import resource_pb2, resource_pb2_grpc
from pulumi.runtime.settings import Settings

from irsa_sandbox.engine import stack
from irsa_sandbox.engine.stack import SandboxStack
from irsa_sandbox.state import SandboxError
from tests.support.fake_pulumi import homes, write_cli
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


def test_the_cli_writes_its_logs_into_the_sandbox_and_its_end_is_one_line(tmp_path, monkeypatch):
    cli = write_cli(tmp_path)
    project = tmp_path / "project"
    project.mkdir()
    (project / "Pulumi.yaml").write_text("name: project\nruntime: python\n")
    (project / "Pulumi.dev.yaml").write_text("config: {}\n")
    state = replace(STATE, folder=str(tmp_path / "sandbox"), pulumi=str(cli))

    SandboxStack(state, project)
    monkeypatch.setattr(stack, "_pulumi_command", stack._pulumi_command.__wrapped__)
    cli.write_text("#!/bin/sh\nkill -9 $$\n")
    with pytest.raises(
        SandboxError, match=r"^the Pulumi CLI did not start: .*SIGKILL.*; run it again$"
    ):
        SandboxStack(state, project)

    calls = homes(cli)
    assert len(calls) >= 2, "its version, and the stack"
    assert set(calls) == {str(tmp_path / "sandbox" / "pulumi-home")}


def test_a_program_of_another_language_is_one_line(tmp_path):
    (tmp_path / "Pulumi.yaml").write_text("name: project\nruntime: yaml\n")
    state = replace(STATE, folder=str(tmp_path / "sandbox"), pulumi=str(write_cli(tmp_path)))

    with pytest.raises(RunError, match=r"^/\S+ has no __main__\.py, and `stack` runs Python "):
        SandboxStack(state, tmp_path)._run_main()
