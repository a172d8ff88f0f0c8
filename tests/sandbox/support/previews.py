"""`pulumi preview --json` of a stack of this repository, by the real CLI."""

from concurrent import futures
from functools import partial

import grpc
from pulumi.automation._server import LanguageServer
from pulumi.runtime.proto import language_pb2_grpc

from irsa_sandbox.engine.stack import SandboxStack
from tests.support.processes import ran


def preview(stack: SandboxStack, *flags: str) -> str:
    """Return the output of `pulumi preview` with these flags.

    The Automation API keeps its own event log and adds lines of its own, so the program is served
    here, and the CLI is told of it as the Automation API tells it.
    """
    inner = stack._stack
    workspace = inner.workspace
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=4))
    language_pb2_grpc.add_LanguageRuntimeServicer_to_server(
        LanguageServer(workspace.program), server
    )
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    command = [
        workspace.pulumi_command.command, "preview", "--non-interactive",
        "--exec-kind", "auto.inline",
        f"--client=127.0.0.1:{port}", "--stack", inner.name, *flags,
    ]  # fmt: skip
    try:
        variables = {"PULUMI_DEBUG_COMMANDS": "true", "PULUMI_HOME": workspace.pulumi_home or ""}
        variables |= workspace.env_vars
        run = partial(ran, *command, cwd=workspace.work_dir, env=variables)
        done = stack._in_one_line(run)
    finally:
        server.stop(0)
    return done.stdout if done.stdout else done.stderr
