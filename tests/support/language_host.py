"""Language host for Python plugins, where Pulumi's own is not installed: a program for PATH.

It installs nothing: the plugin runs with this Python, which has the packages of requirements.txt.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
from pulumi.runtime.proto import language_pb2, language_pb2_grpc, plugin_pb2

from irsa_sandbox.toolchain.plugins import write_script


def put_into(folder: Path) -> None:
    write_script(folder / "pulumi-language-python", sys.executable, __file__)


class Host(language_pb2_grpc.LanguageRuntimeServicer):
    def Handshake(self, request: Any, context: Any) -> Any:  # noqa: N802 - gRPC's names
        return language_pb2.LanguageHandshakeResponse()

    def GetPluginInfo(self, request: Any, context: Any) -> Any:  # noqa: N802
        return plugin_pb2.PluginInfo(version="3.0.0")

    def InstallDependencies(self, request: Any, context: Any) -> Iterator[Any]:  # noqa: N802
        folder = Path(request.info.program_directory)
        assert (folder / "requirements.txt").is_file(), folder
        yield language_pb2.InstallDependenciesResponse(stdout=b"")

    def RunPlugin(self, request: Any, context: Any) -> Iterator[Any]:  # noqa: N802
        command = [sys.executable, request.info.program_directory, *request.args]
        env = {**os.environ, **dict(each.split("=", 1) for each in request.env)}
        plugin = subprocess.Popen(command, cwd=request.pwd, env=env, stdout=subprocess.PIPE)
        context.add_callback(plugin.kill)
        for line in plugin.stdout or ():
            yield language_pb2.RunPluginResponse(stdout=line)
        yield language_pb2.RunPluginResponse(exitcode=plugin.wait())


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # how the engine ends it
    server = grpc.server(ThreadPoolExecutor())
    language_pb2_grpc.add_LanguageRuntimeServicer_to_server(Host(), server)
    print(server.add_insecure_port("127.0.0.1:0"), flush=True)
    server.start()
    server.wait_for_termination()
