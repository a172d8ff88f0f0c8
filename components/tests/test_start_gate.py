"""The wait before a Deployment: its kubeconfig, and the Pods that it tries."""

import asyncio
import json
import socketserver
import threading
from functools import partial
from pathlib import Path
from typing import Any

import httpx2
import pulumi
import pytest
from pulumi import UNKNOWN, Output, RunError
from pulumi.runtime.proto.resource_pb2 import ResourceHookRequest

from irsa.identity.eks import CREDENTIALS_URI_VARIABLE
from irsa.identity.injection import IN_A_ROW
from irsa_components import ServiceAccount, start_gate
from tests.support.engine import Engine, deploy

TEMPLATE = {
    "metadata": {"labels": {"app": "s3-app"}, "annotations": {"example.com/inject": "true"}},
    "spec": {"serviceAccountName": "s3-app", "containers": [{"name": "app", "image": "app"}]},
}


ACCOUNT = ServiceAccount(namespace="dev", name="s3-app")
INPUTS = {"metadata": {"namespace": "dev"}, "spec": {"template": TEMPLATE}}
SIGNATURE, SECRET = "4dabf18193072939515e22adb298388d", "1b47061264138c4ac30d75fd1eb44270"
UNKNOWN_TEXT = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
"""Marks of values by the engine (pulumi/sdk/go/common/resource/plugin/rpc.go)."""


async def call(hook: Any, new: Any, old: Any = None, *, name: str = "s3-app") -> None:
    """Call a hook as the engine does, from another thread than the program's."""
    request = ResourceHookRequest(name=name)
    request.new_inputs.update(new)
    request.old_inputs.update(old or {})
    answer = await asyncio.to_thread(hook.answer, request.SerializeToString(), threading.Event())
    if answer.error:
        raise RunError(answer.error)


def kubeconfig(**user: Any) -> str:
    context = {"cluster": "dev", "user": "deployer"}
    return json.dumps(
        {
            "current-context": "dev",
            "clusters": [{"name": "dev", "cluster": {"server": "https://127.0.0.1:1"}}],
            "users": [{"name": "deployer", "user": user}],
            "contexts": [{"name": "dev", "context": context}],
        }
    )


def command(*words: str) -> str:
    version = "client.authentication.k8s.io/v1beta1"
    return kubeconfig(exec={"apiVersion": version, "command": words[0], "args": [*words[1:]]})


def wait(config: str) -> None:
    start_gate.wait_for_credentials(config, ACCOUNT, TEMPLATE)


@pytest.fixture
def tried(monkeypatch: pytest.MonkeyPatch) -> list[httpx2.Request]:
    """Requests for Pods, all of which get the credentials."""
    requests: list[httpx2.Request] = []

    def api(request: httpx2.Request) -> httpx2.Response:
        requests.append(request)
        pod = json.loads(request.content)
        variable = {"name": CREDENTIALS_URI_VARIABLE, "value": "http://169.254.170.23"}
        pod["spec"]["containers"][0]["env"] = [variable]
        return httpx2.Response(201, json=pod)

    parameters = partial(start_gate.ConnectionParams, transport=httpx2.MockTransport(api))
    monkeypatch.setattr(start_gate, "ConnectionParams", parameters)
    return requests


def test_a_trial_pod_has_the_templates_labels_and_annotations(tried: list[httpx2.Request]):
    """An injector or a policy may look at them."""
    wait(kubeconfig(token="t"))

    metadata = {**TEMPLATE["metadata"], "generateName": "irsa-trial-"}
    assert [json.loads(each.content)["metadata"] for each in tried] == [metadata] * IN_A_ROW


def test_the_kubeconfigs_command_runs_once(tried: list[httpx2.Request], tmp_path: Path):
    """It is `aws eks get-token`, which takes longer than the trials."""
    log = tmp_path / "log"
    credential = json.dumps({"status": {"token": "k8s-aws-v1.x"}})
    wait(command("sh", "-c", f"echo run >> {log}; echo '{credential}'"))

    assert log.read_text() == "run\n"
    assert {each.headers["Authorization"] for each in tried} == {"Bearer k8s-aws-v1.x"}


@pytest.mark.parametrize("secret", [False, True])
@pytest.mark.parametrize(("template", "pods"), [(TEMPLATE, 0), ({**TEMPLATE, "x": 1}, IN_A_ROW)])
def test_a_deployment_that_is_scaled_waits_for_nothing(
    tried: list[httpx2.Request], template: dict[str, Any], pods: int, secret: bool
):
    """A quota may be the reason to scale it down."""
    metadata = {"name": "s3-app", "namespace": "dev"}
    before, after = (
        {"metadata": metadata, "spec": {"replicas": count, "template": each}}
        for count, each in ((3.0, template), (1.0, TEMPLATE))
    )

    def program() -> None:
        config = Output.from_input(kubeconfig(token="t"))
        if secret:  # as the engine sends what has one: an external id may be
            for each in (before, after):
                each["spec"] = {SIGNATURE: SECRET, "value": each["spec"]}
        (hook,) = start_gate.start_gate(ACCOUNT, config).before_update or ()
        pulumi.export("waited", Output.from_input(call(hook, after, before)))

    deploy(program)
    assert len(tried) == pods


def test_hooks_of_one_service_account_have_names_of_their_own():
    """The engine knows a hook by its name."""
    found: list[str] = []

    def program() -> None:
        for _ in range(3):
            gate = start_gate.start_gate(ACCOUNT, Output.from_input(kubeconfig(token="t")))
            found.extend(each.name for each in gate.before_create or ())

    for _ in range(2):
        deploy(program)
    name = f"dev/s3-app: {start_gate.HOOK}"
    assert found == [name, f"{name} (2)", f"{name} (3)"] * 2


@pytest.mark.parametrize(
    "inputs",
    [
        TEMPLATE,
        {"spec": {"template": TEMPLATE}},
        {"spec": {"jobTemplate": {"spec": {"template": TEMPLATE}}}},
    ],
    ids=["Pod", "StatefulSet", "CronJob"],
)
def test_whatever_runs_the_pods_waits_for_them(tried: list[httpx2.Request], inputs: dict[str, Any]):
    def program() -> None:
        gate = start_gate.start_gate(ACCOUNT, Output.from_input(kubeconfig(token="t")))
        (hook,) = gate.before_create or ()
        pulumi.export("waited", Output.from_input(call(hook, inputs)))

    deploy(program)
    assert [json.loads(each.content)["spec"] for each in tried] == [TEMPLATE["spec"]] * IN_A_ROW


def test_each_hook_has_its_own_kubeconfig(tried: list[httpx2.Request]):
    """They have different parents, and may be in different clusters."""

    def program() -> None:
        for token in ("a", "b"):
            config = Output.from_input(kubeconfig(token=token))
            (hook,) = start_gate.start_gate(ACCOUNT, config).before_create or ()
            pulumi.export(token, Output.from_input(call(hook, INPUTS)))

    deploy(program)
    headers = [each.headers["Authorization"] for each in tried]
    assert sorted(headers) == ["Bearer a"] * IN_A_ROW + ["Bearer b"] * IN_A_ROW


@pytest.mark.parametrize("preview", [True, False])
def test_a_command_that_is_missing_is_named_in_the_preview(preview: bool):
    def program() -> None:
        config = Output.from_input(command("no-such-aws"))
        (hook,) = start_gate.start_gate(ACCOUNT, config).before_create or ()
        pulumi.export("waited", Output.from_input(call(hook, INPUTS)))

    with pytest.raises(RunError) as refused:
        deploy(program, Engine(preview=preview))
    assert str(refused.value) == (
        "Pods of dev/s3-app cannot be tried: the kubeconfig runs 'no-such-aws', which is not on "
        "PATH; install it, or leave out `kubeconfig` for no wait"
    )


def test_a_preview_tries_no_pods_and_does_not_wait_for_a_kubeconfig(tried: list[httpx2.Request]):
    def program() -> None:
        for name, config in {"new": UNKNOWN, "existing": kubeconfig(token="t")}.items():
            gate = start_gate.start_gate(ACCOUNT, Output.from_input(config))
            (hook,) = gate.before_create or ()
            inputs = {"metadata": {"namespace": "dev"}, "spec": UNKNOWN_TEXT}
            pulumi.export(name, Output.from_input(call(hook, inputs, name=name)))

    deploy(program, Engine(preview=True))
    assert tried == []


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        ("~/.kube/config", "AttributeError"),
        ("{", "ParserError"),
        ("{}", "KeyError"),
        (command("sh", "-c", "echo token; echo expired >&2; exit 255"), "sh returned 255: expired"),
        (command("echo", "no JSON"), "JSONDecodeError"),
        (kubeconfig().replace(', "user": "deployer"}', "}"), "Missing user"),
        (kubeconfig(**{"client-certificate": "/none", "client-key": "/none"}), "No such file"),
    ],
)
def test_a_kubeconfig_that_cannot_be_used_ends_in_one_line(config: str, reason: str):
    with pytest.raises(RunError) as refused:
        wait(config)
    text = str(refused.value)
    assert reason in text
    assert text.startswith("Pods of dev/s3-app cannot be tried: the kubeconfig cannot be used (")
    assert text.endswith("; give the text of the cluster's, or leave it out for no wait")
    assert "\n" not in text


def test_an_api_server_that_does_not_answer_is_not_the_webhooks_fault(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(start_gate, "TIMEOUT", 0.0)
    with pytest.raises(RunError, match=r"^Pods of dev/s3-app cannot be tried: the API server did "):
        wait(kubeconfig(token="t"))


def test_a_command_that_never_ends_is_left(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(start_gate, "TIMEOUT", 0.1)
    with pytest.raises(RunError, match=r"cannot be used \(TimeoutError: no end after 0 s\)"):
        wait(command("sleep", "20"))


def test_an_answer_that_never_ends_is_left(monkeypatch: pytest.MonkeyPatch):
    """Each byte begins a time-out of the client's anew."""
    monkeypatch.setattr(start_gate, "TIMEOUT", 0.0)
    monkeypatch.setattr(start_gate, "REQUEST_TIMEOUT", 0.2)
    ended = threading.Event()

    class Slow(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            while not ended.wait(0.05):
                self.request.sendall(b"H")

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Slow) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_address[1]}"
        with pytest.raises(RunError, match=r"did not answer: TimeoutError\('no end after"):
            wait(kubeconfig(token="t").replace("https://127.0.0.1:1", address))
        ended.set()
        server.shutdown()
