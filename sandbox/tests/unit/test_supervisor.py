"""The sandbox watches over all its parts and ends with the first that does.

The processes of the control plane: sandbox/tests/unit/kubernetes/test_control_plane.py. A whole
sandbox: tests/sandbox/test_lifecycle.py.
"""

import os
import threading
from types import SimpleNamespace

import httpx2
import pytest

from irsa_sandbox import supervisor
from irsa_sandbox.kubernetes.authenticator import Authenticator
from irsa_sandbox.kubernetes.kubelet import Kubelet
from irsa_sandbox.kubernetes.kubelet_exec import ExecServer
from irsa_sandbox.providers.eks.server import EksServer
from irsa_sandbox.providers.server import ProviderServer
from irsa_sandbox.serving.certificates import Authority
from irsa_sandbox.state import ENDED_FILE, SandboxError, load
from irsa_sandbox.supervisor import Cancelled, Ending
from irsa_sandbox.webhook.server import WebhookServer
from tests.sandbox.support.cluster import eventually
from tests.support.fake_kubernetes import client_of, status


def authenticator(tmp_path):
    made = Authenticator(folder=tmp_path, authority=Authority.create(tmp_path), account="1")
    return made, lambda: made.start(
        proxy="http://127.0.0.1:1", administrators=frozenset(), clusters=list
    )


def webhook(tmp_path):
    client = client_of(lambda request: status(403, "no"))
    made = WebhookServer(authority=Authority.create(tmp_path), client=client, region="us-east-1")
    return made, made._server.start


def provider(tmp_path):
    made = ProviderServer(SimpleNamespace(name="aws"))
    return made, made.start


def eks_provider(tmp_path):
    made = EksServer()
    return made, made.start


@pytest.mark.parametrize(
    ("part", "ended"),
    [
        (authenticator, "the authenticator ended"),
        (webhook, "the pod-identity-webhook ended"),
        (provider, "the aws provider ended"),
        (eks_provider, "the eks provider ended"),
    ],
)
def test_a_server_says_that_it_has_ended(tmp_path, part, ended):
    made, start = part(tmp_path)
    start()
    try:
        assert made.ended() is None
    finally:
        made.stop()

    assert eventually(made.ended) == ended


def test_the_kubelet_says_that_it_has_ended(tmp_path):
    def api(request: httpx2.Request) -> httpx2.Response:
        return status(403, "no") if request.method == "GET" else httpx2.Response(201, json={})

    exec_server = ExecServer(
        authority=Authority.create(tmp_path),
        client=client_of(api),
        folder=tmp_path / "pods",
        extra_env={},
    )
    kubelet = Kubelet(client_of(api), exec_server)
    kubelet.start()
    assert kubelet.ended() is None

    kubelet.stop()

    assert eventually(kubelet.ended).startswith("the kubelet ended (thread kubelet-")


def test_what_ended_is_kept_for_status(tmp_path, monkeypatch):
    monkeypatch.setattr(supervisor, "WATCH_EVERY", 0.01)
    answers = iter([None, None, "etcd was killed by signal 9"])

    code = supervisor._watch(tmp_path, [lambda: None, lambda: next(answers)], Ending())

    assert code == 1
    assert (tmp_path / ENDED_FILE).read_text() == "etcd was killed by signal 9"
    with pytest.raises(
        SandboxError, match="ended: etcd was killed by signal 9; `python -m irsa_sand"
    ):
        load(tmp_path)


def test_a_sandbox_that_is_stopped_leaves_no_reason(tmp_path, monkeypatch):
    monkeypatch.setattr(supervisor, "WATCH_EVERY", 0.01)
    ending = Ending()
    ending.starting = False
    threading.Timer(0.1, ending).start()

    assert supervisor._watch(tmp_path, [lambda: None], ending) == 0

    assert list(tmp_path.iterdir()) == []


def test_a_signal_interrupts_a_start_once_and_nothing_later():
    ending = Ending()
    with pytest.raises(Cancelled):
        ending()
    ending()  # while what has started is being stopped

    ready = Ending()
    ready.starting = False
    ready()
    assert ready.wait(0.01)


@pytest.mark.parametrize(
    ("start", "said", "told"),
    [
        (lambda ending: ending(), "the start was cancelled", []),
        (lambda ending: 1 / 0, "the sandbox did not start", ["error: division by zero"]),
    ],
    ids=["cancelled", "failed"],
)
def test_a_cancelled_start_is_no_failure(tmp_path, monkeypatch, caplog, start, said, told):
    ending = Ending()
    heard: list[str] = []
    monkeypatch.setattr(supervisor, "Ending", lambda: ending)
    monkeypatch.setattr(supervisor, "_start", lambda *_: start(ending))
    monkeypatch.setattr(supervisor, "reaper", lambda _: None)
    monkeypatch.setattr(supervisor, "_tell", heard.append)
    monkeypatch.setattr(supervisor.signal, "signal", lambda *_: None)
    monkeypatch.setattr(supervisor.logging, "basicConfig", lambda **_: None)
    caplog.set_level("INFO", "sandbox")
    reading, writing = os.pipe()

    assert supervisor.main(tmp_path, tmp_path, tmp_path, [], reading) == 1

    ending.starting = False  # or the starter's end, here, would be a signal to this process
    os.close(writing)
    [record] = caplog.records
    assert (record.getMessage(), bool(record.exc_info), heard) == (said, bool(told), told)
