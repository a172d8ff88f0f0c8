"""Certificates, servers for the API server alone, the user of a peer, the folder for sockets."""

import http.client
import json
import os
import shutil
import socket
import ssl
import stat
import sys
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from irsa_sandbox.serving import files, peers, servers
from irsa_sandbox.serving.certificates import Authority, KeyPair
from irsa_sandbox.serving.files import SocketFolder, write_private
from irsa_sandbox.serving.peers import uid_of_peer
from irsa_sandbox.serving.servers import BODY_LIMIT, JsonServer
from tests.sandbox.support.cluster import eventually
from tests.support.processes import ran


def verify(pair: KeyPair, trusted: Authority, host: str) -> None:
    """Shake hands with a server of this certificate; raises `ssl.SSLError`."""
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(*pair)
    client = ssl.create_default_context(cafile=trusted.ca_file)
    client.verify_flags |= ssl.VERIFY_X509_STRICT  # Python's default since 3.13
    ours, theirs = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = (
        client.wrap_bio(ours, theirs, server_hostname=host),
        server.wrap_bio(theirs, ours, server_side=True),
    )
    for end in ends * 2:
        with suppress(ssl.SSLWantReadError):
            end.do_handshake()


def test_a_certificate_is_for_its_hosts_and_authority_and_keys_are_private(tmp_path):
    authority = Authority.create(tmp_path / "ours")
    pair = authority.issue("server", "localhost", "127.0.0.1")
    for host in ("localhost", "127.0.0.1"):
        verify(pair, authority, host)
    for host in ("server", "a.localhost", "127.0.0.2"):
        with pytest.raises(ssl.SSLError):
            verify(pair, authority, host)
    with pytest.raises(ssl.SSLError):
        verify(pair, Authority.create(tmp_path / "theirs"), "localhost")
    assert stat.S_IMODE(pair.key_file.stat().st_mode) == 0o600
    keys = [f.name for f in authority.folder.iterdir() if b"PRIVATE KEY" in f.read_bytes()]
    assert keys == ["server-key.pem"], "the authority's is not written"


def test_a_private_file_that_was_open_to_all_is_replaced(tmp_path):
    file = tmp_path / "token"
    file.write_text("old")
    file.chmod(0o644)
    with file.open() as reader:
        write_private(file, b"new")
        assert reader.read() == "old"
    assert (file.read_bytes(), stat.S_IMODE(file.stat().st_mode)) == (b"new", 0o600)


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


def test_the_api_server_is_answered_up_to_the_bound(server, authority, reviews, api_server):
    longest = json.dumps("x" * (BODY_LIMIT - 2)).encode()
    assert len(longest) == BODY_LIMIT
    for body in (b'{"a": 1}', longest):
        assert post(server, authority, api_server, body) == (200, b'{"a": "b"}')
        assert reviews.pop() == json.loads(body)


def test_a_pause_is_for_callers_with_a_certificate(server, authority, monkeypatch, api_server):
    monkeypatch.setattr(servers, "HANDSHAKE_TIMEOUT", 0.2)
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


@pytest.fixture(params=[(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::ffff:127.0.0.1")])
def pair(request: pytest.FixtureRequest) -> Iterator[tuple[socket.socket, socket.socket]]:
    """A client's socket and the accepted one. gRPC's C core connects in the second form."""
    family, host = request.param
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket(family) as client:
        client.connect((host, server.getsockname()[1]))
        accepted, _ = server.accept()
        with accepted:
            yield client, accepted


def test_the_peer_s_user_is_found_until_the_peer_leaves(pair):
    assert uid_of_peer(pair[1]) == os.geteuid()
    if os.geteuid() == 0:  # only root can make another user's connection
        os.fchown(pair[0].fileno(), 65534, 65534)  # as a socket that another user has made
        assert uid_of_peer(pair[1]) == 65534
    pair[0].sendall(b"a request")
    pair[0].close()  # the kernel then shows root as its owner
    assert uid_of_peer(pair[1]) is None
    with socket.socket() as unconnected:
        assert uid_of_peer(unconnected) is None


@pytest.mark.skipif(sys.platform != "linux", reason="reads Linux's table")
def test_an_owner_that_changes_while_it_is_looked_up_is_unknown(pair, monkeypatch):
    owners = iter([0, 65534])
    monkeypatch.setattr(peers, "_owner_on_linux", lambda *_: next(owners))
    assert uid_of_peer(pair[1]) is None


@pytest.mark.skipif(shutil.which("lsof") is None, reason="this machine has no lsof")
def test_lsof_finds_the_owner_as_well(pair, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(peers, "LSOF", shutil.which("lsof"))
    assert uid_of_peer(pair[1]) == os.geteuid()
    pair[0].close()
    assert uid_of_peer(pair[1]) is None


def test_a_folder_for_sockets_is_the_owners_alone_and_goes():
    folder = SocketFolder()
    assert folder.path.stat().st_mode & 0o777 == 0o700
    (folder.path / "server").touch()
    for _ in range(2):
        folder.remove()
        assert not folder.path.exists()


def test_the_folder_of_a_killed_process_goes():
    program = (
        "import os; from irsa_sandbox.serving.files import SocketFolder; "
        "print(SocketFolder().path, flush=True); os.kill(os.getpid(), 9)"
    )
    folder = Path(ran(sys.executable, "-c", program).stdout.strip())
    assert folder.is_relative_to(files.SOCKETS)
    eventually(lambda: not folder.exists())
