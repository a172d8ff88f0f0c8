"""Servers for the API server answer the sandbox's own one alone, in bounded memory."""

import http.client
import json
import socket
import ssl
from collections.abc import Iterator
from contextlib import closing

import pytest

from irsa_sandbox.serving import https
from irsa_sandbox.serving.certificates import Authority, KeyPair
from irsa_sandbox.serving.https import BODY_LIMIT, JsonServer


@pytest.fixture
def authority(tmp_path) -> Authority:
    return Authority.create(tmp_path)


@pytest.fixture
def reviews() -> list[object]:
    """The bodies that were reviewed."""
    return []


@pytest.fixture
def server(authority, reviews) -> Iterator[JsonServer]:
    running = JsonServer("reviews", authority, lambda body: reviews.append(body) or {"a": "b"})
    running.start()
    yield running
    running.stop()


@pytest.fixture
def api_server(authority) -> KeyPair:
    """The certificate of the API server."""
    return authority.issue_client("kube-apiserver-client")


def connection(server: JsonServer, authority: Authority, pair: KeyPair | None):
    context = ssl.create_default_context(cafile=authority.ca_file)
    if pair is not None:
        context.load_cert_chain(pair.cert_file, pair.key_file)
    port = int(server.url.rpartition(":")[2])
    return http.client.HTTPSConnection("127.0.0.1", port, timeout=300, context=context)


def post(server: JsonServer, authority: Authority, pair: KeyPair | None, body: bytes = b"{}"):
    with closing(connection(server, authority, pair)) as client:
        client.request("POST", "/mutate", body)
        answer = client.getresponse()
        return answer.status, answer.read()


def test_the_api_server_s_certificate_is_answered_up_to_the_bound(
    server, authority, reviews, api_server
):
    longest = json.dumps("x" * (BODY_LIMIT - 2)).encode()
    assert len(longest) == BODY_LIMIT
    for body in (b'{"a": 1}', longest):
        assert post(server, authority, api_server, body) == (200, b'{"a": "b"}')
        assert reviews.pop() == json.loads(body)


def test_a_pause_is_for_callers_with_a_certificate(server, authority, monkeypatch, api_server):
    monkeypatch.setattr(https, "HANDSHAKE_TIMEOUT", 0.2)
    caller = connection(server, authority, api_server)
    for _ in range(2):
        caller.request("POST", "/mutate", b"{}")
        assert caller.getresponse().read()
        with socket.create_connection((caller.host, caller.port), timeout=300) as silent:
            assert silent.recv(1) == b""  # ended, after the time that the caller pauses as well
    caller.close()


def test_a_caller_without_the_client_certificate_is_refused(server, authority, reviews, tmp_path):
    for pair in (
        None,
        Authority.create(tmp_path / "another").issue_client("kube-apiserver"),
        authority.issue("aws", "127.0.0.1"),  # a server's
    ):
        with pytest.raises((ssl.SSLError, OSError)):
            post(server, authority, pair)
    assert reviews == []


def test_a_body_without_a_bound_is_not_read(server, authority, reviews, api_server):
    for name, value in (
        *(("Content-Length", size) for size in (str(BODY_LIMIT + 1), "-1", "many")),
        ("Transfer-Encoding", "chunked"),
    ):
        with closing(connection(server, authority, api_server)) as client:
            client.putrequest("POST", "/mutate")
            client.putheader(name, value)
            client.endheaders()
            answer = client.getresponse()
        assert (answer.status, answer.getheader("Connection")) == (413, "close")
    assert reviews == []
