"""Runs a command as a workload's Pod: what `kubectl exec` does where containers run."""

import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Any

import lightkube
from lightkube.core.exceptions import ApiError
from lightkube.resources.apps_v1 import Deployment, ReplicaSet
from lightkube.resources.core_v1 import Pod

from sandbox.pod_process import pod_process
from sandbox.pod_status import waiting_reason

NOT_FOUND_CODE = 127  # what shells end with when there is no such command
SIGNAL_CODE = 128  # plus the signal's number, when one ended the command
REVISION_ANNOTATION = "deployment.kubernetes.io/revision"

Json = dict[str, Any]


def note_to_stderr(text: str) -> None:
    """Tell the user something that is not the command's output."""
    print(f"sandbox: {text}", file=sys.stderr)


def exec_in_pod(
    client: lightkube.Client,
    folder: Path,
    namespace: str,
    workload: str,
    command: Sequence[str],
    *,
    extra_env: Mapping[str, str],
    container: str | None = None,
    on_note: Callable[[str], None] = note_to_stderr,
) -> int:
    """Run `command` with the environment and volumes of a running Pod; return its exit code.

    `workload` is the name of a Deployment or of a Pod. Raises `LookupError` when there is no such
    running Pod or container.
    """
    pod = find_pod(client, namespace, workload)
    with pod_process(
        client, folder, pod, container=container, extra_env=extra_env, on_note=on_note
    ) as process:
        arguments = [process.local(argument) for argument in command]
        program = shutil.which(arguments[0], path=process.env["PATH"])
        if program is None:
            on_note(f"{arguments[0]}: no such command on this machine")
            return NOT_FOUND_CODE
        return _run([program, *arguments[1:]], process.env)


def _run(command: list[str], env: Mapping[str, str]) -> int:
    with subprocess.Popen(command, env=env) as child:
        while True:
            try:
                code = child.wait()
            except KeyboardInterrupt:
                continue  # the terminal sent it to the command too, which decides what to do
            return SIGNAL_CODE - code if code < 0 else code


def find_pod(client: lightkube.Client, namespace: str, workload: str) -> Json:
    """The running Pod of a Deployment's newest revision that has one, or the Pod of that name.

    Raises `LookupError` with the Pod's own reason when none is running.
    """
    where = f"namespace {namespace!r}"
    pods = [pod.to_dict() for pod in client.list(Pod, namespace=namespace)]
    deployment = _get(client, namespace, workload)
    if deployment is None:
        candidates = [pod for pod in pods if pod["metadata"]["name"] == workload]
        if not candidates:
            raise LookupError(f"{where} has no Deployment or Pod {workload!r}")
    else:
        revisions = _revisions(client, namespace, deployment["metadata"]["uid"])
        candidates = [pod for pod in pods if _owner(pod) in revisions]
        candidates.sort(key=lambda pod: revisions[_owner(pod)], reverse=True)
    for pod in candidates:
        if pod["status"].get("phase") == "Running" and "deletionTimestamp" not in pod["metadata"]:
            return pod
    raise LookupError(f"{workload!r} in {where} has no running Pod{_why(candidates)}")


def _get(client: lightkube.Client, namespace: str, name: str) -> Json | None:
    try:
        return client.get(Deployment, name, namespace=namespace).to_dict()
    except ApiError as error:
        if error.status.code == HTTPStatus.NOT_FOUND:
            return None
        raise


def _revisions(client: lightkube.Client, namespace: str, deployment: str) -> dict[str, int]:
    """Revision by uid of each of the Deployment's ReplicaSets."""
    replica_sets = [rs.to_dict() for rs in client.list(ReplicaSet, namespace=namespace)]
    return {
        rs["metadata"]["uid"]: int(
            rs["metadata"].get("annotations", {}).get(REVISION_ANNOTATION, 0)
        )
        for rs in replica_sets
        if _owner(rs) == deployment
    }


def _owner(obj: Json) -> str:
    for reference in obj["metadata"].get("ownerReferences", ()):
        if reference.get("controller"):
            return reference["uid"]
    return ""


def _why(pods: Sequence[Json]) -> str:
    for pod in pods:
        if reason := waiting_reason(pod):
            return f": {pod['metadata']['name']} waits, {reason[0]}: {reason[1]}"
    return ""
