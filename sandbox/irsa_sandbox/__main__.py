"""`python -m irsa_sandbox`: up, down, status, env, run, exec, stack, demo.

Exit codes: 0 done, 1 refused, failed or nothing runs, 2 wrong usage.
"""

import signal

if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # while modules load, nothing needs tidying up

import argparse
import itertools
import json
import os
import shlex
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from irsa import __version__
from irsa.commands.terminal import discard_output, quietly

from . import COMMAND, environment_variables, lifecycle
from .state import FOLDER, PULUMI_HOME, SandboxError, SandboxState, exports, load
from .toolchain import plugins

OPERATIONS = {
    "name": ("outputs",),
    "show_secrets": ("outputs",),
    "skip_preview": ("up",),
    "diff": ("preview", "up", "refresh", "destroy"),
}
"""By an argument of `stack`: the operations that it is for."""

HIDDEN = frozenset({"secret_access_key", "root_secret"})


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    options = parse(sys.argv[1:] if arguments is None else arguments)
    options.foreign = environment_variables.clean(os.environ)
    try:
        return options.run(options)
    except SandboxError as error:
        print(f"sandbox: {error}", file=sys.stderr)
        return 1


def _up(options: argparse.Namespace) -> int:
    state = lifecycle.up(options.folder, _progress, _choice(options))
    _show(state, options.output)
    return 0


def _down(options: argparse.Namespace) -> int:
    was_up = lifecycle.down(options.folder)
    print("stopped" if was_up else f"no sandbox ran in {options.folder}")
    return 0


def _status(options: argparse.Namespace) -> int:
    _show(load(options.folder), options.output)
    return 0


def _environment(options: argparse.Namespace) -> dict[str, str]:
    state = load(options.folder)
    plugins.link_packages(_choice(options).home.resolve(), state.path / PULUMI_HOME)
    return state.environment()


def _env(options: argparse.Namespace) -> int:
    environment = _environment(options)
    if options.output == "json":
        print(json.dumps(environment))
        return 0
    print(exports(environment, options.foreign))
    return 0


def _run(options: argparse.Namespace) -> int:
    command = options.behind_dashes
    os.environ.update(_environment(options))
    try:
        os.execvp(command[0], command)
    except OSError as error:
        raise SandboxError(f"{command[0]}: {error.strerror}") from error


def _exec(options: argparse.Namespace) -> int:
    # lightkube takes 0.3 s to import.
    import httpx2

    from .pods.exec import exec_in_pod
    from .pods.spec import PodNotReady
    from .state import cluster_client

    namespace, _, workload = options.workload.partition("/")
    if not namespace or not workload:
        raise SandboxError(f"{options.workload!r} is not NAMESPACE/WORKLOAD, such as dev/s3-app")
    state = load(options.folder)
    try:
        return exec_in_pod(
            cluster_client(state),
            namespace,
            workload,
            options.behind_dashes,
            container=options.container,
            **state.pods(),
        )
    except (LookupError, PodNotReady, httpx2.HTTPError) as error:
        raise SandboxError(f"{options.workload}: {error}") from error


def _stack(options: argparse.Namespace) -> int:
    state = load(options.folder)
    for name, operations in OPERATIONS.items():
        if (value := getattr(options, name)) and options.operation not in operations:
            argument = value if isinstance(value, str) else f"--{name.replace('_', '-')}"
            allowed = f"is for {' and '.join(operations)}, not for {options.operation}"
            raise SandboxError(f"{argument} {allowed}; leave it out")
    # pulumi takes a second to import
    from .engine.stack import SandboxStack, hide_interrupted_readers, summary

    hide_interrupted_readers()
    stack = SandboxStack(
        state,
        options.project,
        stack=options.stack,
        config=dict(map(_setting, options.config)),
    )
    if folder := stack.missing_virtualenv:
        _progress(f"{folder} does not exist, so {sys.executable} runs the program")
    if options.operation == "outputs":
        outputs = stack.outputs(show_secrets=options.show_secrets)
        if options.name and options.name not in outputs:
            raise SandboxError(
                f"output {options.name!r} does not exist; give one of {', '.join(outputs)}"
            )
        shown = outputs[options.name] if options.name else outputs
        print(shown if isinstance(shown, str) else json.dumps(shown, indent=1, default=str))
        return 0
    preview = {"up": stack.preview, "destroy": stack.preview_destroy}.get(options.operation)
    if preview and not options.skip_preview:  # as pulumi does, so that mistakes change nothing
        _progress("previewing")
        _progress(f"previewed: {summary(preview())}")
    kept = stack.retained() if options.operation == "destroy" else []
    on_output = None if options.output == "json" else _print_while_read
    details = {"diff": True} if options.diff else {}
    with _interrupted_by_the_engine():
        counts = getattr(stack, options.operation)(on_output=on_output, **details)
    for line in kept:
        _progress(line)
    if options.output == "json":
        print(json.dumps(counts))
    return 0


@contextmanager
def _interrupted_by_the_engine() -> Iterator[None]:
    """Leave the first Ctrl-C to the engine, which finishes its calls and saves the state. Without a
    reader of its output it would die between the two."""

    def again(*_: object) -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)

    before = signal.signal(signal.SIGINT, again)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _setting(text: str) -> tuple[str, Any]:
    """A key and its value; a list or a mapping is written as YAML."""
    import yaml

    from .engine.project import parse_yaml

    key, equals, value = text.partition("=")
    if not key or not equals:
        raise SandboxError(
            f"--config {text!r} is not KEY=VALUE, such as irsa:accountId=111122223333"
        )
    if not value.startswith(("[", "{")):
        return key, value
    try:
        return key, parse_yaml(value)
    except yaml.YAMLError as error:
        raise SandboxError(f"--config {key}: not YAML: {' '.join(str(error).split())}") from error


def _demo(options: argparse.Namespace) -> int:
    from .demo import run
    from .engine.stack import hide_interrupted_readers

    hide_interrupted_readers()
    return run(options.folder, _progress, output=options.output, providers=_choice(options))


def _print_while_read(text: str) -> None:
    """Print a line of the engine's, whose work continues after a closed pipe."""
    try:
        print(text, flush=True)
    except BrokenPipeError:
        discard_output()


def _progress(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _show(state: SandboxState, output: str) -> None:
    facts = {name: value for name, value in asdict(state).items() if name not in HIDDEN}
    if output == "json":
        print(json.dumps(facts))
        return
    rows = {
        "AWS": f"HTTPS_PROXY={state.aws_proxy} (CA: {state.aws_ca_bundle})",
        "Kubernetes": f"{state.kubernetes_server} (KUBECONFIG: {state.kubeconfig})",
        "issuer": state.issuer_url,
        "Pulumi": state.pulumi,
        "attached": ", ".join(state.providers) or "none",
        "plugins": ", ".join(state.plugins) or "none",
        "process": f"{state.pid}, folder {state.folder}",
    }
    for name, value in rows.items():
        print(f"{name:11} {value}")


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The options, and what stands behind `--` as it stands there.

    Split here because argparse's own REMAINDER begins at the first positional argument, and so
    swallows options behind it.
    """
    before = [*itertools.takewhile(lambda argument: argument != "--", arguments)]
    parser = _parser()
    options, unknown = parser.parse_known_args(before)
    runs_a_command = options.run in (_run, _exec)
    if unknown and runs_a_command:
        parser.error(f"write the command behind `--`: -- {shlex.join(unknown)}")
    if unknown:
        parser.error(f"unrecognized arguments: {shlex.join(unknown)}")
    options.behind_dashes = [*arguments[len(before) + 1 :]]
    if runs_a_command and not options.behind_dashes:
        parser.error("no command given; write it behind `--`")
    if options.behind_dashes and not runs_a_command:
        parser.error("only `run` and `exec` take a command behind `--`")
    return options


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=COMMAND,
        description="A local AWS and Kubernetes in which the real Pulumi engine runs.",
    )
    parser.add_argument("--version", action="version", version=f"irsa-sandbox {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(
        name: str, run: Any, text: str, *, json_output: bool = True, usage: str | None = None
    ) -> Any:
        subparser = commands.add_parser(name, help=text, description=text, usage=usage)
        subparser.set_defaults(run=run)
        subparser.add_argument(
            "--folder",
            type=Path,
            default=FOLDER,
            help="the sandbox's folder (default: .sandbox; for demo, a temporary one)",
        )
        if json_output:
            subparser.add_argument("--output", choices=("text", "json"), default="text")
        return subparser

    up = command("up", _up, "start the sandbox, or find the running one")
    command("down", _down, "stop the sandbox", json_output=False)
    command("status", _status, "where everything listens; exit code 1 when nothing runs")
    command("env", _env, f'the environment for a shell: eval "$({COMMAND} env)"')
    command(
        "run",
        _run,
        "run a command in that environment",
        json_output=False,
        usage=f"{COMMAND} run [--folder FOLDER] -- CMD",
    )
    execute = command(
        "exec",
        _exec,
        "run a command as a local process with a Pod's environment and volumes",
        json_output=False,
        usage=f"{COMMAND} exec [--folder FOLDER] NAMESPACE/WORKLOAD [--container C] -- CMD",
    )
    execute.add_argument("workload", metavar="NAMESPACE/WORKLOAD")
    execute.add_argument("--container", "-c", help="default: the first one")
    stack = command("stack", _stack, "run the engine on a project, without a language host")
    stack.add_argument("operation", choices=("up", "preview", "refresh", "destroy", "outputs"))
    stack.add_argument("name", nargs="?", metavar="OUTPUT", help="of outputs: this one, alone")
    stack.add_argument("--project", type=Path, default=Path(), help="folder with Pulumi.yaml")
    stack.add_argument("--stack", default="dev")
    stack.add_argument(
        "--config",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="a value instead of the one in Pulumi.STACK.yaml; [...] and {...} are read as YAML",
    )
    stack.add_argument("--skip-preview", action="store_true", help="bring up without a preview")
    stack.add_argument("--diff", action="store_true", help="show each change of a property")
    stack.add_argument("--show-secrets", action="store_true", help="show secret outputs in clear")
    demo = command("demo", _demo, "the whole story, in a sandbox of its own, as a table of checks")
    demo.set_defaults(folder=None)
    for starts in (up, demo):
        starts.add_argument(
            "--providers",
            type=_names,
            metavar="WHICH",
            help="attached: the sandbox's own; published: the plugins of Pulumi; or those that are "
            "left to plugins, such as kubernetes (default: attached, or as the running sandbox is)",
        )
    return parser


def _names(text: str) -> frozenset[str]:
    try:
        return plugins.names(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _choice(options: argparse.Namespace) -> plugins.Choice:
    """The providers that are left to plugins, which the caller may have in a folder of his own."""
    chosen = plugins.Choice(getattr(options, "providers", None))
    home = options.foreign.get("PULUMI_HOME")
    return chosen._replace(home=Path(home)) if home else chosen


def console() -> int:
    """Run a command as a program of its own."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    code = quietly(main)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second Ctrl-C is for the engine, which ends
    return code


if __name__ == "__main__":
    sys.exit(console())
