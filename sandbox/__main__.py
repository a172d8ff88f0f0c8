"""`python -m sandbox`: up, down, status, env, run, exec, stack, demo.

Exit codes: 0 done and true, 1 the thing checked is not so, 2 wrong usage or input.
"""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from sandbox import lifecycle
from sandbox.plain_pulumi import NO_HOST, folder_for_path, lacks_host
from sandbox.state import FOLDER, SandboxError, SandboxState, exports, load

HIDDEN = frozenset({"secret_access_key", "root_secret"})
FOREIGN = ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE")
"""Variables of the caller that would win over the sandbox's credentials."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    options = _parser().parse_args(arguments)
    try:
        return options.run(options)
    except SandboxError as error:
        print(f"sandbox: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _up(options: argparse.Namespace) -> int:
    state = lifecycle.up(options.folder, _progress)
    _show(state, options.output)
    return 0


def _down(options: argparse.Namespace) -> int:
    was_up = lifecycle.down(options.folder)
    print("stopped" if was_up else f"no sandbox ran in {options.folder}")
    return 0


def _status(options: argparse.Namespace) -> int:
    _show(load(options.folder), options.output)
    return 0


def _env(options: argparse.Namespace) -> int:
    state = load(options.folder)
    environment = state.environment(frozenset(options.plugin))
    if options.output == "json":
        print(json.dumps(environment))
        return 0
    pulumi, path = Path(state.pulumi), os.environ.get("PATH", os.defpath)
    print(exports(environment, folder_for_path(pulumi, path)))
    if lacks_host(pulumi, path):
        _progress(f"sandbox: {NO_HOST}")
    return 0


def _run(options: argparse.Namespace) -> int:
    state = load(options.folder)
    environment = state.environment(frozenset(options.plugin))
    command = _command(options)
    kept = {name: value for name, value in os.environ.items() if name not in FOREIGN}
    pulumi, path = Path(state.pulumi), os.environ.get("PATH", os.defpath)
    if command[0] == "pulumi" and lacks_host(pulumi, path):
        raise SandboxError(NO_HOST)
    if programs := folder_for_path(pulumi, path):
        path = f"{path}{os.pathsep}{programs}"
    os.environ["PATH"] = kept["PATH"] = path
    try:
        os.execvpe(command[0], command, {**kept, **environment})  # noqa: S606 - what `run` is for
    except OSError as error:
        raise SandboxError(f"{command[0]}: {error.strerror}") from error


def _exec(options: argparse.Namespace) -> int:
    # lightkube takes 0.3 s to import.
    from sandbox.pod_exec import exec_in_pod
    from sandbox.state import cluster_client

    namespace, _, workload = options.workload.partition("/")
    if not namespace or not workload:
        raise SandboxError(f"{options.workload!r} is not NAMESPACE/WORKLOAD, such as dev/s3-app")
    state = load(options.folder)
    try:
        return exec_in_pod(
            cluster_client(state),
            state.path / "pods",
            namespace,
            workload,
            _command(options),
            extra_env=state.endpoint_environment(),
            container=options.container,
        )
    except LookupError as error:
        raise SandboxError(str(error)) from error


def _stack(options: argparse.Namespace) -> int:
    from sandbox.stack import SandboxStack  # pulumi takes a second to import

    stack = SandboxStack(
        load(options.folder),
        options.project,
        stack=options.stack,
        config=dict(map(_setting, options.config)),
    )
    if options.operation == "outputs":
        print(json.dumps(stack.outputs(), indent=1, default=str))
        return 0
    on_output = None if options.output == "json" else print
    counts = getattr(stack, options.operation)(on_output=on_output)
    if options.output == "json":
        print(json.dumps(counts))
    return 0


def _setting(text: str) -> tuple[str, Any]:
    """A key and its value; a list or a mapping is written as YAML."""
    import yaml

    key, equals, value = text.partition("=")
    if not key or not equals:
        raise SandboxError(
            f"--config {text!r} is not KEY=VALUE, such as irsa:accountId=111122223333"
        )
    if not value.startswith(("[", "{")):
        return key, value
    try:
        return key, yaml.safe_load(value)
    except yaml.YAMLError as error:
        raise SandboxError(f"--config {key}: not YAML: {' '.join(str(error).split())}") from error


def _demo(options: argparse.Namespace) -> int:
    from sandbox.demo import run

    return run(options.folder, _progress, output=options.output)


def _command(options: argparse.Namespace) -> list[str]:
    command = options.command[1:] if options.command[:1] == ["--"] else options.command
    if not command:
        raise SandboxError("no command given; write it behind `--`")
    return command


def _progress(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _show(state: SandboxState, output: str) -> None:
    facts = {name: value for name, value in asdict(state).items() if name not in HIDDEN}
    if output == "json":
        print(json.dumps(facts))
        return
    rows = {
        "AWS": f"{state.aws_endpoint} (CA: {state.aws_ca_bundle})",
        "Kubernetes": f"{state.kubernetes_server} (KUBECONFIG: {state.kubeconfig})",
        "issuer": state.issuer_url,
        "Pulumi": f"{state.pulumi}, attached: {', '.join(sorted(state.providers))}",
        "process": f"{state.pid}, folder {state.folder}",
    }
    for name, value in rows.items():
        print(f"{name:11} {value}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m sandbox",
        description="A local AWS and Kubernetes in which the real Pulumi engine runs.",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, run: Any, text: str, *, json_output: bool = True) -> Any:
        found = commands.add_parser(name, help=text, description=text)
        found.set_defaults(run=run)
        found.add_argument(
            "--folder", type=Path, default=FOLDER, help="the sandbox's folder (default: .sandbox)"
        )
        if json_output:
            found.add_argument("--output", choices=("text", "json"), default="text")
        return found

    command("up", _up, "start the sandbox, or find the running one")
    command("down", _down, "stop the sandbox", json_output=False)
    command("status", _status, "where everything listens; exit code 1 when nothing runs")
    env = command("env", _env, 'the environment for a shell: eval "$(python -m sandbox env)"')
    run = command("run", _run, "run a command in that environment", json_output=False)
    for with_plugins in (env, run):
        with_plugins.add_argument(
            "--plugin",
            action="append",
            default=[],
            metavar="PROVIDER",
            help="use the installed plugin of this provider instead of the sandbox's",
        )
    execute = command(
        "exec",
        _exec,
        "run a command as a local process with a Pod's environment and volumes",
        json_output=False,
    )
    execute.add_argument("workload", metavar="NAMESPACE/WORKLOAD")
    execute.add_argument("--container", help="default: the first one")
    for with_command in (run, execute):
        with_command.add_argument("command", nargs=argparse.REMAINDER, metavar="-- CMD")
    stack = command("stack", _stack, "run the engine on a project, without a language host")
    stack.add_argument("operation", choices=("up", "preview", "refresh", "destroy", "outputs"))
    stack.add_argument("--project", type=Path, default=Path(), help="folder with Pulumi.yaml")
    stack.add_argument("--stack", default="dev")
    stack.add_argument(
        "--config",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="a value instead of the one in Pulumi.STACK.yaml; [...] and {...} are read as YAML",
    )
    command("demo", _demo, "the whole story, from nothing to nothing, as a table of checks")
    return parser


if __name__ == "__main__":
    sys.exit(main())
