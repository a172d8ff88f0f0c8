"""A port that is a proxy: who gets through to the server behind it, and how the others end."""

import asyncio
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import ClassVar

import pytest

from irsa_sandbox.serving import tunnel
from irsa_sandbox.serving.certificates import Authority
from irsa_sandbox.serving.tunnel import Tunnel

HOST = "sts.example"
ENDS = suppress(ConnectionError)
"""A connection that is cut off ends in one way or the other."""


class Echo(asyncio.Protocol):
    """A server behind the tunnel: sends its name, then echoes."""

    open: ClassVar[set["Echo"]] = set()

    def connection_made(self, transport):
        self.open.add(self)
        self.transport = transport
        transport.write(b"hello ")

    def connection_lost(self, exc):
        self.open.discard(self)

    def data_received(self, data):
        self.transport.write(data)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority.create(tmp_path)


@pytest.fixture
def port(authority: Authority) -> Iterator[int]:
    pair = authority.issue("behind", HOST)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(pair.cert_file, pair.key_file)

    def contexts(host: str, number: int) -> ssl.SSLContext | None:
        return context if (host, number) == (HOST, 443) else None

    loop = asyncio.new_event_loop()
    factory = partial(Tunnel, loop, contexts, Echo, "is not served")
    server = loop.run_until_complete(loop.create_server(factory, "127.0.0.1", 0))
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    yield server.sockets[0].getsockname()[1]
    loop.call_soon_threadsafe(server.close)
    asyncio.run_coroutine_threadsafe(all_closed(), loop).result(10)
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


async def all_closed() -> None:
    """Wait for connections whose clients have left already: TLS ends in several steps."""
    while Echo.open or len(asyncio.all_tasks()) > 1:
        await asyncio.sleep(0.001)
    await asyncio.sleep(0.001)


def ask(port: int, *pieces: bytes) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port), timeout=10)
    for piece in pieces:
        connection.sendall(piece)
    return connection


def everything(connection: socket.socket) -> bytes:
    with connection:
        return b"".join(iter(lambda: connection.recv(1024), b""))


def connect(target: str = f"{HOST}:443") -> bytes:
    return f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n".encode()


def test_a_host_that_is_served_is_reached_by_tls_under_its_name(port, authority):
    head = connect()
    with ask(port, head[:10], head[10:]) as plain:  # in two pieces
        assert plain.recv(1024).startswith(b"HTTP/1.1 200 ")
        context = ssl.create_default_context(cafile=authority.ca_file)
        with context.wrap_socket(plain, server_hostname=HOST) as secure:
            secure.sendall(b"world")
            assert secure.makefile("rb").read(len(b"hello world")) == b"hello world"


@pytest.mark.parametrize(
    "target", ["example.org:443", f"{HOST}:80", HOST, f"{HOST}:https", "[::1]:443", ""]
)
def test_what_is_not_served_is_refused_in_one_line(port, target):
    said = everything(ask(port, connect(target))).decode()

    assert said.startswith("HTTP/1.1 403 Forbidden\r\n")
    assert said.endswith(f"{target}: is not served\n")


@pytest.mark.parametrize("method", ["GET", "connect"])
def test_plain_http_is_refused(port, method):
    said = everything(ask(port, f"{method} http://{HOST}/ HTTP/1.1\r\n\r\n".encode()))

    assert said.startswith(b"HTTP/1.1 405 Method Not Allowed\r\n")


def test_who_goes_on_without_tls_is_cut_off(port):
    with ask(port, connect()) as plain:
        assert plain.recv(1024).startswith(b"HTTP/1.1 200 ")
        plain.sendall(b"GET / HTTP/1.1\r\n\r\n")  # no TLS
        with ENDS:
            while plain.recv(1024):
                pass


@pytest.mark.parametrize("said", [connect() + b"more", b""], ids=["too much", "nothing"])
def test_who_says_nothing_or_does_not_wait_is_cut_off(port, monkeypatch, said):
    if not said:
        monkeypatch.setattr(tunnel, "HEAD_TIMEOUT", 0.05)
    with ENDS:
        assert everything(ask(port, said)) == b""


def test_a_head_without_end_is_cut_off(port):
    with ask(port) as plain, ENDS:
        while True:
            plain.sendall(b"x" * 1024)
