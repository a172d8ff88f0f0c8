"""Trial Pods: the kubeconfig that leads to them, and what the API server answers."""

import json
import socketserver
import ssl
import threading
from base64 import b64encode

import pytest
import trustme

from irsa_components import trial_pods
from irsa_components.trial_pods import TrialError
from irsa_core import polling
from irsa_core.identity.subjects import ServiceAccountRef
from irsa_core.polling import IN_A_ROW
from tests.support.refusal import refusal
from tests.support.trial_pods import TEMPLATE, Tried, api_server, command, exec_user, kubeconfig


def wait(config: str) -> None:
    trial_pods.wait_for_credentials(config, ServiceAccountRef("dev", "s3-app"), TEMPLATE)


def test_a_trial_pod_has_the_templates_labels_and_annotations(tried: Tried):
    """An injector or a policy may look at them."""
    wait(kubeconfig(tried.url, token="t"))
    metadata = {**TEMPLATE["metadata"], "generateName": "irsa-trial-"}
    assert [each["metadata"] for each in tried.pods] == [metadata] * IN_A_ROW
    assert {each["path"] for each in tried.requests} == {"/api/v1/namespaces/dev/pods?dryRun=All"}


def test_the_kubeconfigs_command_runs_once(tried: Tried, tmp_path):
    """It is `aws eks get-token`, which takes longer than the trials."""
    log, credential = tmp_path / "log", json.dumps({"status": {"token": "k8s-aws-v1.x"}})
    user = exec_user("sh", "-c", f"echo $PROFILE >> {log}; echo '{credential}'")
    user["exec"]["env"] = [{"name": "PROFILE", "value": "dev"}]
    wait(kubeconfig(tried.url, **user))
    assert log.read_text() == "dev\n"
    assert set(tried.authorizations) == {"Bearer k8s-aws-v1.x"}


@pytest.mark.parametrize("form", ["path", "data"])
def test_a_kubeconfig_may_have_a_certificate_or_a_tokens_file(form, tmp_path):
    ours, others = trustme.CA(), trustme.CA()
    server, client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), others.issue_cert("deployer")
    ours.issue_cert("127.0.0.1").configure_cert(server)
    others.configure_trust(server)
    server.verify_mode = ssl.CERT_REQUIRED
    ours.cert_pem.write_to_path(tmp_path / "ca.pem")
    users, pems = {}, {"client-key": client.private_key_pem}
    pems["client-certificate"] = client.cert_chain_pems[0]
    for key, pem in pems.items():
        pem.write_to_path(tmp_path / key)
        data = b64encode(pem.bytes()).decode()
        users |= {key: str(tmp_path / key)} if form == "path" else {f"{key}-data": data}
    (tmp_path / "token").write_text("from-a-file\n")
    for user, authorization in (
        ({}, None),
        ({"tokenFile": str(tmp_path / "token")}, "Bearer from-a-file"),
    ):
        with api_server(server) as tried:
            wait(kubeconfig(tried.url, str(tmp_path / "ca.pem"), **users, **user))
        assert tried.authorizations == [authorization] * IN_A_ROW


def test_a_server_of_another_authority_is_not_trusted(monkeypatch, tmp_path):
    monkeypatch.setattr(polling, "TIMEOUT", 0.5)
    ours, tls = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(tls)
    ours.cert_pem.write_to_path(tmp_path / "ca.pem")
    with api_server(tls) as tried, pytest.raises(TrialError, match="CERTIFICATE_VERIFY_FAILED"):
        wait(kubeconfig(tried.url, str(tmp_path / "ca.pem"), token="secret"))
    assert tried.requests == []


@pytest.mark.cases(("answer", "message"), {
    "refusal": ((403, '{"message": "pods is forbidden"}'), "a dry run was refused: pods is f"),
    "refusal of a proxy": ((407, "<html>"), "a dry run was refused: 407 Proxy Authentication"),
    "redirect": ((307, ""), "a dry run was refused: 307 Temporary Redirect"),
})  # fmt: skip
def test_what_the_api_server_refuses_is_said_at_once(tried: Tried, answer, message):
    tried.answers.append(answer)
    said = refusal(wait, kubeconfig(tried.url, token="t"), raised=TrialError)
    assert said.startswith(f"cannot be tried: {message}")
    assert len(tried.requests) == 1


def test_a_busy_api_server_is_asked_again(tried: Tried, monkeypatch):
    monkeypatch.setattr(polling, "PAUSE", 0.0)
    tried.answers += [(503, '{"message": "busy"}'), (429, ""), (200, "no JSON")]
    wait(kubeconfig(tried.url, token="t"))
    assert len(tried.requests) == 3 + IN_A_ROW


@pytest.mark.cases(("config", "reason"), {
    "path": ("~/.kube/config", "TypeError"),
    "empty": ("{}", "KeyError"),
    "command fails": (command("sh", "-c", "echo token; echo expired >&2; exit 255"),
        "sh returned 255: expired"),
    "command without JSON": (command("echo", "no JSON"), "JSONDecodeError"),
    "no user": (kubeconfig().replace(', "user": "deployer"}', "}"), "KeyError: 'user'"),
    "no certificate": (kubeconfig(**{"client-certificate": "/none", "client-key": "/none"}),
        "No such file"),
})  # fmt: skip
def test_a_kubeconfig_that_cannot_be_used_ends_in_one_line(config: str, reason: str):
    text = refusal(wait, config, raised=TrialError)
    assert reason in text
    assert text.startswith("cannot be tried: the kubeconfig cannot be used (")
    assert text.endswith("; give the text of the cluster's, or leave it out for no wait")


def test_what_does_not_answer_in_time_is_named(monkeypatch):
    """It is not the webhook's fault."""
    monkeypatch.setattr(polling, "TIMEOUT", 0.5)
    with pytest.raises(TrialError, match=r"^cannot be tried: the API server did "):
        wait(kubeconfig(token="t"))
    monkeypatch.setattr(polling, "TIMEOUT", 0.1)
    with pytest.raises(TrialError, match=r"be used \(TimeoutError: no end after 0 s\)"):
        wait(command("sleep", "20"))


@pytest.mark.cases("head", {"head": b"", "body of a refusal": b"HTTP/1.0 403 Forbidden\r\n\r\n"})
def test_an_answer_that_never_ends_is_left(monkeypatch: pytest.MonkeyPatch, head: bytes):
    """Each byte begins a time-out of the connection anew."""
    monkeypatch.setattr(polling, "TIMEOUT", 2)
    monkeypatch.setattr(trial_pods, "REQUEST_TIMEOUT", 0.2)
    ended = threading.Event()

    class Slow(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.sendall(head)
            while not ended.wait(0.05):
                self.request.sendall(b"H")

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Slow) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with pytest.raises(TrialError, match=r"did not answer: TimeoutError\('no end after"):
            wait(kubeconfig(f"http://127.0.0.1:{server.server_address[1]}", token="t"))
        ended.set()
        server.shutdown()
