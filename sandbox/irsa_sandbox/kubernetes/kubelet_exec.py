"""Serves `kubectl exec` as a kubelet does: `/exec/NAMESPACE/POD/CONTAINER`, over a WebSocket.

A command runs as the sandbox's own user, so only the API server is answered, which
admits callers with `create` on `pods/exec`: a client must have the API server's own certificate.

The frames: https://kubernetes.io/docs/reference/node/kubelet-stream-protocols/ and
k8s.io/apimachinery/pkg/util/remotecommand.
"""

import asyncio
import json
import logging
import shutil
import socket
import threading
from asyncio.subprocess import DEVNULL, PIPE, Process
from contextlib import ExitStack, suppress
from http import HTTPStatus
from typing import Any, NamedTuple, Self
from urllib.parse import parse_qs, urlsplit

import httpx2
import lightkube
from lightkube.resources.core_v1 import Pod
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from irsa.identity.policy_json import Json

from ..pods.process import PodProcess, pod_process
from ..pods.spec import PodNotReady
from ..reaper import reaper
from ..serving.certificates import Authority

PROTOCOLS = (Subprotocol("v5.channel.k8s.io"), Subprotocol("v4.channel.k8s.io"))
"""The fifth can close standard input; Python's `kubernetes` client speaks the fourth."""
STDIN, STDOUT, STDERR, STATUS, CLOSE = 0, 1, 2, 3, 255
"""First byte of a frame."""
CHUNK = 32 * 1024
SIGNAL_CODE = 128  # plus the signal's number, when one ended the command
PING_SECONDS = 30.0
PONG_SECONDS = 60.0
CLOSE_SECONDS = 2.0


log = logging.getLogger(__name__)


class Refused(Exception):
    """A command is not run; the text is one line for the caller."""


class ExecRequest(NamedTuple):
    """A command for a container."""

    namespace: str
    pod: str
    container: str
    command: tuple[str, ...]
    streams: frozenset[str]
    """Of ``input``, ``output``, ``error`` and ``tty``, those that the caller wants."""

    @classmethod
    def from_path(cls, path: str) -> Self | None:
        """Parse a request's path and query; None for anything but a command."""
        url = urlsplit(path)
        match url.path.split("/"):
            case ["", "exec", namespace, pod, container]:
                query = parse_qs(url.query)
                streams = frozenset(name for name, values in query.items() if values == ["1"])
                command = tuple(query.get("command", ()))
                return cls(namespace, pod, container, command, streams)
        return None


class ExecServer:
    """Runs commands with the environment and volumes of Pods, for the API server alone."""

    def __init__(self, *, authority: Authority, client: lightkube.Client, **laid_out: Any) -> None:
        """Listen on a free loopback port; nothing is answered before `start`.

        `laid_out` goes to `pod_process`.
        """
        self._tls = authority.tls("kubelet", "127.0.0.1", asks_clients=True)
        self._client = client
        self._laid_out = laid_out
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._runner = asyncio.Runner(loop_factory=asyncio.new_event_loop)
        self._stopping = asyncio.Event()
        self.thread = threading.Thread(target=self._run, name="kubelet-exec", daemon=True)

    def start(self) -> None:
        """Answer, on a thread of its own."""
        # Made here: an immediate `stop` would make a second loop, and end that one.
        self._runner.get_loop()
        self.thread.start()

    def stop(self) -> None:
        """End every command and stop listening, whether started or not."""
        if self.thread.is_alive():
            self._runner.get_loop().call_soon_threadsafe(self._stopping.set)
            self.thread.join()
        self._runner.close()
        self._listener.close()

    def _run(self) -> None:
        self._runner.run(self._serve())

    async def _serve(self) -> None:
        async with serve(
            self._answer,
            sock=self._listener,
            ssl=self._tls,
            ssl_shutdown_timeout=CLOSE_SECONDS,
            subprotocols=PROTOCOLS,
            process_request=_check,
            compression=None,
            ping_interval=PING_SECONDS,
            ping_timeout=PONG_SECONDS,
            close_timeout=CLOSE_SECONDS,
        ):
            await self._stopping.wait()

    async def _answer(self, connection: ServerConnection) -> None:
        assert connection.request is not None  # noqa: S101 - the handshake has been made
        request = ExecRequest.from_path(connection.request.path)
        assert request is not None  # noqa: S101 - see `_check`
        try:
            status = await self._execute(connection, request)
        except (Refused, LookupError, PodNotReady, httpx2.HTTPError, OSError) as error:
            status = _failure("InternalError", str(error), code=HTTPStatus.INTERNAL_SERVER_ERROR)
        with suppress(ConnectionClosed):
            await connection.send(bytes([STATUS]) + json.dumps(status).encode())

    async def _execute(self, connection: ServerConnection, request: ExecRequest) -> Json:
        if not request.command:
            raise Refused("no command given")
        if "tty" in request.streams:
            raise Refused("the sandbox has no terminals for Pods; leave out --tty (-t)")
        laid_out = ExitStack()
        try:
            process = await asyncio.to_thread(self._lay_out, request, laid_out)
            return _ended(await _run(connection, request, process))
        finally:
            await asyncio.to_thread(laid_out.close)

    def _lay_out(self, request: ExecRequest, laid_out: ExitStack) -> PodProcess:
        pod = self._client.get(Pod, request.pod, namespace=request.namespace).to_dict()
        phase = pod["status"].get("phase")
        if phase != "Running":
            raise Refused(f"pod {request.namespace}/{request.pod} is {phase}, not Running")
        return laid_out.enter_context(
            pod_process(
                self._client,
                pod=pod,
                container=request.container,
                on_note=lambda text: log.info("%s: %s", request.pod, text),
                **self._laid_out,
            )
        )


def _check(connection: ServerConnection, request: Request) -> Response | None:
    """Refuse, before the handshake, a request that is no command over a WebSocket."""
    if ExecRequest.from_path(request.path) is None:
        return connection.respond(
            HTTPStatus.NOT_IMPLEMENTED, "the sandbox runs no containers and serves exec only"
        )
    if request.headers.get("Upgrade", "").lower() != "websocket":
        return connection.respond(
            HTTPStatus.BAD_REQUEST, "exec in the sandbox needs kubectl 1.31 or newer"
        )
    return None


async def _run(connection: ServerConnection, request: ExecRequest, process: PodProcess) -> int:
    """Run the command until it ends or the caller leaves; its exit code.

    Nothing outlives this but what has made a session of its own.
    """
    arguments = [process.local(argument) for argument in request.command]
    program = shutil.which(arguments[0], path=process.env["PATH"])
    if program is None:
        raise Refused(f'exec: "{arguments[0]}": executable file not found in $PATH')
    child = await asyncio.create_subprocess_exec(
        program,
        *arguments[1:],
        env=process.env,
        cwd=process.root,
        stdin=PIPE if "input" in request.streams else DEVNULL,
        stdout=PIPE if "output" in request.streams else DEVNULL,
        stderr=PIPE if "error" in request.streams else DEVNULL,
        start_new_session=True,
    )
    work = asyncio.create_task(_work(connection, child))
    feeding = asyncio.create_task(_feed(connection, child.stdin))
    gone = asyncio.create_task(connection.wait_closed())
    with reaper(child.pid):  # for what it left in the background, too
        await asyncio.wait({work, gone}, return_when=asyncio.FIRST_COMPLETED)
    # Killed, if the caller left; but something in a session of its own may hold the pipes open.
    ended, _ = await asyncio.wait({work}, timeout=CLOSE_SECONDS)
    for task in (work, feeding, gone):
        task.cancel()
    if not ended:
        raise Refused("the caller has left")  # not sent to any caller
    code = work.result()
    return SIGNAL_CODE - code if code < 0 else code


async def _work(connection: ServerConnection, child: Process) -> int:
    await asyncio.gather(
        _forward(child.stdout, STDOUT, connection), _forward(child.stderr, STDERR, connection)
    )
    return await child.wait()


async def _feed(connection: ServerConnection, stdin: asyncio.StreamWriter | None) -> None:
    # A command may end, or close its input, before the caller is done; and the caller may leave.
    with suppress(ConnectionClosed, BrokenPipeError, ConnectionResetError):
        async for frame in connection:
            if stdin is None or not isinstance(frame, bytes):
                continue
            if frame[:1] == bytes([STDIN]):
                stdin.write(frame[1:])
                await stdin.drain()
            elif frame == bytes([CLOSE, STDIN]):
                stdin.close()


async def _forward(
    stream: asyncio.StreamReader | None, channel: int, connection: ServerConnection
) -> None:
    with suppress(ConnectionClosed):
        while stream is not None and (data := await stream.read(CHUNK)):
            await connection.send(bytes([channel]) + data)


def _ended(code: int) -> Json:
    """The status of a command that ran."""
    if code == 0:
        return {"metadata": {}, "status": "Success"}
    cause = {"reason": "ExitCode", "message": str(code)}
    return {
        **_failure("NonZeroExitCode", f"command terminated with exit code {code}"),
        "details": {"causes": [cause]},
    }


def _failure(reason: str, message: str, **more: Any) -> Json:
    return {"metadata": {}, "status": "Failure", "reason": reason, "message": message, **more}
