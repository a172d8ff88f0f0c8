"""Serves `kubectl exec` as a kubelet does: `/exec/NAMESPACE/POD/CONTAINER`, over a WebSocket.

A command runs as the sandbox's own user, so only the API server is answered, which
admits callers with `create` on `pods/exec`: a client must have the API server's own certificate.

The frames: https://kubernetes.io/docs/reference/node/kubelet-stream-protocols/ and
k8s.io/apimachinery/pkg/util/remotecommand.
"""

import json
import logging
import re
import shutil
import subprocess
import threading
from collections.abc import Callable
from contextlib import nullcontext, suppress
from http import HTTPStatus
from subprocess import DEVNULL, PIPE
from typing import IO, Any
from urllib.parse import SplitResult, parse_qs, urlsplit

import httpx2
import lightkube
from lightkube.resources.core_v1 import Pod
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.sync.server import ServerConnection, serve
from websockets.typing import Subprotocol

from irsa_core.identity.policy_json import Json

from ..pods.process import PodProcess, pod_process
from ..pods.spec import PodNotReady
from ..reaper import reaper
from ..serving.certificates import Authority
from ..serving.servers import BackgroundServer

PROTOCOLS = (Subprotocol("v5.channel.k8s.io"), Subprotocol("v4.channel.k8s.io"))
"""The fifth can close standard input; Python's `kubernetes` client speaks the fourth."""
STDIN, STDOUT, STDERR, STATUS, CLOSE = 0, 1, 2, 3, 255
"""First byte of a frame."""
_PATH = re.compile("/exec/[^/]*/[^/]*/[^/]*")
CHUNK = 32 * 1024
SIGNAL_CODE = 128  # plus the signal's number, when one ended the command
PING_SECONDS = 30.0
PONG_SECONDS = 60.0
CLOSE_SECONDS = 2.0


log = logging.getLogger(__name__)


class ExecRefused(Exception):
    """A command is not run; the text is one line for the caller."""


class ExecServer(BackgroundServer):
    """Runs commands with the environment and volumes of Pods, for the API server alone."""

    def __init__(self, *, authority: Authority, client: lightkube.Client, **laid_out: Any) -> None:
        """Listen on a free loopback port; nothing is answered before `start`.

        `laid_out` goes to `pod_process`.
        """
        self._client = client
        self._laid_out = laid_out
        server = serve(
            self._answer,
            "127.0.0.1",
            0,
            ssl=authority.tls("kubelet", "127.0.0.1", asks_clients=True),
            subprotocols=PROTOCOLS,
            process_request=_check,
            compression=None,
            ping_interval=PING_SECONDS,
            ping_timeout=PONG_SECONDS,
            close_timeout=CLOSE_SECONDS,
        )
        super().__init__("kubelet-exec", server)

    def _answer(self, connection: ServerConnection) -> None:
        assert connection.request is not None  # noqa: S101 - the handshake has been made
        try:
            status = self._execute(connection, urlsplit(connection.request.path))
        except (ExecRefused, LookupError, PodNotReady, httpx2.HTTPError, OSError) as error:
            status = _failure("InternalError", str(error), code=HTTPStatus.INTERNAL_SERVER_ERROR)
        with suppress(ConnectionClosed):
            connection.send(bytes([STATUS]) + json.dumps(status).encode())

    def _execute(self, connection: ServerConnection, url: SplitResult) -> Json:
        *_, namespace, name, container = url.path.split("/")  # see `_check`
        query = parse_qs(url.query)
        streams = {stream for stream, values in query.items() if values == ["1"]}
        if "command" not in query:
            raise ExecRefused("no command given")
        if "tty" in streams:
            raise ExecRefused("the sandbox has no terminals for Pods; leave out --tty (-t)")
        pod = self._client.get(Pod, name, namespace=namespace).to_dict()
        phase = pod["status"].get("phase")
        if phase != "Running":
            raise ExecRefused(f"pod {namespace}/{name} is {phase}, not Running")
        with pod_process(
            self._client,
            pod=pod,
            container=container,
            on_note=lambda text: log.info("%s: %s", name, text),
            **self._laid_out,
        ) as process:
            return _ended(_run(connection, query["command"], streams, process))


def _check(connection: ServerConnection, request: Request) -> Response | None:
    """Refuse, before the handshake, a request that is no command over a WebSocket."""
    if not _PATH.fullmatch(urlsplit(request.path).path):
        return connection.respond(
            HTTPStatus.NOT_IMPLEMENTED, "the sandbox runs no containers and serves exec only"
        )
    if request.headers.get("Upgrade", "").lower() != "websocket":
        return connection.respond(
            HTTPStatus.BAD_REQUEST, "exec in the sandbox needs kubectl 1.31 or newer"
        )
    return None


def _run(
    connection: ServerConnection, command: list[str], streams: set[str], process: PodProcess
) -> int:
    """Run the command until it ends or the caller leaves; its exit code.

    Nothing outlives this but what has made a session of its own.
    """
    arguments = [process.local(argument) for argument in command]
    program = shutil.which(arguments[0], path=process.env["PATH"])
    if program is None:
        raise ExecRefused(f'exec: "{arguments[0]}": executable file not found in $PATH')
    child = subprocess.Popen(
        [program, *arguments[1:]],
        bufsize=0,
        env=process.env,
        cwd=process.root,
        start_new_session=True,
        stdin=PIPE if "input" in streams else DEVNULL,
        stdout=PIPE if "output" in streams else DEVNULL,
        stderr=PIPE if "error" in streams else DEVNULL,
    )
    over = threading.Event()
    _start(_feed, connection, child.stdin, over)
    working = _start(_work, connection, child, over)
    with reaper(child.pid):  # for what it left in the background, too
        over.wait()
    # Killed, if the caller left; but something in a session of its own may hold the pipes open.
    working.join(CLOSE_SECONDS)
    if working.is_alive():
        raise ExecRefused("the caller has left")  # not sent to any caller
    code = child.wait()
    return SIGNAL_CODE - code if code < 0 else code


def _start(run: Callable[..., None], *arguments: Any) -> threading.Thread:
    thread = threading.Thread(target=run, args=arguments, daemon=True)
    thread.start()
    return thread


def _work(
    connection: ServerConnection, child: "subprocess.Popen[bytes]", over: threading.Event
) -> None:
    outputs = ((child.stdout, STDOUT), (child.stderr, STDERR))
    for thread in [_start(_forward, *each, connection) for each in outputs]:
        thread.join()
    child.wait()
    over.set()


def _feed(connection: ServerConnection, stdin: IO[bytes] | None, over: threading.Event) -> None:
    with suppress(ConnectionClosed), stdin or nullcontext():
        for frame in connection:
            # A command may end, or close its input, before the caller is done.
            with suppress(BrokenPipeError, ConnectionResetError, ValueError):
                if stdin and isinstance(frame, bytes) and frame[:1] == bytes([STDIN]):
                    stdin.write(frame[1:])
                elif stdin and frame == bytes([CLOSE, STDIN]):
                    stdin.close()
    over.set()


def _forward(stream: IO[bytes] | None, channel: int, connection: ServerConnection) -> None:
    with suppress(ConnectionClosed), stream or nullcontext():
        while stream is not None and (data := stream.read(CHUNK)):
            connection.send(bytes([channel]) + data)


def _ended(code: int) -> Json:
    """The status of a command that ran."""
    if code == 0:
        return {"metadata": {}, "status": "Success"}
    cause = {"reason": "ExitCode", "message": str(code)}
    message = f"command terminated with exit code {code}"
    return _failure("NonZeroExitCode", message, details={"causes": [cause]})


def _failure(reason: str, message: str, **more: Any) -> Json:
    return {"metadata": {}, "status": "Failure", "reason": reason, "message": message, **more}
