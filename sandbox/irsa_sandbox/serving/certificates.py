"""The sandbox's own certificate authority. Its private key never leaves memory."""

import ipaddress
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple, Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    pkcs12,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from .files import JAVA_TRUST_STORE, write_private

LIFETIME = timedelta(days=365)
CLOCK_SKEW = timedelta(hours=1)

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


class KeyPair(NamedTuple):
    """A certificate and its key, as PEM files; the key's mode is 0600."""

    cert_file: Path
    key_file: Path


def key_pem(key: PrivateKey) -> bytes:
    """The key, unencrypted, in the form that Go and OpenSSL both read."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _subject_alternative(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _certificate(
    name: str, public_key: ec.EllipticCurvePublicKey, issuer: str, issuer_key: PrivateKey
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    # Python 3.13 and later verify strictly: both key identifiers are required.
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - CLOCK_SKEW)
        .not_valid_after(now + LIFETIME)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()),
            critical=False,
        )
    )


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


@dataclass(frozen=True)
class Authority:
    """A certificate authority that only this sandbox's processes trust."""

    folder: Path
    """Folder of certificates and keys."""

    ca_pem: bytes
    """The authority's certificate."""

    _key: ec.EllipticCurvePrivateKey

    NAME = "irsa sandbox"

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

    @classmethod
    def create(cls, folder: Path) -> Self:
        """Make a new authority and write its certificate into the folder."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = (
            _certificate(cls.NAME, key.public_key(), cls.NAME, key)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_key_usage(signs_certificates=True), critical=True)
            .sign(key, hashes.SHA256())
        )
        authority = cls(folder, certificate.public_bytes(Encoding.PEM), key)
        authority.ca_file.write_bytes(authority.ca_pem)
        trusted = pkcs12.PKCS12Certificate(certificate, cls.NAME.encode())
        store = pkcs12.serialize_java_truststore([trusted], NoEncryption())  # it has no secret
        (folder / JAVA_TRUST_STORE).write_bytes(store)
        return authority

    def issue(self, name: str, *hosts: str) -> KeyPair:
        """Issue a server certificate, valid for `hosts` (DNS names and IP addresses)."""
        alternatives = x509.SubjectAlternativeName([_subject_alternative(host) for host in hosts])
        return self._issue(name, ExtendedKeyUsageOID.SERVER_AUTH, alternatives)

    def issue_client(self, name: str) -> KeyPair:
        """Issue a client certificate. Servers that ask for one refuse a server's in its place."""
        return self._issue(name, ExtendedKeyUsageOID.CLIENT_AUTH)

    def _issue(
        self, name: str, usage: x509.ObjectIdentifier, *extensions: x509.ExtensionType
    ) -> KeyPair:
        key = ec.generate_private_key(ec.SECP256R1())
        builder = (
            _certificate(name, key.public_key(), self.NAME, self._key)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_key_usage(signs_certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        )
        for extension in extensions:
            builder = builder.add_extension(extension, critical=False)
        certificate = builder.sign(self._key, hashes.SHA256())
        pair = KeyPair(self.folder / f"{name}.pem", self.folder / f"{name}-key.pem")
        write_private(pair.key_file, key_pem(key))
        pair.cert_file.write_bytes(certificate.public_bytes(Encoding.PEM))
        return pair
