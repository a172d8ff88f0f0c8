"""Lock of a service account: an annotation that names the role of its move, and who makes it."""

import os
import re
import socket
import time
from typing import Any

from irsa.move.changes import Stopped, permitted
from irsa.move.facts import Move
from irsa.observe.facts import ServiceAccount
from irsa.observe.kubernetes import Cluster

LOCK = "irsa/move"
"""Key of the annotation, and the field manager that writes it: its time is not the role's."""
LEASE = 900.0
"""Seconds after which a lock ends that is not renewed: longer than a rollout without progress."""
_HELD = re.compile(r"(?P<role>\S+) (?P<host>\S+) (?P<process>\d{1,9}) (?P<until>\d+)")


def begun(account: ServiceAccount) -> str:
    """Return the role of a move that has not ended; empty for none."""
    held = _HELD.fullmatch(account.annotations.get(LOCK, ""))
    return held["role"] if held else ""


def hold(cluster: Cluster, move: Move, seconds: float | None = LEASE) -> None:
    """Lock the service account for so long, or unlock it with 0; None ends the move.

    Of two writes by what was read at one time the API server refuses the second.
    """
    from lightkube.resources.core_v1 import ServiceAccount as Kind
    from lightkube.types import PatchType

    (namespace, name), host, process = move.facts.account, socket.gethostname(), os.getpid()
    with permitted(f"service account {move.title}", "patch on serviceaccounts"):
        found: Any = cluster.client.get(Kind, name, namespace=namespace).metadata
        annotations: dict[str, str] = found.annotations or {}
        held = _HELD.fullmatch(annotations.get(LOCK, ""))
        if held and int(held["until"]) > time.time() and _is_another(held["host"], held["process"]):
            by = f"process {held['process']} of {held['host']} moves it"
            raise Stopped(f"service account {move.title}: {by}; run it again when that has ended")
        until = time.time() + seconds if seconds else 0
        own = None if seconds is None else f"{move.role.arn} {host} {process} {until:.0f}"
        body = {"resourceVersion": found.resourceVersion, "annotations": {LOCK: own}}
        options: Any = {"patch_type": PatchType.MERGE, "field_manager": LOCK}
        cluster.client.patch(Kind, name, {"metadata": body}, namespace=namespace, **options)


def _is_another(host: str, process: str) -> bool:
    """Return False for this process, and for one of this host that has ended."""
    if host != socket.gethostname() or process == str(os.getpid()):
        return host != socket.gethostname()
    try:
        os.kill(int(process), 0)
    except OSError as error:
        return not isinstance(error, ProcessLookupError)
    return True
