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
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from irsa.commands import cli
from irsa.commands.terminal import SIGNALED, discard_output, on_interrupt, quietly
from irsa_core import __version__

from . import COMMAND, environment_variables, lifecycle
from .state import FOLDER, PULUMI_HOME, SandboxError, SandboxState, load
from .toolchain import plugins

OPERATIONS = {
    "name": ("outputs",),
    "show_secrets": ("outputs",),
    "skip_preview": ("up",),
    "diff": ("preview", "up", "refresh", "destroy"),
    "config": ("preview", "up", "refresh", "destroy"),
}
"""By an argument of `stack`: the operations that it is for."""

HIDDEN = frozenset({"secret_access_key", "root_secret"})


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    options = None
    try:
        options = parse(sys.argv[1:] if arguments is None else arguments)
        options.foreign = environment_variables.clean(os.environ)
        return options.run(options)
    except (cli.Stop, SandboxError) as error:
        if getattr(options, "output", "") == "json":
            print(cli.json_text(problem=str(error)))
        print(f"sandbox: {error}", file=sys.stderr)
        return getattr(error, "code", 1)


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
        print(cli.json_text(environment=environment))
        return 0
    for name, value in environment.items():
        print(f"export {name}={shlex.quote(value)}")
    for name in options.foreign:
        if name not in environment:
            print(f"unset {name}")  # which would get between
    return 0


def _run(options: argparse.Namespace) -> int:
    command = options.behind_dashes
    os.environ.update(_environment(options))
    try:
        os.execvp(command[0], command)
    except OSError as error:
        hint = "; for a line of the shell write -- sh -c '…'" if " " in command[0] else ""
        raise SandboxError(f"{command[0]}: {error.strerror}{hint}") from error


def _exec(options: argparse.Namespace) -> int:
    # lightkube takes 0.3 s to import.
    import httpx2

    from .pods.exec import exec_in_pod
    from .pods.spec import PodNotReady
    from .state import cluster_client

    name = f"{options.namespace}/{options.workload}" if options.namespace else options.workload
    namespace, _, workload = name.partition("/")
    if not namespace or not workload or "/" in workload:
        raise SandboxError(f"{name!r} is not NAMESPACE/WORKLOAD, such as dev/s3-app")
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
        raise SandboxError(f"{name}: {error}") from error


def _stack(options: argparse.Namespace) -> int:
    from .engine.project import read_project

    read_project(options.project)  # before the sandbox, which `up` would start in a wrong folder
    state = load(options.folder)
    for name, operations in OPERATIONS.items():
        if (value := getattr(options, name)) and options.operation not in operations:
            argument = value if isinstance(value, str) else f"--{name.replace('_', '-')}"
            allowed = f"is for {' and '.join(operations)}, not for {options.operation}"
            raise SandboxError(f"{argument} {allowed}; leave it out")
    # pulumi takes a second to import
    from .engine.stack import SandboxStack, summary

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
        if options.output == "json":
            shown = cli.json_text(outputs={options.name: shown} if options.name else shown)
        print(shown if isinstance(shown, str) else json.dumps(shown, indent=1, default=str))
        return 0
    preview = {"up": stack.preview, "destroy": stack.preview_destroy}.get(options.operation)
    if preview and not options.skip_preview:  # as pulumi does, so that mistakes change nothing
        _progress("previewing")
        _progress(f"previewed: {summary(preview())}")
    kept = stack.retained() if options.operation == "destroy" else []
    on_output = None if options.output == "json" else _print_while_read
    details = {"diff": True} if options.diff else {}
    try:
        counts = getattr(stack, options.operation)(on_output=on_output, **details)
    except KeyboardInterrupt:
        with on_interrupt(signal.SIG_IGN):
            dropped = stack.export().get("pending_operations")  # by a second Ctrl-C
        again = "run the command again to finish it"
        way_on = "see docs/existing.md, 'A run that was killed'" if dropped else again
        _progress(f"sandbox: interrupted; {way_on}")
        raise
    for line in kept:
        _progress(line)
    if options.output == "json":
        print(cli.json_text(changes=counts))
    return 0


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

    return run(options.folder, _progress, output=options.output, providers=_choice(options))


def _print_while_read(text: str) -> None:
    """Print a line of the engine's, whose work continues after a closed pipe."""
    try:
        print(text, flush=True)
    except OSError:
        discard_output()


def _progress(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _show(state: SandboxState, output: str) -> None:
    facts = {name: value for name, value in asdict(state).items() if name not in HIDDEN}
    if output == "json":
        print(cli.json_text(**facts))
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
    if before[:1] == ["--print-completion"]:
        parser.prog = "irsa-sandbox"
    options, unknown = parser.parse_known_args(before)
    runs_a_command = options.run in (_run, _exec)
    if unknown and runs_a_command and not unknown[0].startswith("-"):
        options.parser.error(f"write the command behind `--`: -- {shlex.join(unknown)}")
    if unknown:
        options.parser.error(f"unrecognized arguments: {shlex.join(unknown)}")
    options.behind_dashes = [*arguments[len(before) + 1 :]]
    if runs_a_command and not options.behind_dashes:
        options.parser.error("no command given; write it behind `--`")
    if options.behind_dashes and not runs_a_command:
        options.parser.error("only `run` and `exec` take a command behind `--`")
    return options


def _parser() -> argparse.ArgumentParser:
    import shtab

    text = "A local AWS and Kubernetes in which the real Pulumi engine runs."
    parser = cli.Parser(prog=COMMAND, description=text)
    shtab.add_argument_to(parser, "--print-completion")
    parser.add_argument("--version", action="version", version=f"irsa-sandbox {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, run: Any, text: str, *examples: str) -> Any:
        codes = {0: "done", 1: "refused, failed, or nothing runs"}
        if run in (_run, _exec):
            codes = {0: "CMD's, as every other code", 1: "CMD's, or no sandbox or workload runs"}
        subparser = commands.add_parser(
            name,
            help=text,
            description=text,
            epilog=cli.epilog(COMMAND, codes, examples),
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        subparser.set_defaults(run=run, parser=subparser)
        text = "the sandbox's folder (default: .sandbox; for demo, a temporary one)"
        subparser.add_argument("--folder", type=Path, default=FOLDER, help=text)
        if run not in (_down, _run, _exec):
            subparser.add_argument("-o", "--output", choices=("text", "json"), default="text")
        return subparser

    text = "start the sandbox, or find the running one"
    up = command("up", _up, text, "up", "up --providers kubernetes")
    command("down", _down, "stop the sandbox", "down", "down --folder f")
    command("status", _status, "where everything listens", "status", "status -o json")
    text = f'the environment for a shell: eval "$({COMMAND} env)"'
    command("env", _env, text, "env", "env -o json")
    text, behind = "run a command in that environment", "[--folder FOLDER] -- CMD"
    execute = command("run", _run, text, "run -- aws s3 ls", "run -- pulumi stack ls")
    execute.usage = f"{COMMAND} run {behind}"
    text = "run a command as a local process with a Pod's environment and volumes"
    of_pod = ("exec dev/s3-app -- aws s3 ls", "exec -n dev s3-app -c app -- env")
    execute = command("exec", _exec, text, *of_pod)
    execute.usage = f"{COMMAND} exec [-n NAMESPACE] WORKLOAD [-c CONTAINER] {behind}"
    help_of_workload = "such as dev/s3-app, or with -n its name alone"
    execute.add_argument("workload", metavar="NAMESPACE/WORKLOAD", help=help_of_workload)
    execute.add_argument("-n", "--namespace", help="namespace of the workload")
    execute.add_argument("-c", "--container", help="default: the first one")
    text = "run the engine on a project, without a language host"
    stack = command("stack", _stack, text, "stack up", "stack preview --project account_b --diff")
    stack.add_argument("operation", choices=("up", "preview", "refresh", "destroy", "outputs"))
    stack.add_argument("name", nargs="?", metavar="OUTPUT", help="of outputs: this one, alone")
    program = stack.add_argument_group("program")
    program.add_argument("--project", type=Path, default=Path(), help="folder with Pulumi.yaml")
    program.add_argument("--stack", default="dev", help="default: dev")
    program.add_argument(
        "--config",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="a value instead of the one in Pulumi.STACK.yaml; [...] and {...} are read as YAML",
    )
    stack.add_argument("--skip-preview", action="store_true", help="bring up without a preview")
    stack.add_argument("--diff", action="store_true", help="show each change of a property")
    stack.add_argument("--show-secrets", action="store_true", help="show secret outputs in clear")
    text = "the whole story, in a sandbox of its own, as a table of checks"
    demo = command("demo", _demo, text, "demo", "demo -o json")
    demo.set_defaults(folder=None)
    for starts in (up, demo):
        starts.add_argument(
            "--providers",
            type=plugins.names,
            metavar="WHICH",
            help="attached: the sandbox's own; published: the plugins of Pulumi; or those that are "
            "left to plugins, such as kubernetes (default: attached, or as the running sandbox is)",
        )
    return parser


def _choice(options: argparse.Namespace) -> plugins.Choice:
    """The providers that are left to plugins, which the caller may have in a folder of his own."""
    chosen = plugins.Choice(getattr(options, "providers", None))
    home = options.foreign.get("PULUMI_HOME")
    return chosen._replace(home=Path(home)) if home else chosen


def console() -> int:
    """Run a command as a program of its own."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    code = quietly(main)
    if code > SIGNALED:
        os._exit(code)  # without the threads that run the user's program
    return code


if __name__ == "__main__":
    sys.exit(console())
