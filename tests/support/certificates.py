"""Certificates for tests: made in a moment, with whatever is wrong in them that is asked for."""

import datetime
import ssl
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from tests.support.client import PATIENCE, Client

NOW = datetime.datetime.now(datetime.UTC)
DAY = datetime.timedelta(days=1)
PEM = serialization.Encoding.PEM
Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


class Made(NamedTuple):
    """A certificate and its key, in memory."""

    certificate: x509.Certificate
    key: Key

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(PEM)

    def key_pem(self, password: bytes = b"") -> bytes:
        encryption: serialization.KeySerializationEncryption = serialization.NoEncryption()
        if password:
            encryption = serialization.BestAvailableEncryption(password)
        return self.key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, encryption)

    def write(self, directory: Path, stem: str = "server") -> tuple[str, str]:
        """Write both files, and return their paths."""
        directory.mkdir(parents=True, exist_ok=True)
        certificate, key = directory / f"{stem}.pem", directory / f"{stem}.key"
        certificate.write_bytes(self.pem)
        key.write_bytes(self.key_pem())
        return str(certificate), str(key)


def make(
    *names: str,
    subject: str = "test",
    days: tuple[float, float] = (-1, 90),
    signer: Made | None = None,
    is_authority: bool = False,
    is_rsa: bool = False,
) -> Made:
    """Return a certificate for *names*, valid from and to *days* from now."""
    key: Key = ec.generate_private_key(ec.SECP256R1())
    if is_rsa:
        key = rsa.generate_private_key(65537, 2048)
    own = x509.Name(
        [
            x509.NameAttribute(x509.NameOID.ORGANIZATION_NAME, "evloop tests"),
            x509.NameAttribute(x509.NameOID.COMMON_NAME, subject),
        ]
    )
    issuer = signer.certificate.subject if signer is not None else own
    builder = (
        x509.CertificateBuilder()
        .subject_name(own)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW + days[0] * DAY)
        .not_valid_after(NOW + days[1] * DAY)
        .add_extension(x509.BasicConstraints(is_authority, None), critical=True)
    )
    if names:
        hosts = [x509.DNSName(name) for name in names]
        builder = builder.add_extension(x509.SubjectAlternativeName(hosts), critical=False)
    signed = builder.sign(signer.key if signer is not None else key, hashes.SHA256())
    return Made(signed, key)


def client_context(
    version: ssl.TLSVersion | None = None, alpn: Sequence[str] = ()
) -> ssl.SSLContext:
    """Return a client's context that trusts everybody, and speaks only *version*."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if version is not None:
        context.minimum_version = context.maximum_version = version
    if alpn:
        context.set_alpn_protocols(list(alpn))
    return context


class SecureClient(Client):
    """A TLS connection to a server. Use it as a context."""

    def __init__(
        self,
        address: tuple[str, int],
        *,
        context: ssl.SSLContext | None = None,
        name: str = "localhost",
        receive_buffer: int | None = None,
        session: ssl.SSLSession | None = None,
    ) -> None:
        super().__init__(address, receive_buffer=receive_buffer)
        try:
            self.tls = (context or client_context()).wrap_socket(
                self.socket, server_hostname=name, suppress_ragged_eofs=False, session=session
            )
        except BaseException:
            self.socket.close()
            raise
        self.socket = self.tls

    def __enter__(self) -> "SecureClient":
        return self

    @property
    def subject(self) -> str:
        """The names of the server's certificate."""
        der = self.tls.getpeercert(binary_form=True)
        assert der is not None
        found = x509.load_der_x509_certificate(der)
        return str(found.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)[0].value)


__all__ = ["PATIENCE", "Made", "SecureClient", "client_context", "make"]
