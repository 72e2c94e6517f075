"""A certificate that is made at the start, for this machine: to try things out, not for others."""

import datetime
import socket
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address

from evloop.tls.pair import Files, Pair, new_pair

LIFE = datetime.timedelta(days=365)
"""Browsers refuse those of public authorities after 398 days; a run of the server is shorter."""
_FILES = Files("the certificate made at the start", "its key")


def make_pair(names: Iterable[str]) -> Pair:
    """Return a new pair for *names*, hosts and addresses. Its key is in no file.

    Raises ModuleNotFoundError without the package cryptography (extra `tls`).
    """
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "evloop self-signed")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))  # clocks differ
        .not_valid_after(now + LIFE)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(
            x509.SubjectAlternativeName(
                [
                    x509.DNSName(name) if (ip := _address(name)) is None else x509.IPAddress(ip)
                    for name in dict.fromkeys(names)
                ]
            ),
            critical=False,
        )
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    key_pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return new_pair(pem, key_pem, b"", _FILES)


def own_names(hosts: Iterable[str]) -> list[str]:
    """Return what this machine is called: localhost, its names, and *hosts* to listen on."""
    found = ["localhost", "127.0.0.1", "::1"]
    name = socket.gethostname().lower()
    found += [name, socket.getfqdn().lower()]
    for host in (*hosts, name):
        try:
            found += [str(info[4][0]) for info in socket.getaddrinfo(host, None)]
        except (OSError, UnicodeError):
            continue  # the machine does not know itself by that name
        if _address(host) is None:
            found.append(host.lower())
    usable = (each.partition("%")[0] for each in found)
    return [each for each in dict.fromkeys(usable) if each.isascii() and each not in {"::", ""}]


def _address(name: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(name)
    except ValueError:
        return None
