"""Restoring etcd: the objects, their order, and those that are left to controllers."""

from base64 import b64decode, b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from irsa_sandbox.kubernetes import storage
from irsa_sandbox.kubernetes.storage import Storage

POD, DEPLOYMENT = b"/registry/pods/dev/app", b"/registry/deployments/dev/app"
SERVICE, ENDPOINTS = b"/registry/services/specs/dev/app", b"/registry/services/endpoints/dev/app"
NAMESPACE, SECRET = b"/registry/namespaces/dev", b"/registry/secrets/dev/key"


class Etcd(Storage):
    """etcd as a dict, with a controller that looks at it after each change."""

    def __init__(self, controller: Callable[[dict[bytes, bytes]], None] = lambda _: None) -> None:
        super().__init__(Path("/nowhere"))
        self.content: dict[bytes, bytes] = {NAMESPACE: b"1", SECRET: b"s"}
        self.changed: list[bytes] = []
        self._controller = controller

    def _post(self, what: str, body: Any) -> dict[str, Any]:
        if what == "range":
            pairs = sorted(self.content.items())
            return {"kvs": [{"key": b64encode(k), "value": b64encode(v)} for k, v in pairs]}
        [operation] = body["success"]
        [(kind, change)] = operation.items()
        key = b64decode(change["key"])
        self.changed.append(key)
        if kind == "requestPut":
            self.content[key] = b64decode(change["value"])
        else:
            del self.content[key]
        self._controller(self.content)
        return {}


@pytest.fixture(autouse=True)
def at_once(monkeypatch):
    monkeypatch.setattr(storage, "QUIET", 0.0)


def test_the_new_goes_and_the_rest_comes_back_dependencies_first():
    """Leases of the API server stay as they are, and events are gone."""
    etcd = Etcd()
    lease, event = b"/registry/leases/kube-system/apiserver-x", b"/registry/events/dev/a"
    before = {**etcd.content}
    etcd.content |= {lease: b"1", event: b"old"}
    read = etcd.read()
    del etcd.content[SECRET]
    new = {POD: b"new", DEPLOYMENT: b"d", ENDPOINTS: b"e", SERVICE: b"s"}
    etcd.content |= {NAMESPACE: b"2", lease: b"2", **new}
    etcd.content[b"/registry/events/dev/b"] = etcd.content.pop(event)
    etcd.restore(read)
    assert etcd.content == {**before, lease: b"2"}
    order = [key for key in etcd.changed if key in (NAMESPACE, *new)]
    assert order == [DEPLOYMENT, SERVICE, NAMESPACE, POD, ENDPOINTS]


def test_a_late_controller_is_put_right_and_one_that_insists_is_noted(caplog):
    late = iter([{POD: b"straggler"}])
    for controller, left in (
        (lambda content: content.update(next(late, {})), {}),
        (lambda content: content.update({POD: b"mine"}), {POD: b"mine"}),
    ):
        etcd = Etcd(controller)
        before = etcd.read()
        etcd.content[DEPLOYMENT] = b"d"
        assert caplog.text == ""
        etcd.restore(before)
        assert etcd.content == {**before, **left}
    assert f"a controller insists on [{POD!r}]" in caplog.text


def test_a_snapshot_waits_for_controllers_but_not_for_ever():
    numbers = iter(range(100))
    etcd = Etcd()
    reads = etcd.read

    def busy() -> Any:
        etcd.content[POD] = str(min(next(numbers), 3)).encode()
        return reads()

    etcd.read = busy
    assert etcd.read_quiet()[POD] == b"3"
    etcd.read = lambda: {POD: str(next(numbers)).encode()}
    assert etcd.read_quiet()
