"""Trial Pods: the kubeconfig that leads to them, and what the API server answers."""

import json
import socketserver
import threading

import pytest

from irsa.identity.subjects import ServiceAccountRef
from irsa.observe import trial_pods
from irsa.observe.errors import CollectError
from irsa.observe.trial_pods import IN_A_ROW
from tests.support.trial_pods import TEMPLATE, command, kubeconfig, tried


def wait(config: str) -> None:
    trial_pods.wait_for_credentials(config, ServiceAccountRef("dev", "s3-app"), TEMPLATE)


def test_a_trial_pod_has_the_templates_labels_and_annotations(monkeypatch):
    """An injector or a policy may look at them."""
    requests = tried(monkeypatch)
    wait(kubeconfig(token="t"))
    metadata = {**TEMPLATE["metadata"], "generateName": "irsa-trial-"}
    assert [json.loads(each.content)["metadata"] for each in requests] == [metadata] * IN_A_ROW


def test_the_kubeconfigs_command_runs_once(monkeypatch, tmp_path):
    """It is `aws eks get-token`, which takes longer than the trials."""
    requests, log = tried(monkeypatch), tmp_path / "log"
    credential = json.dumps({"status": {"token": "k8s-aws-v1.x"}})
    wait(command("sh", "-c", f"echo run >> {log}; echo '{credential}'"))
    assert log.read_text() == "run\n"
    assert {each.headers["Authorization"] for each in requests} == {"Bearer k8s-aws-v1.x"}


@pytest.mark.cases(("config", "reason"), {
    "path": ("~/.kube/config", "AttributeError"),
    "empty": ("{}", "KeyError"),
    "command fails": (command("sh", "-c", "echo token; echo expired >&2; exit 255"),
        "sh returned 255: expired"),
    "command without JSON": (command("echo", "no JSON"), "JSONDecodeError"),
    "no user": (kubeconfig().replace(', "user": "deployer"}', "}"), "Missing user"),
    "no certificate": (kubeconfig(**{"client-certificate": "/none", "client-key": "/none"}),
        "No such file"),
})  # fmt: skip
def test_a_kubeconfig_that_cannot_be_used_ends_in_one_line(config: str, reason: str):
    with pytest.raises(CollectError) as refused:
        wait(config)
    text = str(refused.value)
    assert reason in text
    assert text.startswith("cannot be tried: the kubeconfig cannot be used (")
    assert text.endswith("; give the text of the cluster's, or leave it out for no wait")
    assert "\n" not in text


def test_what_does_not_answer_in_time_is_named(monkeypatch):
    """It is not the webhook's fault."""
    monkeypatch.setattr(trial_pods, "TIMEOUT", 0.0)
    with pytest.raises(CollectError, match=r"^cannot be tried: the API server did "):
        wait(kubeconfig(token="t"))
    monkeypatch.setattr(trial_pods, "TIMEOUT", 0.1)
    with pytest.raises(CollectError, match=r"be used \(TimeoutError: no end after 0 s\)"):
        wait(command("sleep", "20"))


def test_an_answer_that_never_ends_is_left(monkeypatch: pytest.MonkeyPatch):
    """Each byte begins a time-out of the client's anew."""
    monkeypatch.setattr(trial_pods, "TIMEOUT", 0.0)
    monkeypatch.setattr(trial_pods, "REQUEST_TIMEOUT", 0.2)
    ended = threading.Event()

    class Slow(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            while not ended.wait(0.05):
                self.request.sendall(b"H")

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Slow) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_address[1]}"
        with pytest.raises(CollectError, match=r"did not answer: TimeoutError\('no end after"):
            wait(kubeconfig(token="t").replace("https://127.0.0.1:1", address))
        ended.set()
        server.shutdown()
