"""A workload `reports` in a namespace `acme`, beside others, with data that outlives it."""

import copy
import time
from http import HTTPStatus
from typing import Any

import pytest
from lightkube.core.exceptions import ApiError
from lightkube.resources.core_v1 import Namespace

from sandbox.engine.project import read_settings
from sandbox.engine.stack import ROOT
from sandbox.state import SandboxError

BUCKET = "acme-reports"
NAMESPACES = [{"name": "dev", "forceDestroy": True}, {"name": "acme"}]


def reports(**changes: Any) -> dict[str, Any]:
    """A workload of namespace `acme` with a bucket that outlives it."""
    workload = {
        "name": "reports",
        "namespace": "acme",
        "bucket": {"name": BUCKET, "permissions": "full"},
        "container": {"image": "app"},
    }
    return {name: value for name, value in {**workload, **changes}.items() if value is not None}


def with_workloads(*more: dict[str, Any], namespaces: Any = NAMESPACES) -> dict[str, Any]:
    """Two of the example's workloads, which share a bucket, and further ones."""
    example = copy.deepcopy(read_settings(ROOT)["irsa:workloads"])
    two = [workload for workload in example if workload["name"] in ("s3-app", "s3-app-key")]
    return {"irsa:namespaces": namespaces, "irsa:workloads": [*two, *more]}


NEIGHBOURS = with_workloads(namespaces=NAMESPACES[:1])
"""What is up before and after each test."""


def refusal(stack: Any) -> str:
    """The one line with which a preview ends."""
    with pytest.raises(SandboxError) as raised:
        stack.preview()
    assert "\n" not in str(raised.value)
    assert "has terminated, shutting down" not in str(raised.value), raised.value.__cause__
    return str(raised.value)


def there(session: Any, kind: Any, name: str, namespace: str | None = None) -> bool:
    try:
        session.cluster.get(kind, name, namespace=namespace)
    except ApiError as error:
        if error.status.code != HTTPStatus.NOT_FOUND:
            raise
        return False
    return True


def uids(session: Any, kind: Any, namespace: str) -> set[str]:
    return {found.metadata.uid for found in session.cluster.list(kind, namespace=namespace)}


def delete_namespace(session: Any, name: str) -> None:
    """Delete a namespace, if it is there, and wait until it is gone."""
    if there(session, Namespace, name):
        session.cluster.delete(Namespace, name)
    deadline = time.monotonic() + 60
    while there(session, Namespace, name):
        assert time.monotonic() < deadline, f"namespace {name} is not gone"
        time.sleep(0.2)
