"""`kubectl exec` in a few lines: one WebSocket, whose frames begin with their channel."""

import asyncio
import base64
import json
import ssl
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode

import yaml
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

V4, V5 = "v4.channel.k8s.io", "v5.channel.k8s.io"
STDIN, STDOUT, STDERR, STATUS, CLOSE = 0, 1, 2, 3, 255
CHUNK = 30_000


class Executed(NamedTuple):
    """The result of a command."""

    output: bytes
    errors: bytes
    status: dict[str, Any]

    @property
    def code(self) -> int:
        """Its exit code; kubectl's own is 1 when the command did not run."""
        if self.status["status"] == "Success":
            return 0
        causes = self.status.get("details", {}).get("causes", [])
        return int(causes[0]["message"]) if causes else 1


def opened(url: str, tls: ssl.SSLContext, protocol: str, token: str = "") -> connect:
    """The WebSocket of a command, given the URL with its query."""
    # Not websockets' own client with threads: two of them use one TLS connection at a time, which
    # before Python 3.14 loses what they send now and then.
    return connect(
        url.replace("https://", "wss://", 1),
        ssl=tls,
        subprotocols=[Subprotocol(protocol)],
        additional_headers={"Authorization": f"Bearer {token}"} if token else {},
        proxy=None,
    )


async def finish(connection: ClientConnection, stdin: bytes | None = None) -> Executed:
    """Send the input, and collect everything up to the status."""
    streams = {STDOUT: b"", STDERR: b"", STATUS: b""}
    sending = asyncio.create_task(_send(connection, stdin))
    async for frame in connection:
        assert isinstance(frame, bytes)
        streams[frame[0]] += frame[1:]
    sending.cancel()
    return Executed(streams[STDOUT], streams[STDERR], json.loads(streams[STATUS]))


async def _send(connection: ClientConnection, stdin: bytes | None) -> None:
    if stdin is None:
        return
    with suppress(ConnectionClosed):  # the command has ended
        for start in range(0, len(stdin), CHUNK):
            await connection.send(bytes([STDIN]) + stdin[start : start + CHUNK])
        if connection.subprotocol == V5:
            await connection.send(bytes([CLOSE, STDIN]))


def through_api_server(
    kubeconfig: Path, namespace: str, pod: str, command: list[str], *, token: str = "", **query: Any
) -> Executed:
    """Run a command as `kubectl exec` does, as the kubeconfig's user or with another token."""
    config = yaml.safe_load(kubeconfig.read_text())
    cluster = config["clusters"][0]["cluster"]
    own_token = config["users"][0]["user"]["token"]
    asked = {"command": command, "stdout": "true", "stderr": "true", **query}
    path = f"/api/v1/namespaces/{namespace}/pods/{pod}/exec?{urlencode(asked, doseq=True)}"
    authority = base64.b64decode(cluster["certificate-authority-data"]).decode()
    tls = ssl.create_default_context(cadata=authority)

    async def run() -> Executed:
        async with opened(f"{cluster['server']}{path}", tls, V5, token or own_token) as connection:
            return await finish(connection)

    return asyncio.run(run())
