"""The providers' ports serve the sandbox's own user."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from irsa_sandbox.providers.eks.server import EksServer
from irsa_sandbox.providers.kubernetes import provider as kubernetes
from irsa_sandbox.providers.server import ProviderServer
from irsa_sandbox.serving import owner_port
from tests.sandbox.support import stranger
from tests.sandbox.support.provider_harness import refused, serving
from tests.support.paths import ROOT
from tests.support.trial_pods import command, kubeconfig


@pytest.fixture(
    params=[EksServer, lambda: ProviderServer(kubernetes.package({}))], ids=["eks", "kubernetes"]
)
def port(request: pytest.FixtureRequest) -> Iterator[int]:
    server = request.param()
    server.start()
    yield server.port
    server.stop()


def test_another_user_is_refused_every_call_and_nothing_runs(port: int, monkeypatch, tmp_path):
    """A real one where root runs the tests; elsewhere this process, for which the port is told
    another owner, because only root can change its user."""
    if os.geteuid() != 0:
        monkeypatch.setattr(owner_port, "uid_of_peer", lambda _: stranger.NOBODY)
    mark = tmp_path / "mark"
    config = {"kubeconfig": command("sh", "-c", f"id > {mark}")}
    done = subprocess.run(
        [sys.executable, "-m", "tests.sandbox.support.stranger"],
        input=json.dumps({"port": port, "config": config}),
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    answers = json.loads(done.stdout)
    assert [*answers] == [method.name for method in stranger.SERVICE.methods]
    assert {status for status, _ in answers.values()} == {"UNAVAILABLE"}
    assert not mark.exists()


def test_a_peer_of_an_unknown_user_is_refused(port: int, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(owner_port, "uid_of_peer", lambda _: None)
    assert {status for status, _ in stranger.answers(port, {}).values()} == {"UNAVAILABLE"}


def test_a_kubeconfig_is_not_read_by_its_path(tmp_path: Path):
    file = tmp_path / "kubeconfig"
    file.write_text(kubeconfig(token="secret"))
    with serving(kubernetes.package({})) as provider:
        line = refused(provider.configured, kubeconfig=str(file))
    assert line.endswith("the sandbox reads no other file")
