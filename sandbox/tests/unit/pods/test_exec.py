"""Commands in a Pod: exit codes, paths, and Pods in which none can run."""

from collections.abc import Callable
from typing import Any

import httpx2
import pytest

from irsa_sandbox.pods.exec import exec_in_pod
from tests.support.fake_kubernetes import client_of
from tests.support.fake_pods import POD, TOKEN_PATH, Api


@pytest.fixture
def notes() -> list[str]:
    return []


def cluster_with(*pods: dict[str, Any], deployments: int = 0) -> Callable[..., httpx2.Response]:
    """An API server with Pods, and Deployments named ``d1`` and so on without Pods."""

    def api(request: httpx2.Request) -> httpx2.Response:
        kind = request.url.path.rpartition("/")[2]
        spec = {"selector": {}, "template": {}}
        named = [
            {"metadata": {"name": f"d{n}", "uid": f"d{n}"}, "spec": spec}
            for n in range(1, deployments + 1)
        ]
        items = {"pods": list(pods), "deployments": named, "replicasets": []}
        if kind in items:
            return httpx2.Response(200, json={"metadata": {}, "items": items[kind]})
        return Api()(request)

    return api


def exec_with(tmp_path, notes, api, command: list[str], workload: str = "s3-app-1") -> int:
    return exec_in_pod(
        client_of(api), tmp_path, "dev", workload, command, extra_env={}, on_note=notes.append
    )


@pytest.mark.parametrize(
    ("script", "code"), [("exit 0", 0), ("exit 7", 7), ("kill -TERM $$", 143), ("kill -9 $$", 137)]
)
def test_the_commands_exit_code_is_passed_on(tmp_path, notes, script, code):
    assert exec_with(tmp_path, notes, cluster_with(POD), ["sh", "-c", script]) == code


def test_mount_paths_in_the_command_are_mapped(tmp_path, notes, capfd):
    assert exec_with(tmp_path, notes, cluster_with(POD), ["cat", f"{TOKEN_PATH}/token"]) == 0
    assert capfd.readouterr().out == "token-1"


def test_a_command_that_is_not_there_is_told(tmp_path, notes):
    assert exec_with(tmp_path, notes, cluster_with(POD), ["no-such-command"]) == 127
    assert notes[-1] == "no-such-command: no such command on this machine"


def pending(message: str) -> dict[str, Any]:
    waiting = {"waiting": {"reason": "ContainerCreating", "message": message}}
    statuses = [{"name": "app", "image": "", "imageID": "", "ready": False, "restartCount": 0}]
    return {
        **POD,
        "status": {"phase": "Pending", "containerStatuses": [{**statuses[0], "state": waiting}]},
    }


TERMINATING = {
    **POD,
    "metadata": {**POD["metadata"], "deletionTimestamp": "2026-01-01T00:00:00Z"},
}


@pytest.mark.parametrize(
    ("pods", "workload", "message"),
    [
        ([], "x", "namespace 'dev' has no Deployment or Pod 'x'; it has d1, d2"),
        ([POD], "s3-app", "namespace 'dev' has no Deployment or Pod 's3-app'; it has d1, d2"),
        ([POD], "d1", "'d1' in namespace 'dev' has no running Pod"),
        ([TERMINATING], "s3-app-1", "'s3-app-1' in namespace 'dev' has no running Pod"),
        (
            [pending('configmap "aws" not found')],
            "s3-app-1",
            (
                "'s3-app-1' in namespace 'dev' has no running Pod: "
                's3-app-1 waits, ContainerCreating: configmap "aws" not found'
            ),
        ),
    ],
    ids=["nothing", "other-pod", "no-pods", "terminating", "pending"],
)
def test_a_workload_without_a_running_pod_is_refused(tmp_path, notes, pods, workload, message):
    with pytest.raises(LookupError) as refused:
        exec_with(tmp_path, notes, cluster_with(*pods, deployments=2), ["true"], workload)
    assert str(refused.value) == message
    assert list(tmp_path.iterdir()) == []
