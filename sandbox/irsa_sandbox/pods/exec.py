"""Runs a command as a workload's Pod: what `kubectl exec` does where containers run."""

import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import lightkube
from lightkube.resources.apps_v1 import Deployment, ReplicaSet
from lightkube.resources.core_v1 import Pod

from ..json_types import Json
from .process import pod_process
from .status import waiting_reason

NOT_FOUND_CODE = 127  # what shells end with when there is no such command
SIGNAL_CODE = 128  # plus the signal's number, when one ended the command
REVISION_ANNOTATION = "deployment.kubernetes.io/revision"


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
    agent: str | None = None,
    container: str | None = None,
    on_note: Callable[[str], None] = note_to_stderr,
) -> int:
    """Run `command` with the environment and volumes of a running Pod; return its exit code.

    `workload` is the name of a Deployment or of a Pod. Raises `LookupError` when there is no such
    running Pod or container, `PodNotReady` when a source of its environment is gone, and
    `httpx2.HTTPError` when the API does not answer.
    """
    pod = find_pod(client, namespace, workload)
    with pod_process(
        client,
        folder,
        pod,
        container=container,
        extra_env=extra_env,
        agent=agent,
        on_note=on_note,
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
    """The running Pod of a Deployment's newest revision that has one, of another controller, or
    the Pod of that name.

    Raises `LookupError` with the Pod's own reason when none is running.
    """
    where = f"namespace {namespace!r}"
    pods = _all(client, Pod, namespace)
    deployments = {d["metadata"]["name"]: d for d in _all(client, Deployment, namespace)}
    if workload in deployments:
        replica_sets = _all(client, ReplicaSet, namespace)
        revisions = _revisions(deployments[workload], replica_sets)
        candidates = [pod for pod in pods if _owner(pod) in revisions]
        candidates.sort(key=lambda pod: revisions[_owner(pod)], reverse=True)
    else:
        candidates = [
            pod for pod in pods if workload in (pod["metadata"]["name"], _owner(pod, "name"))
        ]
        if not candidates:
            names = ", ".join(sorted(deployments)) or "no Deployment at all"
            raise LookupError(f"{where} has no Deployment or Pod {workload!r}; it has {names}")
    for pod in candidates:
        if pod["status"].get("phase") == "Running" and "deletionTimestamp" not in pod["metadata"]:
            return pod
    raise LookupError(f"{workload!r} in {where} has no running Pod{_waiting_reason(candidates)}")


def _all(
    client: lightkube.Client, kind: type[Pod | Deployment | ReplicaSet], namespace: str
) -> list[Json]:
    return [found.to_dict() for found in client.list(kind, namespace=namespace)]


def _revisions(deployment: Json, replica_sets: Sequence[Json]) -> dict[str, int]:
    """Revision by uid of each of the Deployment's ReplicaSets."""
    return {
        found["metadata"]["uid"]: int(found["metadata"]["annotations"][REVISION_ANNOTATION])
        for found in replica_sets
        if _owner(found) == deployment["metadata"]["uid"]
    }


def _owner(obj: Json, key: str = "uid") -> str:
    for reference in obj["metadata"].get("ownerReferences", ()):
        if reference.get("controller"):
            return reference[key]
    return ""


def _waiting_reason(pods: Sequence[Json]) -> str:
    for pod in pods:
        if reason := waiting_reason(pod):
            return f": {pod['metadata']['name']} waits, {reason[0]}: {reason[1]}"
    return ""
