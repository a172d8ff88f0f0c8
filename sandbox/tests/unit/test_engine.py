"""The engine's settings files, its errors as one line, and several runs of it in one process."""

import os
import runpy
import socket
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from textwrap import indent
from traceback import format_exception
from unittest.mock import Mock

import grpc
import pytest
import yaml
from google.protobuf.empty_pb2 import Empty
from hypothesis import given, strategies
from pulumi import RunError
from pulumi.automation import CommandResult
from pulumi.automation.errors import ConcurrentUpdateError, create_command_error
from pulumi.runtime.proto import resource_pb2, resource_pb2_grpc
from pulumi.runtime.settings import Settings

from irsa_sandbox.engine import diagnostics, stack
from irsa_sandbox.engine.diagnostics import PROGRAM, explain, left_locked, without_repeats
from irsa_sandbox.engine.project import read_project, read_stack, write_settings
from irsa_sandbox.engine.stack import SandboxStack
from irsa_sandbox.state import SandboxError
from tests.support.fake_sandbox import STATE
from tests.support.processes import program
from tests.support.refusal import refusal

PROJECT = "name: irsa\nruntime: python\n"
MAPPING = "it must be a mapping, lines of `key: value`"
TWICE = "config:\n  aws:region: x\n  a: b\n  aws:region: y\n"
STACK = "Previewing:\n\nDiagnostics:\n  pulumi:pulumi:Stack (p-dev):\n    error: "
CANCELED = f"""{STACK}update canceled
    error: Resource monitor has terminated, shutting down
    error: an unhandled error occurred: Exception calling application: invalid state

Resources:
    + 9 created
"""
REFUSED = f"""{STACK}{PROGRAM}resource monitor shut down
    Traceback (most recent call last):
      File "irsa/__main__.py", line 3, in <module>
        cluster()
  aws:ec2:getVpc:
    error: no matching EC2 VPC found
"""
LOCKED = """error: the stack is currently locked by 1 lock(s). Either wait for the other \
process(es) to end or delete the lock file with `pulumi cancel`.
  file:///sandbox/.pulumi/locks/dev/1.json: created by ana@laptop (pid 4711) at 2026-11-25T09:15Z
"""
IRSA = "import irsa_components as irsa\n"
ACCOUNT = 'irsa.ServiceAccount(namespace="dev", name="My App")\n'
PROTECTED = (
    'Preview failed: resource "urn:pulumi:dev::p::a:b:C$x:y:Z::{}" cannot be deleted because '
)
PROTECTED += "it is protected. To unprotect"
NO_KEY = "Missing required configuration variable"
MISTAKES = {
    "a key that a mapping lacks": ('def a(b):\n    return b["c"]\n\n\na({})\n', 2, "KeyError: "),
    "a value that a component refuses": (IRSA + ACCOUNT, 2, ""),
    "an argument that it lacks": (f"{IRSA}irsa.DataBucketArgs(name=1)\n", 2, ""),
    "a module that is missing": ("import acme_platform\n", 1, "ModuleNotFoundError: "),
    "no Python": ("def read(:\n    pass\n", 1, ""),
}
"""Programs, with the line of the mistake, and its type where the text does not say all."""


@pytest.fixture
def copied(tmp_path):
    """Copies a project with these settings of the stack `dev`."""

    def copy(settings: str, pulumi: str = PROJECT, **config: str):
        (tmp_path / "Pulumi.yaml").write_text(pulumi)
        (tmp_path / "Pulumi.dev.yaml").write_text(settings)
        both = read_project(tmp_path), "dev", read_stack(tmp_path, "dev", config)
        write_settings(*both, tmp_path / "copy")
        assert (tmp_path / "Pulumi.dev.yaml").read_text() == settings
        return yaml.safe_load((tmp_path / "copy" / "Pulumi.dev.yaml").read_text())

    return copy


def test_a_reader_of_a_copy_reads_it_whole(copied, tmp_path):
    """Stacks of one project that run side by side share its Pulumi.yaml."""
    copied("")
    with (tmp_path / "copy" / "Pulumi.yaml").open() as reader:
        copied("", PROJECT + "description: new\n")
        assert reader.read() == PROJECT
    files = {file.name for file in (tmp_path / "copy").iterdir()}
    assert files == {"Pulumi.dev.yaml", "Pulumi.yaml"}


@pytest.mark.cases(("settings", "path"), {
    "value of a key": ("config:\n  irsa:key:\n    secure: v1:aaaa\n", "irsa:key"),
    "value in a list": ("config:\n  irsa:key:\n    - {inner: {secure: v1:aaaa}}\n",
        "irsa:key[0].inner"),
})  # fmt: skip
def test_an_encrypted_value_is_named_and_can_be_replaced(copied, tmp_path, settings, path):
    assert refusal(copied, settings, raised=SandboxError) == (
        f"{tmp_path}/Pulumi.dev.yaml: {path} is encrypted (`secure:`) with a key that the sandbox "
        "does not have; give the sandbox a value of its own: --config 'irsa:key=VALUE'"
    )
    assert copied(settings, **{"irsa:key": "x"}) == {"config": {"irsa:key": "x"}}


@pytest.mark.cases(("settings", "message"), {
    "tab": ("config:\n\taws:region: x\n", ", line 2: not YAML: found character '\\t' that"),
    "wrong indentation": ("config:\n  a: b\n c: d\n", ", line 3: not YAML: expected <block end>"),
    "two colons": ("config:\n  a: b: c\n", ", line 2: not YAML: mapping values are not allowed"),
    "key twice": (TWICE, ", line 4: not YAML: the key 'aws:region' is given twice"),
    "list for `config`": ("config: []\n", f": `config` is a list; {MAPPING}"),
    "text": ("just text\n", f" is text; {MAPPING}"),
    "number": ("17\n", f" is `17`; {MAPPING}"),
    "key beside `config`": ("a:b: c\n", ": a:b stands beside `config:`; indent it below"),
    "control character": ("a: \x00\n", ": unacceptable character #x0000: special characters"),
})  # fmt: skip
def test_malformed_settings_are_one_line(copied, tmp_path, settings, message):
    line = refusal(copied, settings, raised=SandboxError)
    assert line.startswith(f"{tmp_path}/Pulumi.dev.yaml{message}")


def test_a_project_without_a_name_is_one_line(copied, tmp_path):
    line = refusal(read_project, tmp_path, raised=SandboxError)
    assert line == f"{tmp_path} has no Pulumi.yaml; --project names the folder that has it"
    for pulumi in ("runtime: python\n", "name: [a]\n"):
        line = refusal(copied, "", pulumi, raised=SandboxError)
        assert "/Pulumi.yaml: `name` is missing" in line
    line = refusal(copied, "", "name: a\nruntime: {name: nodejs}\n", raised=SandboxError)
    assert "/Pulumi.yaml: `runtime` is nodejs, and `stack` runs Python programs; for" in line
    line = refusal(copied, "", "name: a\nruntime: python3\n", raised=SandboxError)
    assert line.endswith("; write `python`")


def test_a_stack_without_settings_is_refused_if_others_have_some(copied, tmp_path):
    copied("config: {}\n")
    line = refusal(read_stack, tmp_path, "prod", {}, raised=SandboxError)
    assert line == f"{tmp_path} has no Pulumi.prod.yaml; it has Pulumi.dev.yaml"
    read_stack(tmp_path, "prod", {"irsa:a": "b"})  # all of it is given
    (tmp_path / "Pulumi.dev.yaml").unlink()
    read_stack(tmp_path, "dev", {})  # a project that needs none


@pytest.mark.cases(("code", "stdout", "stderr", "line"), {
    "locked": (255, "", LOCKED, "the stack is locked by process 4711 of ana; wait until it ends"),
    "program's error": (255, REFUSED, "", "no matching EC2 VPC found"),
    "missing configuration": (255, f"{STACK}{PROGRAM}{NO_KEY} 'a:b'\n    please", "",
        "configuration has no a:b; add it to Pulumi.STACK.yaml, or give --config a:b=VALUE"),
    "resource": (255, f"{STACK}x\n  a:b:C (d/e):\n    error: no\n  a:b:C (f):\n    error: y", "",
        "x; main.py:7: no, in C(1); y"),
    "protected": (255, "\n    error: ".join((STACK, *map(PROTECTED.format, ("dev", "issuer")))), "",
        "protected: dev, issuer; set `deletion_protection` or `protect` to False, bring"),
    "output in JSON": (255, f"{STACK}{PROGRAM}Object of type Output is not JSON serializable", "",
        "Object of type Output is not JSON serializable; use pulumi.Output.json_dumps"),
    "canceled": (255, CANCELED, "", "update canceled"),
    "killed": (-9, "Updating (dev):\n", "",
        "the Pulumi engine was killed (signal 9); refresh the s"),
    "passphrase": (255, "", "error: incorrect passphrase\n", "incorrect passphrase"),
    "panic": (255, "", "panic: something\nelse\n",
        "code: 255 stdout: stderr: panic: something else"),
})  # fmt: skip
def test_an_error_of_the_cli_is_one_line(code, stdout, stderr, line):
    result = CommandResult(stdout=stdout, stderr=stderr, code=code)
    lines = {diagnostics.resource_key("a:b/c:C", "d/e"): '  File "main.py", line 7\n    C(1)\n'}
    assert explain(create_command_error(result), lines).startswith(line)


@pytest.mark.cases(("program", "number", "kind"), MISTAKES)
def test_a_mistake_in_the_program_is_one_line_with_its_place(
    tmp_path, monkeypatch, program, number, kind
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "__main__.py").write_text(program)
    with pytest.raises((Exception, SyntaxError)) as raised:
        runpy.run_path("__main__.py")
    # As Pulumi's language server reports it, and the engine prints it, twice.
    told = f"{PROGRAM}{raised.value}\n{''.join(format_exception(raised.value))}"
    text = "Diagnostics:\n  pulumi:pulumi:Stack (p-dev):\n"
    for error in (told, f"an unhandled error occurred: {told}"):
        text += indent(f"error: {error}", " " * 4)
    shown: list[str] = []
    show = without_repeats(shown.append)
    for printed in f"{text}\nResources:".splitlines():
        show(printed)

    code = program.splitlines()[number - 1].strip()
    line = f"__main__.py:{number}: {kind}{raised.value}, in {code}"
    assert explain(create_command_error(CommandResult(text, "", 255)), {}) == line
    assert shown[2:] == [f"    error: {raised.value}", "Resources:"]


EXISTS = "creating IAM Role (x): EntityAlreadyExists"
OTHER = {"urn": "urn:pulumi:dev::p::aws:iam/role:Role::y", "type": "aws:iam/role:Role", "id": "y"}
KEPT = "; the stack has it as aws:iam/role:Role::y: to keep it, name that in `taken_over` or "
KEPT += "`aliases`, and preview (docs/existing.md)"
TAKEN = "; it was not changed: give another name, or take it over (docs/existing.md)"


@pytest.mark.cases(("line", "states", "ways"), {
    "another error": ("no", [OTHER], ""),
    "in the stack": (EXISTS, [{**OTHER, "id": "x"}], KEPT),
    "deleted": (EXISTS, [{**OTHER, "pendingReplacement": True}, {**OTHER, "type": "a:b:User"}],
        f"{TAKEN}; deleted, until an up works: aws:iam/role:Role::y"),
})  # fmt: skip
def test_an_up_that_failed_names_what_the_stack_has_and_lacks(line, states, ways):
    assert diagnostics.ways_on(line, states) == ways


CALLBACK = (
    f"{PROGRAM}invoke transform: rpc error: code = Unknown desc = Invoke callback e9f3-88 error: "
)
UNHANDLED = "    error: an unhandled error occurred: "
FRAME = '\n      File "/x/irsa_components/values.py", line 4, in checked\n        raise error\n'
PLACES = {
    "constructor": f"{STACK}{PROGRAM}SAID{FRAME}    ValueError: SAID\n",
    "apply": f"{STACK}SAID\n{UNHANDLED}SAID\n",
    "transform": f"{STACK}{CALLBACK}SAID:{FRAME}{UNHANDLED}{CALLBACK}SAID:{FRAME}",
    "hook": f'{STACK}update failed\n\n  x:y:Z (c):\n    error: before hook "gate" failed: SAID\n',
}
WORD = strategies.text(strategies.characters(codec="ascii", categories="LNPS"), min_size=1)


@pytest.mark.cases("printed", PLACES)
@given(words=strategies.lists(WORD, min_size=1))
def test_a_refusal_is_its_sentence_once_wherever_it_is_raised(printed, words):
    sentence = " ".join(("name", *words, "fix"))
    result = CommandResult(printed.replace("SAID", sentence), "", 255)
    line = explain(create_command_error(result), {})
    assert line.removeprefix('before hook "gate" failed: ') == sentence


def test_a_lock_is_left_over_only_if_each_holder_has_ended_here():
    with subprocess.Popen(["true"]) as ended:
        ended.wait()
    here = socket.gethostname()
    dead, alive = (f"created by ana@{here} (pid {pid}) at x\n" for pid in (ended.pid, os.getpid()))
    elsewhere = dead.replace(here, "elsewhere")
    locks = {dead: True, alive: False, dead + alive: False, dead + dead: True, elsewhere: False}
    for text, is_left in locks.items():
        assert left_locked(ConcurrentUpdateError(CommandResult("", text, 255))) is is_left


def test_an_error_and_a_warning_are_shown_once():
    lines: list[str] = []
    show = without_repeats(lines.append)
    resource = " +  irsa:index:AccessKeyUser s3-manager creating (0s)"
    shown = [resource, "    warning: a static access key", "    error: irsa:cluster: unknown key"]
    for line in (f"{resource} warning: a static access key", *shown):
        show(line)
    show("    error: an unhandled error occurred: irsa:cluster: unknown key")
    assert lines == shown


def test_an_engine_on_the_port_of_one_that_ended_is_reached():
    stack.use_a_connection_for_each_engine()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
    ended = Settings("irsa", "dev", monitor=address)
    for _ in range(3):
        with pytest.raises(grpc.RpcError):
            ended.monitor.SignalAndWaitForShutdown(Empty())
    server = grpc.server(ThreadPoolExecutor(1))
    answer = resource_pb2.SupportsFeatureResponse(hasSupport=True)
    monitor = Mock(SupportsFeature=lambda *_: answer)
    resource_pb2_grpc.add_ResourceMonitorServicer_to_server(monitor, server)
    server.add_insecure_port(address)
    server.start()
    again = Settings("irsa", "dev", monitor=address)
    try:
        assert again.monitor.SupportsFeature(resource_pb2.SupportsFeatureRequest()).hasSupport
    finally:
        server.stop(None)


def test_the_cli_logs_into_the_sandbox_and_its_end_is_one_line(tmp_path, monkeypatch):
    version = 'test "$1" != version || echo v3.274.1'
    text = f'echo "$PULUMI_HOME" >> "$0.homes"\n{version}'
    cli = program(tmp_path / "tools" / "bin" / "pulumi", text)
    state = replace(STATE, folder=str(tmp_path / "sandbox"), pulumi=str(cli))
    (tmp_path / "Pulumi.yaml").write_text("name: project\nruntime: python\n")
    (tmp_path / "Pulumi.dev.yaml").write_text("config: {}\n")
    SandboxStack(state, tmp_path)
    calls = cli.with_name("pulumi.homes").read_text().splitlines()
    assert len(calls) >= 2, "its version, and the stack"
    assert set(calls) == {str(tmp_path / "sandbox" / "pulumi-home")}
    assert "__main__.py does not exist" in refusal(stack.run_main, tmp_path, raised=RunError)
    monkeypatch.setattr(stack, "_pulumi_command", stack._pulumi_command.__wrapped__)
    program(cli, "kill -9 $$")
    line = r"^the Pulumi CLI did not start: .*SIGKILL.*; run it again$"
    with pytest.raises(SandboxError, match=line):
        SandboxStack(state, tmp_path)
