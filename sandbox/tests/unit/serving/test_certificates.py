"""The sandbox's authority: what it signs is accepted for the named hosts and no others."""

import stat
from ipaddress import ip_address

import pytest
from cryptography.x509 import DNSName, IPAddress, load_pem_x509_certificate
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from irsa_sandbox.serving.certificates import Authority, KeyPair
from irsa_sandbox.serving.files import write_private


def verify(pair: KeyPair, trusted: Authority, host: DNSName | IPAddress) -> None:
    store = Store([load_pem_x509_certificate(trusted.ca_file.read_bytes())])
    leaf = load_pem_x509_certificate(pair.cert_file.read_bytes())
    PolicyBuilder().store(store).build_server_verifier(host).verify(leaf, [])


def test_a_certificate_is_accepted_for_its_hosts_and_authority_alone_and_keys_are_private(tmp_path):
    authority, localhost = Authority.create(tmp_path / "ours"), DNSName("localhost")
    pair = authority.issue("server", "localhost", "127.0.0.1")
    for host in (localhost, IPAddress(ip_address("127.0.0.1"))):
        verify(pair, authority, host)
    for host in (DNSName("server"), DNSName("a.localhost"), IPAddress(ip_address("127.0.0.2"))):
        with pytest.raises(VerificationError):
            verify(pair, authority, host)
    with pytest.raises(VerificationError):
        verify(pair, Authority.create(tmp_path / "theirs"), localhost)

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
