"""Runs a command as a workload's Pod: what `kubectl exec` does where containers run."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import lightkube
from lightkube.resources.core_v1 import Pod

from irsa.commands.terminal import on_interrupt
from irsa.observe.pods import read_workloads
from irsa_core.identity.policy_json import Json

from .process import pod_process

NOT_FOUND_CODE = 127  # what shells end with when there is no such command
SIGNAL_CODE = 128  # plus the signal's number, when one ended the command


def note_to_stderr(text: str) -> None:
    """Tell the user something that is not the command's output."""
    print(f"sandbox: {text}", file=sys.stderr)


def exec_in_pod(
    client: lightkube.Client,
    namespace: str,
    workload: str,
    command: Sequence[str],
    *,
    on_note: Callable[[str], None] = note_to_stderr,
    **laid_out: Any,
) -> int:
    """Run `command` with the environment and volumes of a running Pod; return its exit code.

    `workload` is the name of a Deployment or of a Pod; `laid_out` goes to `pod_process`. Raises
    `LookupError` when there is no such running Pod or container, `PodNotReady` when a source of its
    environment is gone, and `httpx2.HTTPError` when the API does not answer.
    """
    pod = find_pod(client, namespace, workload)
    with pod_process(client, pod=pod, on_note=on_note, **laid_out) as process:
        arguments = [process.local(argument) for argument in command]
        program = shutil.which(arguments[0], path=process.env["PATH"])
        if program is None:
            on_note(f"{arguments[0]}: no such command on this machine")
            return NOT_FOUND_CODE
        return _run([program, *arguments[1:]], process.env)


def _run(command: list[str], env: Mapping[str, str]) -> int:
    """Run the command, which gets this process's signals and decides what to do."""
    started: list[subprocess.Popen[bytes]] = []
    early: list[int] = []

    def pass_on(number: int, _frame: object) -> None:
        # Ctrl-C in the terminal reaches the command, which has our group, by itself.
        is_here = os.isatty(0) and os.tcgetpgrp(0) == os.getpgrp()
        if not started:
            early.append(number)
        elif number != signal.SIGINT or not is_here:
            started[0].send_signal(number)

    with on_interrupt(pass_on), subprocess.Popen(command, env=env) as child:
        started.append(child)
        for number in early:
            pass_on(number, None)
        code = child.wait()
    return SIGNAL_CODE - code if code < 0 else code


def find_pod(client: lightkube.Client, namespace: str, workload: str) -> Json:
    """The running Pod of a Deployment, of its newest revision if that has one, or of another
    controller, or the Pod of that name.

    Raises `LookupError` with the Pod's own reason when none is running.
    """
    where, workloads = f"namespace {namespace!r}", read_workloads(client, namespace)
    pods = [pod for pod in workloads.pods if workload in (pod.name, pod.owner and pod.owner.name)]
    deployments = sorted(owner.name for owner in workloads.owners)
    if not pods and workload not in deployments:
        names = ", ".join(deployments) or "no Deployment at all"
        raise LookupError(f"{where} has no Deployment or Pod {workload!r}; it has {names}")
    for pod in sorted(pods, key=lambda pod: pod.outdated):
        if pod.phase == "Running" and not pod.ending:
            return client.get(Pod, pod.name, namespace=namespace).to_dict()
    waiting = (f": {pod.name} waits, {pod.reason}: {pod.message}" for pod in pods if pod.reason)
    raise LookupError(f"{workload!r} in {where} has no running Pod{next(waiting, '')}")
