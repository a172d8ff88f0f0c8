"""Resource hooks that run on threads of their own.

Pulumi's SDK runs hooks on the program's event loop, by a server for each of them. Record 21 in
docs/decisions has what fails there; the engine sees the same.
https://www.pulumi.com/docs/iac/concepts/resources/options/hooks/
"""

import asyncio
import contextvars
import os
import threading
import uuid
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any, cast

import grpc
from google.protobuf.json_format import MessageToDict
from pulumi import ResourceHook, ResourceHookArgs, ResourceHookOptions, RunError
from pulumi.runtime.proto import callback_pb2, callback_pb2_grpc, resource_pb2
from pulumi.runtime.settings import SETTINGS, get_engine, is_dry_run

from irsa_core.identity.pulumi_types import SIGNATURE

THREADS = 32
"""Hooks that run at the same time. The engine's default is at most 16 operations."""

HookFunction = Callable[[ResourceHookArgs, threading.Event], None]
"""Called with inputs in plain text; the event is set when the engine waits no more."""

_hooks: dict[str, "ThreadedHook"] = {}
"""The hooks of running programs, by the token with which the engine calls them."""


class ThreadedHook(ResourceHook):
    """A hook whose function runs on a thread; an error of it fails the operation, in one line."""

    def __init__(self, name: str, function: HookFunction, monitor: Any) -> None:
        """Register the hook, for previews as well, with the engine of ``monitor``, the program's
        connection to it; it ends with that."""
        # Not the SDK's constructor, which registers the hook with a server of its own.
        self.name = name
        self.callback = cast("Any", function)
        self._function = function
        self.opts = ResourceHookOptions(on_dry_run=True)
        # With what `is_dry_run` and Pulumi's log go by. A copy would hold the whole program.
        self._context = contextvars.Context()
        for setting, value in {"engine": get_engine(), "dry_run": is_dry_run()}.items():
            self._context.run(setattr, SETTINGS, setting, value)
        self._registered = asyncio.Future()
        self._registered.set_result(None)
        token = str(uuid.uuid4())
        _hooks[token] = self
        weakref.finalize(monitor, _hooks.pop, token, None)
        # Mocks of pulumi before 3.260 take no hooks.
        if hasattr(monitor, "RegisterResourceHook"):
            _, target = _server(os.getpid())
            monitor.RegisterResourceHook(
                resource_pb2.RegisterResourceHookRequest(
                    name=name,
                    callback=callback_pb2.Callback(target=target, token=token),
                    on_dry_run=True,
                )
            )

    def answer(self, request: bytes, ended: threading.Event) -> resource_pb2.ResourceHookResponse:
        """Run the function for a request of the engine."""
        asked: Any = resource_pb2.ResourceHookRequest.FromString(request)
        args = ResourceHookArgs(
            asked.urn,
            asked.id,
            asked.name,
            asked.type,
            new_inputs=_plain(MessageToDict(asked.new_inputs)),
            old_inputs=_plain(MessageToDict(asked.old_inputs)),
        )
        try:
            self._context.copy().run(self._function, args, ended)
        except RunError as error:
            return resource_pb2.ResourceHookResponse(error=str(error))
        except Exception as error:  # noqa: BLE001 - the engine fails the operation, as for any hook
            return resource_pb2.ResourceHookResponse(error=repr(error))
        return resource_pb2.ResourceHookResponse()


def _plain(value: Any) -> Any:
    """Return the value without marks of secrets and outputs: the SDK would make Outputs of them,
    which only its event loop can read. An unknown one stays the engine's text for it; the engine's
    numbers are floating-point ones."""
    if isinstance(value, list):
        return [_plain(element) for element in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if not isinstance(value, dict):
        return value
    if SIGNATURE in value:
        return _plain(value.get("value"))
    return {key: _plain(member) for key, member in value.items()}


class _Callbacks(callback_pb2_grpc.CallbacksServicer):
    def Invoke(self, request: Any, context: Any) -> Any:  # noqa: N802 - gRPC's name
        ended = threading.Event()
        context.add_callback(ended.set)
        hook = _hooks.get(request.token)
        if hook is None:  # or another user's guess: the port is open to the machine
            context.abort(grpc.StatusCode.NOT_FOUND, "the program that has this hook has ended")
            raise AssertionError("abort raises")
        response = hook.answer(request.request, ended).SerializeToString()
        return callback_pb2.CallbackInvokeResponse(response=response)


@cache
def _server(_process: int) -> tuple[grpc.Server, str]:
    """Start the process's server, which ends with the process; return its address as well."""
    options = [("grpc.max_receive_message_length", -1), ("grpc.so_reuseport", 0)]
    server = grpc.server(ThreadPoolExecutor(THREADS, "hook"), options=options)
    callback_pb2_grpc.add_CallbacksServicer_to_server(_Callbacks(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    return server, f"127.0.0.1:{port}"
