"""The part of a Pulumi installation that the sandbox does without: it runs programs for the CLI.

Started as `python -m tests.sandbox.support.language_host PROJECT`, it prints its port, for
``PULUMI_DEBUG_LANGUAGES``. The Automation API's server does the work; a plain CLI wants two more
answers of it, and says in one of them where the engine is.
"""

import os
import runpy
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
from pulumi.automation._server import LanguageServer
from pulumi.runtime.proto import language_pb2, language_pb2_grpc, plugin_pb2


class LanguageHost(LanguageServer):
    """Runs one program, again and again."""

    _engine = ""

    def Handshake(self, request: Any, context: Any) -> Any:  # noqa: N802 - gRPC's name
        self._engine = request.engine_address
        return language_pb2.LanguageHandshakeResponse()

    def GetPluginInfo(self, request: Any, context: Any) -> Any:  # noqa: N802 - gRPC's name
        return plugin_pb2.PluginInfo(version="3.0.0")

    def Run(self, request: Any, context: Any) -> Any:  # noqa: N802 - gRPC's name
        request.args[:] = [self._engine]
        return super().Run(request, context)


def main(project: Path) -> None:
    def program() -> None:
        runpy.run_path(str(project / "__main__.py"), run_name="__main__")

    server = grpc.server(ThreadPoolExecutor(4))
    language_pb2_grpc.add_LanguageRuntimeServicer_to_server(LanguageHost(program), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    os.write(1, f"{port}\n".encode())
    sys.stdin.read()  # until whoever started this ends


if __name__ == "__main__":
    main(Path(sys.argv[1]))
