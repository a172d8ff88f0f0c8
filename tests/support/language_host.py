"""Language hosts where Pulumi's own are not installed: programs for PATH. They install nothing.

A Python plugin runs with this Python, which has the packages; a TypeScript program as Pulumi's host
runs it, by `@pulumi/pulumi/cmd/run`; a Go program is there as `reports`, built.
"""

import json
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

REPORTED = 32
"""Exit code of a Node.js program whose error the engine has already."""


def put_into(folder: Path, *languages: str) -> None:
    for language in languages:
        script = folder / f"pulumi-language-{language}"
        write_script(script, sys.executable, __file__, language)


class Host(language_pb2_grpc.LanguageRuntimeServicer):
    def __init__(self, language: str, engine: str) -> None:
        self._language = language
        self._engine = engine

    def Handshake(self, request: Any, context: Any) -> Any:  # noqa: N802 - gRPC's names
        return language_pb2.LanguageHandshakeResponse()

    def GetPluginInfo(self, request: Any, context: Any) -> Any:  # noqa: N802
        return plugin_pb2.PluginInfo(version="3.0.0")

    def GetRequiredPackages(self, request: Any, context: Any) -> Any:  # noqa: N802
        return language_pb2.GetRequiredPackagesResponse()  # they are on PATH

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

    def Run(self, request: Any, context: Any) -> Any:  # noqa: N802
        folder = request.info.program_directory
        facts = {
            "organization": request.organization,
            "project": request.project,
            "stack": request.stack,
            "monitor": request.monitor_address,
            "engine": self._engine,
            "parallel": str(request.parallel),
        }
        env = {
            **os.environ,
            "PULUMI_CONFIG": json.dumps(dict(request.config)),
            "PULUMI_CONFIG_SECRET_KEYS": json.dumps(list(request.configSecretKeys)),
        }
        if self._language == "nodejs":
            command = ["node", f"{folder}/node_modules/@pulumi/pulumi/cmd/run"]
            command += [f"--{name}={value}" for name, value in facts.items()]
            command += ["--dry-run"] * request.dryRun + [f"--pwd={folder}", "."]
            env["PULUMI_NODEJS_TYPESCRIPT"] = "true"
        else:
            command = [f"{folder}/reports"]
            env |= {f"PULUMI_{name.upper()}": value for name, value in facts.items()}
            env["PULUMI_DRY_RUN"] = str(request.dryRun).lower()
        done = subprocess.run(
            command, cwd=folder, env=env, capture_output=True, text=True, check=False
        )
        if done.returncode in (0, REPORTED):
            return language_pb2.RunResponse(bail=done.returncode == REPORTED)
        return language_pb2.RunResponse(error=done.stdout + done.stderr)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # how the engine ends it
    server = grpc.server(ThreadPoolExecutor())
    host = Host(sys.argv[1], sys.argv[-1])
    language_pb2_grpc.add_LanguageRuntimeServicer_to_server(host, server)
    print(server.add_insecure_port("127.0.0.1:0"), flush=True)
    server.start()
    server.wait_for_termination()
