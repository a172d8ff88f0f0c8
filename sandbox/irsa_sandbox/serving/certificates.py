"""The sandbox's own certificate authorities. Their private keys never leave memory."""

import ssl
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple, Self

from cryptography.hazmat.primitives.serialization import NoEncryption, pkcs12
from cryptography.x509 import load_pem_x509_certificate
from trustme import CA

from .files import JAVA_TRUST_STORE, write_private

LIFETIME = timedelta(days=365)
CLOCK_SKEW = timedelta(hours=1)
NAME = "irsa sandbox"


class KeyPair(NamedTuple):
    """A certificate and its key, as PEM files; the key's mode is 0600."""

    cert_file: Path
    key_file: Path


@dataclass(frozen=True)
class Authority:
    """Certificate authorities that only this sandbox's processes trust.

    Clients have one of their own: no server's certificate is one of a client.
    """

    folder: Path
    """Folder of certificates and keys."""

    _servers: CA
    _clients: CA

    @classmethod
    def create(cls, folder: Path) -> Self:
        """Make new authorities and write the servers' certificate into the folder."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        authority = cls(folder, CA(organization_name=NAME), CA(organization_name=NAME))
        authority.ca_file.write_bytes(authority.ca_pem)
        certificate = load_pem_x509_certificate(authority.ca_pem)
        trusted = pkcs12.PKCS12Certificate(certificate, NAME.encode())
        store = pkcs12.serialize_java_truststore([trusted], NoEncryption())  # it has no secret
        (folder / JAVA_TRUST_STORE).write_bytes(store)
        return authority

    @property
    def ca_pem(self) -> bytes:
        """The certificate of the servers' authority."""
        return self._servers.cert_pem.bytes()

    @property
    def ca_file(self) -> Path:
        """The file that clients take as their trust store."""
        return self.folder / "ca.pem"

    @property
    def ca_data(self) -> str:
        """The authority's certificate in base64, as kubeconfigs and EKS have it."""
        return b64encode(self.ca_pem).decode()

    def kubeconfig(self, server: str, user: Mapping[str, str]) -> dict[str, Any]:
        """A kubeconfig with one server, whose certificate is of this authority, and one user."""
        cluster = {"server": server, "certificate-authority-data": self.ca_data}
        return {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "sandbox", "cluster": cluster}],
            "users": [{"name": "admin", "user": user}],
            "contexts": [{"name": "sandbox", "context": {"cluster": "sandbox", "user": "admin"}}],
            "current-context": "sandbox",
        }

    def tls(self, name: str, *hosts: str, asks_clients: bool = False) -> ssl.SSLContext:
        """TLS of a server with these names; it may refuse clients without a certificate."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(*self.issue(name, *hosts))
        if asks_clients:
            self._clients.configure_trust(context)
            context.verify_mode = ssl.CERT_REQUIRED
        return context

    def issue(self, name: str, *hosts: str) -> KeyPair:
        """Issue a server certificate, valid for `hosts` (DNS names and IP addresses)."""
        return self._issued(self._servers, name, *hosts)

    def issue_client(self, name: str) -> KeyPair:
        """Issue a client certificate."""
        return self._issued(self._clients, name, f"{name}.invalid")

    def client_user(self, name: str) -> dict[str, str]:
        """A kubeconfig's user with a new client certificate."""
        pair = self.issue_client(name)
        return {"client-certificate": str(pair.cert_file), "client-key": str(pair.key_file)}

    def _issued(self, authority: CA, name: str, *hosts: str) -> KeyPair:
        start, end = datetime.now(UTC) - CLOCK_SKEW, datetime.now(UTC) + LIFETIME
        issued = authority.issue_cert(*hosts, not_before=start, not_after=end)
        pair = KeyPair(self.folder / f"{name}.pem", self.folder / f"{name}-key.pem")
        write_private(pair.key_file, issued.private_key_pem.bytes())
        pair.cert_file.write_bytes(issued.cert_chain_pems[0].bytes())
        return pair
