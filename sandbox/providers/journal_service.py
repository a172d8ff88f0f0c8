"""How `sandbox.engine.stack` reaches the providers' journal: a gRPC service on their port, in JSON.

A run is a stream, which ends with the process that opened it, however that dies.
"""

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import grpc

from .. import COMMAND
from ..state import SandboxError
from .journal import Journal, Recorded

_SERVICE = "sandbox.Journal"
_OPTIONS = [("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", -1)]


def journal_service(journal: Journal) -> grpc.GenericRpcHandler:
    """The journal as a service, to be added to a server."""

    def run(request: Any, context: grpc.ServicerContext) -> Iterator[Any]:
        ended = threading.Event()
        if not context.add_callback(ended.set):
            return
        with journal.run(**request) as touched:
            yield {"answer": touched}
            ended.wait()

    stream = grpc.unary_stream_rpc_method_handler(run, json.loads, _dumps)
    return grpc.method_handlers_generic_handler(
        _SERVICE,
        {
            "Run": stream,
            "Left": _unary(journal.left),
            "Saved": _unary(journal.saved),
            "Settle": _unary(journal.settle),
        },
    )


def _unary(answer: Callable[..., Any]) -> grpc.RpcMethodHandler:
    def handle(request: Any, _context: grpc.ServicerContext) -> Any:
        return {"answer": answer(**request)}

    return grpc.unary_unary_rpc_method_handler(handle, json.loads, _dumps)


class JournalClient:
    """One stack's part of the journal, from another process."""

    def __init__(self, port: int, stack: str) -> None:
        self._address = f"127.0.0.1:{port}"
        self._stack = stack

    @contextmanager
    def run(self, recorded: Recorded, pending: Sequence[str]) -> Iterator[list[str]]:
        """See `Journal.run`."""
        with grpc.insecure_channel(self._address, _OPTIONS) as channel:
            start = channel.unary_stream(f"/{_SERVICE}/Run", _dumps, json.loads)
            call = start({"stack": self._stack, "recorded": recorded, "pending": pending})
            try:
                yield _answer(lambda: next(call))
            finally:
                call.cancel()

    def left(self, recorded: Recorded, pending: Sequence[str]) -> list[str]:
        """See `Journal.left`."""
        return self._call("Left", recorded=recorded, pending=pending)

    def saved(self, recorded: Recorded) -> None:
        """See `Journal.saved`."""
        self._call("Saved", recorded=recorded)

    def settle(self) -> list[str]:
        """See `Journal.settle`."""
        return self._call("Settle")

    def _call(self, method: str, **arguments: Any) -> Any:
        with grpc.insecure_channel(self._address, _OPTIONS) as channel:
            call = channel.unary_unary(f"/{_SERVICE}/{method}", _dumps, json.loads)
            return _answer(lambda: call({"stack": self._stack, **arguments}))


def _answer(ask: Callable[[], Any]) -> Any:
    try:
        return ask()["answer"]
    except grpc.RpcError as error:
        raise SandboxError(
            f"the sandbox's providers do not answer ({error.code().name}); "  # type: ignore[attr-defined]
            f"start it again with `{COMMAND} down` and `up`"
        ) from error


def _dumps(value: Any) -> bytes:
    return json.dumps(value).encode()
