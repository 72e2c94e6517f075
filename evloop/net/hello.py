"""What a TLS client asks for first (RFC 8446 section 4.1.2), read before OpenSSL sees it.

The bytes are looked at in the socket and stay there. So a connection that has not sent its whole
hello costs no TLS state, the certificate is chosen before that state is made, and a plain
request is told from a handshake.
"""

from typing import Final, NamedTuple

MAX_HELLO_SIZE: Final = 16 * 1024
"""Bytes of a hello, its record headers included, that are read here: as many as a record holds
(RFC 8446 section 5.1). Browsers send 0.5 to 2 KiB."""
MAX_RECORDS: Final = 16
"""Records that a hello may be cut into, to be read here: each is a reason to look again."""

_HANDSHAKE: Final = 0x16
_CLIENT_HELLO: Final = 0x01
_RECORD_HEADER: Final = 5
_MESSAGE_HEADER: Final = 4
_RANDOM_END: Final = _MESSAGE_HEADER + 2 + 32  # behind the version and the random bytes
_SERVER_NAME: Final = 0
_HOST_NAME: Final = 0
_ALPN: Final = 16


class Hello(NamedTuple):
    """What decides about a handshake; both are empty when the client did not say."""

    name: bytes = b""
    """The host (RFC 6066 section 3), in lower case and without a last dot."""
    protocols: bytes = b""
    """The list of protocols, as it came: each with its length in front (RFC 7301)."""

    def offers(self, protocol: bytes) -> bool:
        """Whether *protocol* is in the list, as far as a search of the bytes can tell."""
        return bytes((len(protocol),)) + protocol in self.protocols


UNREADABLE: Final = Hello()
"""What can't be read here. OpenSSL says what is wrong with it, if anything is."""


def is_plain_text(data: bytes) -> bool:
    """Whether *data*, the first bytes of a connection, are an upper-case letter and what follows:
    the method of an HTTP request, and never the beginning of a TLS record."""
    return data[:1].isalpha() and data[:1].isupper()


def read_hello(data: bytes) -> Hello | int:
    """Return the hello at the beginning of *data*, or how many bytes have to be there first.

    Never raises: what is malformed, too large or cut into too many records is UNREADABLE.
    """
    message = bytearray()
    place = 0
    for _ in range(MAX_RECORDS):
        header = data[place : place + _RECORD_HEADER]
        if header and header[0] != _HANDSHAKE:
            return UNREADABLE
        start = place + _RECORD_HEADER
        if len(header) < _RECORD_HEADER:
            return start
        place = start + int.from_bytes(header[3:])
        if place > MAX_HELLO_SIZE:
            return UNREADABLE
        if len(data) < place:
            return place
        message += data[start:place]
        if len(message) >= _MESSAGE_HEADER:
            end = _MESSAGE_HEADER + int.from_bytes(message[1:_MESSAGE_HEADER])
            if message[0] != _CLIENT_HELLO or end > MAX_HELLO_SIZE:
                return UNREADABLE
            if len(message) >= end:
                return _read_message(bytes(message[:end]))
    return UNREADABLE


def _read_message(message: bytes) -> Hello:
    name = protocols = b""
    place = _skip(message, _RANDOM_END, 1)  # the session's id
    place = _skip(message, place, 2)  # the ciphers
    place = _skip(message, place, 1) + 2  # compression methods, and the extensions' length
    while place + 4 <= len(message):
        kind = int.from_bytes(message[place : place + 2])
        end = _skip(message, place + 2, 2)
        if kind == _SERVER_NAME:
            name = _host_name(message[place + 4 : end])
        elif kind == _ALPN:
            protocols = message[place + 6 : end]
        place = end
    return Hello(name, protocols)


def _skip(message: bytes, place: int, width: int) -> int:
    """Return the end of the vector at *place*, whose length is a number of *width* bytes."""
    return place + width + int.from_bytes(message[place : place + width])


def _host_name(names: bytes) -> bytes:
    """Return the first name of the extension's list; there is but one kind of them."""
    if len(names) < 5 or names[2] != _HOST_NAME:
        return b""
    return names[5 : _skip(names, 3, 2)].lower().removesuffix(b".")
