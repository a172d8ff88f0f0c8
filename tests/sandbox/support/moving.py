"""Pods of a workload that call AWS all the time, while the workload moves."""

import contextlib
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

from lightkube.core.exceptions import ApiError
from lightkube.resources.core_v1 import Pod

from irsa_sandbox.pods.process import pod_process
from irsa_sandbox.state import cluster_client
from tests.sandbox.support.sdk_programs import SOURCES
from tests.sandbox.support.workload import NAME, Workload

CALLS = int(os.environ.get("MOVE_CALLS", "120"))
"""Calls that a move there and back is to last at least."""
PAUSE = "0.1"  # seconds between the calls of a Pod


class Traffic:
    """A process of a real SDK in each Pod, which starts and ends with its Pod."""

    def __init__(self, workload: Workload) -> None:
        self._workload = workload
        self._pods: dict[str, contextlib.ExitStack] = {}
        self.stopping = threading.Event()
        self.lines: list[str] = []

    @property
    def failed(self) -> list[str]:
        return [line for line in self.lines if line != "ok"]

    def run(self) -> None:
        with cluster_client(self._workload.session.state) as client:
            while not self.stopping.wait(0.05):
                self._follow(client)
            for each in self._pods.values():
                each.close()

    def _follow(self, client: Any) -> None:
        listed = [pod.to_dict() for pod in client.list(Pod, namespace=self._workload.namespace)]
        running = {
            pod["metadata"]["name"]: pod
            for pod in listed
            if pod["status"].get("phase") == "Running"
            and "deletionTimestamp" not in pod["metadata"]
            and pod["spec"]["serviceAccountName"] == NAME
        }
        for name in self._pods.keys() - running.keys():
            self._pods.pop(name).close()
        for name in running.keys() - self._pods.keys():
            with contextlib.suppress(ApiError):  # gone already
                self._pods[name] = self._started(client, running[name])

    def _started(self, client: Any, pod: Any) -> contextlib.ExitStack:
        pods = self._workload.session.state.pods()
        with contextlib.ExitStack() as opened:
            laid_out = pod_process(client, pod=pod, on_note=lambda _: None, **pods)
            process = opened.enter_context(laid_out)
            lister = [sys.executable, SOURCES / "lister.py"]
            command = [*lister, self._workload.bucket, PAUSE]
            child = subprocess.Popen(command, env=process.env, stdout=subprocess.PIPE, text=True)
            reader = threading.Thread(target=self._read, args=[child])
            reader.start()
            opened.callback(reader.join)
            opened.callback(child.terminate)
            return opened.pop_all()

    def _read(self, child: subprocess.Popen[str]) -> None:
        with child:
            for line in child.stdout or ():
                self.lines.append(line.strip())


@contextlib.contextmanager
def traffic(workload: Workload) -> Iterator[Traffic]:
    """Calls of all Pods of a workload, for the time of the context."""
    own = Traffic(workload)
    thread = threading.Thread(target=own.run)
    thread.start()
    try:
        yield own
    finally:
        own.stopping.set()
        thread.join()
