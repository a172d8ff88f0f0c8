"""A port that is an HTTPS proxy to its clients, and the server itself behind every host.

A client asks for a host with CONNECT and goes on in TLS, as through any proxy. Here nothing is
handed on: the certificate is the host's, and what the client says reaches this very server. So
programs work under the real names, and what is not served cannot be reached at all.
https://www.rfc-editor.org/rfc/rfc9110#name-connect
"""

import asyncio
import logging
import ssl
from asyncio import StreamReader, StreamReaderProtocol, StreamWriter
from collections.abc import Callable
from http import HTTPStatus

HEAD_LIMIT = 16 * 1024  # bytes
HEAD_TIMEOUT = 30.0  # seconds until the client has said where to
HANDSHAKE_TIMEOUT = 30.0  # seconds
SHUTDOWN_TIMEOUT = 0.2  # seconds; most clients just leave
END = b"\r\n\r\n"

Contexts = Callable[[str, int], ssl.SSLContext | None]
"""The TLS of a host and port; None for one that is not served."""

log = logging.getLogger(__name__)


async def open_tunnel(
    reader: StreamReader, writer: StreamWriter, contexts: Contexts, refusal: str
) -> tuple[StreamReader, StreamWriter] | None:
    """Answer a client's CONNECT; return the streams within its TLS, or None if it is refused.

    ``refusal`` is the one line that answers requests for other hosts. Raises `OSError` for a client
    that says nothing, leaves, or does not trust the certificate.
    """
    head = b""
    async with asyncio.timeout(HEAD_TIMEOUT):
        while END not in head and len(head) <= HEAD_LIMIT:
            if not (data := await reader.read(HEAD_LIMIT)):
                return None
            head += data
    if head.find(END) != len(head) - len(END) or len(head) > HEAD_LIMIT:
        return None  # it did not wait for the answer, or says no end of things
    method, _, rest = head.partition(b"\r\n")[0].decode("latin-1").partition(" ")
    target = rest.partition(" ")[0]
    host, _, port = target.rpartition(":")
    if method != "CONNECT":
        _refuse(writer, HTTPStatus.METHOD_NOT_ALLOWED, "this proxy knows CONNECT alone")
        return None
    context = contexts(host, int(port)) if port.isdecimal() else None
    if context is None:
        log.info("refused %s", target)
        _refuse(writer, HTTPStatus.FORBIDDEN, f"{target}: {refusal}")
        return None
    writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
    # Streams of their own: nothing that came without TLS is read as if it had come in it.
    loop, secure_reader = asyncio.get_running_loop(), StreamReader()
    protocol = StreamReaderProtocol(secure_reader)
    transport = await loop.start_tls(
        writer.transport,
        protocol,
        context,
        server_side=True,
        ssl_handshake_timeout=HANDSHAKE_TIMEOUT,
        ssl_shutdown_timeout=SHUTDOWN_TIMEOUT,
    )
    if transport is None:  # it left meanwhile
        return None
    protocol.connection_made(transport)
    return secure_reader, StreamWriter(transport, protocol, secure_reader, loop)


def _refuse(writer: StreamWriter, status: HTTPStatus, why: str) -> None:
    body = f"{why}\n".encode()
    head = (
        f"HTTP/1.1 {status} {status.phrase}\r\nContent-Type: text/plain\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    writer.write(head.encode() + body)
