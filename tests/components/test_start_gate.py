"""The wait before a Deployment: its kubeconfig, and the Pods that it tries."""

import asyncio
import json
from functools import partial
from pathlib import Path
from typing import Any

import httpx2
import pulumi
import pytest
from pulumi import Output, ResourceHookArgs, RunError

from components import start_gate
from irsa.identity.eks import CREDENTIALS_URI_VARIABLE
from irsa.identity.injection import IN_A_ROW
from tests.support.engine import deploy

TEMPLATE = {
    "metadata": {"labels": {"app": "s3-app"}, "annotations": {"example.com/inject": "true"}},
    "spec": {"serviceAccountName": "s3-app", "containers": [{"name": "app", "image": "app"}]},
}


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
    asyncio.run(start_gate.wait_for_credentials(config, "dev", TEMPLATE))


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

    client = partial(start_gate.AsyncClient, transport=httpx2.MockTransport(api))
    monkeypatch.setattr(start_gate, "AsyncClient", client)
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
        if secret:  # as the SDK gives a property with one: an external id may be
            for each in (before, after):
                each["spec"] = Output.secret(each["spec"])
        (hook,) = start_gate.start_gate("gate", config).before_update or ()
        args = ResourceHookArgs("", "", "", "", new_inputs=after, old_inputs=before)
        pulumi.export("waited", Output.from_input(hook(args)))  # pyright: ignore[reportCallIssue]

    deploy(program)
    assert len(tried) == pods


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        ("~/.kube/config", "AttributeError"),
        ("{", "ParserError"),
        ("{}", "KeyError"),
        (command("sh", "-c", "echo token; echo expired >&2; exit 255"), "sh returned 255: expired"),
        (command("no-such-aws"), "No such file or directory: 'no-such-aws'"),
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
    assert text.startswith("kubeconfig cannot be used (")
    assert text.endswith("; give the text of the cluster's, or None for no wait")
    assert "\n" not in text


def test_an_api_server_that_does_not_answer_is_not_the_webhooks_fault(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(start_gate, "TIMEOUT", 0.0)
    with pytest.raises(RunError, match=r"^Pods of dev/s3-app cannot be tried: the API server did "):
        wait(kubeconfig(token="t"))
