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


def cluster_with(*pods: dict[str, Any]) -> Callable[..., httpx2.Response]:
    """An API server with Pods, and the Deployments ``d1`` and ``d2`` without Pods."""

    def api(request: httpx2.Request) -> httpx2.Response:
        kind = request.url.path.rpartition("/")[2]
        spec = {"selector": {}, "template": {}}
        deployments = [{"metadata": {"name": n, "uid": n}, "spec": spec} for n in ("d1", "d2")]
        items = {"pods": [*pods], "deployments": deployments, "replicasets": []}
        if kind in items:
            return httpx2.Response(200, json={"metadata": {}, "items": items[kind]})
        return Api()(request)

    return api


def exec_with(tmp_path, notes, api, command: list[str], workload: str = "s3-app-1") -> int:
    return exec_in_pod(
        client_of(api), tmp_path, "dev", workload, command, extra_env={}, on_note=notes.append
    )


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (["sh", "-c", "exit 7"], 7),
        (["sh", "-c", "kill -TERM $$"], 143),
        (["no-such-command"], 127),
        (["cat", f"{TOKEN_PATH}/token"], 0),  # its path is mapped
    ],
)
def test_the_commands_output_and_exit_code_are_passed_on(tmp_path, notes, capfd, command, code):
    assert exec_with(tmp_path, notes, cluster_with(POD), command) == code
    assert capfd.readouterr().out == ("token-1" if code == 0 else "")
    if code == 127:
        assert notes[-1] == "no-such-command: no such command on this machine"


@pytest.mark.parametrize(
    ("pods", "workload", "message"),
    [
        ([], "x", "namespace 'dev' has no Deployment or Pod 'x'; it has d1, d2"),
        ([POD], "s3-app", "namespace 'dev' has no Deployment or Pod 's3-app'; it has d1, d2"),
        ([POD], "d1", "'d1' in namespace 'dev' has no running Pod"),
        (
            [{**POD, "metadata": {**POD["metadata"], "deletionTimestamp": "2026-01-01T00:00:00Z"}}],
            "s3-app-1",
            "'s3-app-1' in namespace 'dev' has no running Pod",
        ),
        (
            [
                {
                    **POD,
                    "status": {
                        "phase": "Pending",
                        "containerStatuses": [
                            {
                                "name": "app",
                                "image": "",
                                "imageID": "",
                                "ready": False,
                                "restartCount": 0,
                                "state": {
                                    "waiting": {
                                        "reason": "ContainerCreating",
                                        "message": 'configmap "aws" not found',
                                    }
                                },
                            }
                        ],
                    },
                }
            ],
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
        exec_with(tmp_path, notes, cluster_with(*pods), ["true"], workload)
    assert str(refused.value) == message
    assert list(tmp_path.iterdir()) == []
