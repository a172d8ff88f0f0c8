"""The API server's objects in etcd, read and restored as a whole.

To delete a namespace through the API takes the namespace controller, which lists every kind of
object in it, and waits for what has finalizers. Here the objects' keys are written as another API
server would write them: each change is an event on the watches of this one, so that its caches, the
controllers and the kubelet follow at once.
https://etcd.io/docs/v3.6/dev-guide/api_grpc_gateway/
"""

import logging
import time
from base64 import b64decode, b64encode
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx2

ROOT = b"/registry/"
END = b"/registry0"
"""The first key behind those that begin with ``ROOT``."""

CLOCKS = (b"/registry/leases/kube-system/apiserver-", b"/registry/peerserverleases/")
"""Prefixes of objects that the API server itself renews."""

EVENTS = b"/registry/events/"
"""These go with time on their own, so none comes back."""

OWNERS = tuple(
    b"/registry/" + kind
    for kind in (b"namespaces/", b"deployments/", b"replicasets/", b"services/specs/")
)

QUIET = 0.03  # seconds without a change, after which controllers are taken to be done
ROUNDS = 10
"""Attempts to restore an object that a controller changes again; then its change stays."""

Objects = Mapping[bytes, bytes]
"""The stored objects by their keys."""

log = logging.getLogger(__name__)


class Storage:
    """The objects of one control plane."""

    def __init__(self, socket: Path) -> None:
        """``socket`` is etcd's. Its path must be short enough for one."""
        self._etcd = httpx2.Client(
            transport=httpx2.HTTPTransport(uds=str(socket)), base_url="http://etcd"
        )
        self._quiet: Objects = {}
        """The objects of the last quiet reading."""

    def close(self) -> None:
        """Close the connections."""
        self._etcd.close()

    def read(self) -> Objects:
        """Every object, at one moment."""
        found = self._post("range", {"key": _text(ROOT), "range_end": _text(END)}).get("kvs", ())
        objects = {b64decode(each["key"]): b64decode(each["value"]) for each in found}
        return {key: value for key, value in objects.items() if not key.startswith(CLOCKS)}

    def read_quiet(self) -> Objects:
        """Every object, once no controller changes any more. Gives up waiting after some rounds."""
        objects = self.read()
        for _ in range(ROUNDS):
            if objects == self._quiet:
                break
            time.sleep(QUIET)
            self._quiet, objects = objects, self.read()
        return objects

    def restore(self, objects: Objects) -> None:
        """Restore the objects: delete new ones, and put the others back."""
        for _ in range(ROUNDS):
            state = self.read()
            differing = _differing(objects, state)
            if not differing:
                self._quiet = state
                return
            for key in differing:
                if key in objects:
                    change = {"requestPut": {"key": _text(key), "value": _text(objects[key])}}
                else:
                    change = {"requestDeleteRange": {"key": _text(key)}}
                # One at a time: the revision of a change is its version, and a client that resumes
                # a watch in the middle of two with one version would miss the second.
                self._post("txn", {"success": [change]})
            time.sleep(QUIET)
        log.warning("a controller insists on %s", sorted(_differing(objects, self.read())))

    def _post(self, what: str, body: Mapping[str, Any]) -> dict[str, Any]:
        return self._etcd.post(f"/v3/kv/{what}", json=body).raise_for_status().json()


def _differing(wanted: Objects, found: Objects) -> list[bytes]:
    """Keys that are not as wanted: what others depend on first, so that no controller makes it
    anew meanwhile."""
    new = [key for key in found if key not in wanted]
    old = [key for key in wanted if not key.startswith(EVENTS) and wanted[key] != found.get(key)]
    return sorted(new + old, key=lambda key: not key.startswith(OWNERS))


def _text(data: bytes) -> str:
    return b64encode(data).decode()
