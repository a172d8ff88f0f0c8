"""The user at the other end of a loopback connection."""

import os
import shutil
import socket
import sys
from collections.abc import Iterator

import pytest

from irsa_sandbox.serving import peers
from irsa_sandbox.serving.peers import uid_of_peer

FORMS = {"IPv4": (socket.AF_INET, "127.0.0.1"), "mapped": (socket.AF_INET6, "::ffff:127.0.0.1")}
Pair = tuple[socket.socket, socket.socket]


@pytest.fixture(params=FORMS)
def pair(request: pytest.FixtureRequest) -> Iterator[Pair]:
    """A client's socket and the accepted one. gRPC's C core connects in the second form."""
    family, host = FORMS[request.param]
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket(family) as client:
        client.connect((host, server.getsockname()[1]))
        accepted, _ = server.accept()
        with accepted:
            yield client, accepted


def test_the_peer_s_user_is_found_until_the_peer_leaves(pair: Pair):
    assert uid_of_peer(pair[1]) == os.geteuid()
    if os.geteuid() == 0:  # only root can make another user's connection
        os.fchown(pair[0].fileno(), 65534, 65534)  # as a socket that `nobody` has made
        assert uid_of_peer(pair[1]) == 65534

    pair[0].sendall(b"a request")
    pair[0].close()  # the kernel then shows root as its owner
    assert uid_of_peer(pair[1]) is None
    with socket.socket() as unconnected:
        assert uid_of_peer(unconnected) is None


@pytest.mark.skipif(sys.platform != "linux", reason="reads Linux's table")
def test_an_owner_that_changes_while_it_is_looked_up_is_unknown(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
):
    owners = iter([0, 65534])
    monkeypatch.setattr(peers, "_owner_on_linux", lambda *_: next(owners))

    assert uid_of_peer(pair[1]) is None


@pytest.mark.skipif(shutil.which("lsof") is None, reason="this machine has no lsof")
def test_lsof_finds_the_owner_as_well(pair: Pair, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(peers, "LSOF", shutil.which("lsof"))

    assert uid_of_peer(pair[1]) == os.geteuid()
    pair[0].close()
    assert uid_of_peer(pair[1]) is None
