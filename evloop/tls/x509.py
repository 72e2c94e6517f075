"""What a certificate says of itself, as far as a server has to know (RFC 5280 section 4).

The ssl module checks certificates but shows those of others only. This reads the few fields that
are needed, and trusts nothing that it reads: OpenSSL has the last word on every certificate.
"""

import ssl
from calendar import timegm
from collections.abc import Iterator
from ipaddress import ip_address
from time import strptime
from typing import Final, NamedTuple

_SEQUENCE, _SET, _OID, _OCTETS = 0x30, 0x31, 0x06, 0x04
_UTC_TIME: Final = 0x17
_VERSION, _EXTENSIONS = 0xA0, 0xA3
_DNS_NAME, _ADDRESS = 0x82, 0x87
_COMMON_NAME: Final = bytes.fromhex("550403")
_SUBJECT_ALT_NAME: Final = bytes.fromhex("551d11")
_BEGIN: Final = "-----BEGIN CERTIFICATE-----"
_END: Final = "-----END CERTIFICATE-----"


class Certificate(NamedTuple):
    """One certificate; times are seconds since the epoch.

    `names` are hosts in lower case (`*.` in front means each name one level below) and
    addresses; `key_type` is the object identifier of the public key's algorithm.
    """

    issuer: bytes
    subject: bytes
    not_before: int
    not_after: int
    key_type: bytes
    names: tuple[str, ...]


def read_chain(pem: str) -> list[tuple[Certificate, bytes]]:
    """Return the certificates in *pem* with their bytes, in their order.

    Raises ValueError when there is none, or one that can't be read.
    """
    ders = [ssl.PEM_cert_to_DER_cert(text) for text in _pem_texts(pem)]
    if not ders:
        raise ValueError("it has no certificate")
    return [(read_certificate(der), der) for der in ders]


def _pem_texts(pem: str) -> Iterator[str]:
    place = pem.find(_BEGIN)
    while place >= 0:
        end = pem.find(_END, place)
        if end < 0:
            raise ValueError("its last certificate has no end")
        yield pem[place : end + len(_END)]
        place = pem.find(_BEGIN, end)


def read_certificate(der: bytes) -> Certificate:
    """Return what the certificate *der* says. Raises ValueError for what is none."""
    try:
        return _read(der)
    except (IndexError, StopIteration) as error:
        raise ValueError("it ends too soon") from error


def _read(der: bytes) -> Certificate:
    fields = _items(next(_items(_only(der, _SEQUENCE)))[1])
    kind, value = next(fields)
    if kind == _VERSION:
        next(fields)  # the serial number
    next(fields)  # the signature's algorithm
    issuer = next(fields)[1]
    not_before, not_after = (_seconds(*item) for item in _items(next(fields)[1]))
    subject = next(fields)[1]
    key_type = next(_items(next(_items(next(fields)[1]))[1]))[1]
    names: tuple[str, ...] = ()
    for kind, value in fields:
        if kind == _EXTENSIONS:
            names = tuple(_alternative_names(_only(value, _SEQUENCE)))
    return Certificate(
        issuer, subject, not_before, not_after, key_type, names or tuple(_common_names(subject))
    )


def _items(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the tag and the content of each element (X.690 section 8.1)."""
    place = 0
    while place < len(data):
        tag, size = data[place], data[place + 1]
        place += 2
        if size & 0x80:
            width = size & 0x7F
            size = int.from_bytes(data[place : place + width])
            place += width
        if place + size > len(data):
            raise IndexError(place)
        yield tag, data[place : place + size]
        place += size


def _only(data: bytes, tag: int) -> bytes:
    found, content = next(_items(data))
    if found != tag:
        raise ValueError("it is no certificate")
    return content


def _seconds(tag: int, text: bytes) -> int:
    """Return the time that a UTCTime, whose years are of 1950 to 2049, or a GeneralizedTime is."""
    digits = text.decode("ascii").removesuffix("Z")
    if tag == _UTC_TIME:
        digits = ("19" if digits[:2] >= "50" else "20") + digits
    return timegm(strptime(digits, "%Y%m%d%H%M%S"))


def _alternative_names(extensions: bytes) -> Iterator[str]:
    for _, extension in _items(extensions):
        parts = list(_items(extension))
        if parts[0] != (_OID, _SUBJECT_ALT_NAME):
            continue
        for tag, value in _items(_only(parts[-1][1], _SEQUENCE)):
            if tag == _DNS_NAME:
                yield value.decode("ascii", "replace").lower()
            elif tag == _ADDRESS and len(value) in {4, 16}:
                yield str(ip_address(value))


def _common_names(subject: bytes) -> Iterator[str]:
    """Yield what stood for the host before there were alternative names (RFC 6125)."""
    for _, part in _items(subject):
        for _, pair in _items(part):
            (_, kind), (_, value) = _items(pair)
            if kind == _COMMON_NAME:
                yield value.decode("utf-8", "replace").lower()
