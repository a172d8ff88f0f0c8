"""Hooks that the engine calls on threads of their own."""

import gc
import threading
from typing import Any

import grpc
import pulumi
import pytest
from pulumi.runtime.mocks import MockMonitor
from pulumi.runtime.proto.callback_pb2 import CallbackInvokeRequest
from pulumi.runtime.proto.callback_pb2_grpc import CallbacksStub
from pulumi.runtime.proto.resource_pb2 import ResourceHookRequest, ResourceHookResponse

from irsa_components.threaded_hook import HookFunction, ThreadedHook
from tests.support.engine import Engine, deploy


class Registered:
    """The engine's side of the hooks of programs."""

    def __init__(self) -> None:
        self.requests: list[Any] = []
        self.programs: list[object] = []

    def run(self, function: HookFunction) -> None:
        """Run a program with a hook; keep its connection to the engine: with it the hook ends."""
        engine = Engine()
        deploy(lambda: ThreadedHook("hook", function, engine.monitor), engine)
        self.programs.append(engine.monitor)

    def call(self, number: int = 0, token: str = "", timeout: float = 60.0) -> str:
        """Return the error that a hook answers with."""
        callback = self.requests[number].callback
        request = ResourceHookRequest(name="s3-app").SerializeToString()
        asked = CallbackInvokeRequest(token=token or callback.token, request=request)
        with grpc.insecure_channel(callback.target) as channel:
            answer: Any = CallbacksStub(channel).Invoke(asked, timeout=timeout)
        return ResourceHookResponse.FromString(answer.response).error


@pytest.fixture
def registered(monkeypatch: pytest.MonkeyPatch) -> Registered:
    engine = Registered()
    monkeypatch.setattr(
        MockMonitor,
        "RegisterResourceHook",
        lambda _, request: engine.requests.append(request),
        raising=False,  # Pulumi's mocks have it since 3.260
    )
    return engine


def test_a_hook_answers_after_its_programs_event_loop_has_stopped(registered: Registered):
    """The engine may finish an operation of a program that has failed meanwhile."""
    names: list[str] = []
    registered.run(lambda args, _: names.append(args.name))
    assert (registered.call(), names) == ("", ["s3-app"])
    assert registered.requests[0].on_dry_run


@pytest.mark.cases("error", {
    "error of Pulumi": pulumi.RunError("no credentials"),
    "any other error": KeyError("spec"),
})  # fmt: skip
def test_an_error_is_answered_in_one_line(registered: Registered, error: Exception):
    def fail(*_: Any) -> None:
        raise error

    registered.run(fail)
    assert registered.call() == (str(error) if type(error) is pulumi.RunError else repr(error))


def test_the_hooks_of_a_process_share_a_server_and_end_with_their_programs(registered: Registered):
    for _ in range(2):
        registered.run(lambda *_: None)
    assert len({request.callback.target for request in registered.requests}) == 1
    assert registered.call(1) == ""

    registered.programs.pop()
    deploy(lambda: None)  # the SDK keeps the settings of the program before
    gc.collect()

    assert registered.call(0) == ""
    with pytest.raises(grpc.RpcError, match="the program that has this hook has ended"):
        registered.call(1)


def test_a_function_learns_that_the_engine_waits_no_more(registered: Registered):
    heard = threading.Event()
    registered.run(lambda _, ended: ended.wait(300) and heard.set())
    with pytest.raises(grpc.RpcError, match="DEADLINE_EXCEEDED"):
        registered.call(timeout=0.1)
    assert heard.wait(300)


def test_another_user_of_the_machine_cannot_run_a_hook(registered: Registered):
    registered.run(lambda *_: pytest.fail("it ran"))
    with pytest.raises(grpc.RpcError, match="NOT_FOUND"):
        registered.call(token="guess")
