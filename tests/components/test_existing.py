"""The hooks that look up what exists: what they ask, and what they refuse (F6)."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import grpc
import pulumi
import pytest
from pulumi import ResourceHookArgs
from pulumi.runtime.proto.provider_pb2 import CheckFailure
from pulumi.runtime.proto.resource_pb2 import ResourceInvokeResponse as InvokeResponse

from components import existing
from components.existing import AlreadyExists
from tests.support.engine import deploy

ROLE, BUCKET = "aws:iam/role:Role", "aws:s3/bucket:Bucket"
ARN = "arn:aws:iam::111122223333:role/reports"


def monitor_that(invoke: Any) -> Any:
    """A resource monitor that answers lookups."""
    return SimpleNamespace(Invoke=invoke)


def found(**values: str) -> InvokeResponse:
    answer = InvokeResponse()
    getattr(answer, "return").update(values)
    return answer


def nothing(_request: Any) -> InvokeResponse:
    raise RefusedCall


class RefusedCall(grpc.RpcError):
    def details(self) -> str:
        return "NoSuchEntity"


async def ask_in_aws(typ: str, **inputs: str) -> None:
    (hook,) = existing.refuse_existing_in_aws("test", None).before_create or ()
    await hook(ResourceHookArgs("urn", "", "reports", typ, inputs))  # type: ignore[misc]


@pytest.mark.parametrize(
    ("answer", "inputs", "refused"),
    [
        (lambda _: found(arn=ARN), {"name": "reports"}, ARN),
        (lambda _: found(name="reports"), {"name": "reports"}, "reports"),
        (lambda _: found(arn="arn:aws:iam::aws:role/x"), {"name": "x"}, None),
        (lambda _: InvokeResponse(failures=[CheckFailure(reason="no")]), {"name": "x"}, None),
        (nothing, {"name": "x"}, None),
        (lambda _: found(arn=ARN), {}, None),
    ],
    ids=["arn", "name-alone", "of-aws", "failure", "refused", "no-name-yet"],
)
def test_f6_what_is_in_aws_is_refused_by_its_arn(monkeypatch, answer, inputs, refused):
    monkeypatch.setattr(existing, "get_monitor", lambda: monitor_that(answer))

    if refused is None:
        asyncio.run(ask_in_aws(ROLE, **inputs))
        return
    with pytest.raises(AlreadyExists, match=f"role '{refused}' exists already"):
        asyncio.run(ask_in_aws(ROLE, **inputs))


def test_f6_a_policy_is_asked_for_by_its_arn(monkeypatch):
    asked: list[tuple[str, dict[str, Any]]] = []

    def answer(request: Any) -> InvokeResponse:
        asked.append((request.tok, dict(request.args)))
        return found(arn="arn:aws-cn:sts::111122223333:assumed-role/ci/x", accountId="111122223333")

    monkeypatch.setattr(existing, "get_monitor", lambda: monitor_that(answer))

    with pytest.raises(AlreadyExists):
        asyncio.run(ask_in_aws("aws:iam/policy:Policy", name="reports", path="/team/"))

    arn = "arn:aws-cn:iam::111122223333:policy/team/reports"
    assert asked[1:] == [("aws:iam/getPolicy:getPolicy", {"arn": arn})]


def test_f6_lookups_need_none_of_the_threads_on_which_registrations_wait_for_them(monkeypatch):
    monkeypatch.setattr(existing, "get_monitor", lambda: monitor_that(nothing))
    monkeypatch.setattr(existing, "_exists", lambda *_: False)
    registered = threading.Event()

    async def ask() -> None:
        loop = asyncio.get_running_loop()
        loop.set_default_executor(ThreadPoolExecutor(1))
        registration = loop.run_in_executor(None, registered.wait)
        try:
            await asyncio.wait_for(ask_in_aws(BUCKET, bucket="reports"), timeout=10)
            await asyncio.wait_for(existing._on_own_thread(existing._exists), timeout=10)
        finally:
            registered.set()
            await registration

    asyncio.run(ask())


def ask_in_cluster() -> None:
    """Ask the hook of a Deployment."""

    async def ask() -> None:
        binding = existing.refuse_existing_in_cluster("test", "{}")
        assert binding is not None
        (hook,) = binding.before_create or ()
        inputs = {"metadata": {"name": "reports", "namespace": "acme"}}
        args = ResourceHookArgs("urn", "", "reports", "kubernetes:apps/v1:Deployment", inputs)
        await hook(args)  # type: ignore[misc]

    deploy(lambda: pulumi.Output.from_input(asyncio.ensure_future(ask())))


def test_f6_what_is_in_the_cluster_is_refused_by_name(monkeypatch):
    monkeypatch.setattr(existing, "_exists", lambda *_: True)

    with pytest.raises(AlreadyExists, match="Deployment 'acme/reports' exists already; rename"):
        ask_in_cluster()


def test_f6_what_is_not_in_the_cluster_is_made(monkeypatch):
    monkeypatch.setattr(existing, "_exists", lambda *_: False)

    ask_in_cluster()


def test_f6_a_cluster_that_does_not_answer_is_left_to_the_provider():
    kubeconfig = (
        '{"apiVersion": "v1", "kind": "Config", "current-context": "c", '
        '"clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:1"}}], '
        '"users": [{"name": "c", "user": {"token": "t"}}], '
        '"contexts": [{"name": "c", "context": {"cluster": "c", "user": "c"}}]}'
    )

    found: list[bool] = []
    deploy(lambda: found.append(existing._exists(kubeconfig, "Namespace", "acme", None)))
    assert found == [False]
