"""Commands in a Pod: exit codes, paths, and Pods in which none can run."""

import httpx2
import pytest

from irsa_sandbox.pods.exec import exec_in_pod
from tests.support.fake_kubernetes import client_of
from tests.support.fake_pods import POD, TOKEN_PATH, Api
from tests.support.refusal import refusal

POD = {**POD, "metadata": {**POD["metadata"], "creationTimestamp": "2026-01-01T00:00:00Z"}}
LEAVING = {**POD, "metadata": {**POD["metadata"], "deletionTimestamp": "2026-01-01T00:00:00Z"}}
NO_CONFIG = {"reason": "ContainerCreating", "message": 'configmap "aws" not found'}
APP = {"name": "app", "image": "", "imageID": "", "ready": False, "restartCount": 0}
PHASE = {"phase": "Pending", "containerStatuses": [{**APP, "state": {"waiting": NO_CONFIG}}]}
NONE, CAUSE = "'s3-app-1' in namespace 'dev' has no running Pod", ": ".join(NO_CONFIG.values())


def execute(tmp_path, notes, pods, command, name="s3-app-1") -> int:
    """Run a command where there are these Pods, and the Deployments ``d1`` and ``d2``."""

    def api(request: httpx2.Request) -> httpx2.Response:
        kind = request.url.path.rpartition("/")[2]
        spec = {"selector": {}, "template": {}}
        deployments = [{"metadata": {"name": n, "uid": n}, "spec": spec} for n in ("d1", "d2")]
        items = {"pods": pods, "deployments": deployments, "replicasets": []}
        if (name, kind) == (POD["metadata"]["name"], name):
            return httpx2.Response(200, json=POD)
        if kind in items:
            return httpx2.Response(200, json={"metadata": {}, "items": items[kind]})
        return Api()(request)

    client = client_of(api)
    return exec_in_pod(client, "dev", name, command, folder=tmp_path, on_note=notes.append)


@pytest.mark.cases(("command", "code", "output", "note"), {
    "exit code": (["sh", "-c", "exit 7"], 7, "", "mount paths"),
    "signal": (["sh", "-c", "kill -TERM $$"], 143, "", "mount paths"),
    # To `exec` alone; the command decides.
    "kill of exec": (["sh", "-c", "kill -TERM $PPID; exec sleep 600"], 143, "", "mount paths"),
    "closed terminal": (["sh", "-c", "kill -HUP $PPID; exec sleep 600"], 129, "", "mount paths"),
    "Ctrl-C that is trapped": (["sh", "-c", "trap 'exit 7' INT; kill -INT $PPID; sleep 1"], 7, "",
        "mount paths"),
    "unknown": (["no-such-command"], 127, "", "no-such-command: no such command on this machine"),
    "file of a mapped path": (["cat", f"{TOKEN_PATH}/token"], 0, "token-1", "mount paths"),
})  # fmt: skip
def test_output_and_exit_code_are_passed_on(tmp_path, capfd, command, code, output, note):
    notes: list[str] = []
    assert execute(tmp_path, notes, [POD], command) == code
    assert capfd.readouterr().out == output
    assert notes[-1].startswith(note)


@pytest.mark.cases(("pods", "name", "message"), {
    "no Pods": ([], "x", "namespace 'dev' has no Deployment or Pod 'x'; it has d1, d2"),
    "beginning of a Pod's name": ([POD], "s3-app",
        "namespace 'dev' has no Deployment or Pod 's3-app'; it has d1, d2"),
    "Deployment without Pods": ([POD], "d1", "'d1' in namespace 'dev' has no running Pod"),
    "Pod being deleted": ([LEAVING], "s3-app-1", NONE),
    "Pod that waits": ([{**POD, "status": PHASE}], "s3-app-1", f"{NONE}: s3-app-1 waits, {CAUSE}"),
})  # fmt: skip
def test_a_workload_without_a_running_pod_is_refused(tmp_path, pods, name, message):
    assert refusal(execute, tmp_path, [], pods, ["true"], name, raised=LookupError) == message
    assert list(tmp_path.iterdir()) == []
