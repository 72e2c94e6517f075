"""A client of HTTP/2 that hides nothing: frames out, frames in, whatever the rules say."""

import socket
import struct
from collections.abc import Callable, Iterable
from typing import NamedTuple

import hpack

from evloop.http2.frames import (
    ACK,
    DATA,
    END_HEADERS,
    END_STREAM,
    HEADERS,
    PING,
    PREFACE,
    RST_STREAM,
    SETTINGS,
    frame_header,
)

Field = tuple[bytes, bytes]

GET: list[Field] = [
    (b":method", b"GET"),
    (b":scheme", b"http"),
    (b":path", b"/small.txt"),
    (b":authority", b"files.test"),
]


class Frame(NamedTuple):
    """One frame."""

    kind: int
    flags: int
    stream_id: int
    payload: bytes

    @property
    def code(self) -> int:
        """The error code of RST_STREAM and GOAWAY."""
        start = 0 if self.kind == RST_STREAM else 4
        return int.from_bytes(self.payload[start : start + 4], "big")


def frame(kind: int, flags: int = 0, stream_id: int = 0, payload: bytes = b"") -> bytes:
    return frame_header(len(payload), kind, flags, stream_id) + payload


def settings(*pairs: tuple[int, int]) -> bytes:
    return frame(SETTINGS, payload=b"".join(struct.pack(">HL", *pair) for pair in pairs))


def block(fields: Iterable[Field] = GET) -> bytes:
    """Return a header block of *fields* that needs no table."""
    encoder = hpack.Encoder()
    fields = [hpack.NeverIndexedHeaderTuple(name, value) for name, value in fields]
    return encoder.encode(fields)


def headers(
    stream_id: int = 1,
    fields: Iterable[Field] = GET,
    flags: int = END_STREAM | END_HEADERS,
    prefix: bytes = b"",
    suffix: bytes = b"",
) -> bytes:
    return frame(HEADERS, flags, stream_id, prefix + block(fields) + suffix)


def with_path(path: bytes, *more: Field) -> list[Field]:
    return [*GET[:2], (b":path", path), *GET[3:], *more]


def long(number: int) -> bytes:
    return struct.pack(">L", number)


def split(data: bytes) -> tuple[list[Frame], bytes]:
    """Return the whole frames in *data*, and what is left."""
    found = []
    while len(data) >= 9:
        high, low, kind, flags, stream_id = struct.unpack_from(">HBBBL", data)
        length = high << 8 | low
        if len(data) < 9 + length:
            break
        found.append(Frame(kind, flags, stream_id & 0x7FFFFFFF, data[9 : 9 + length]))
        data = data[9 + length :]
    return found, data


class RawClient:
    """A connection that has said hello, unless *greets* is false. Use it as a context."""

    def __init__(
        self, address: tuple[str, int], *, greets: bool = True, patience: float = 5.0
    ) -> None:
        self.socket = socket.create_connection(address)
        self.socket.settimeout(patience)
        self.frames: list[Frame] = []
        self.is_over = False
        self._rest = b""
        self.decoder = hpack.Decoder()
        if greets:
            self.greet()

    def __enter__(self) -> "RawClient":
        return self

    def __exit__(self, *ignored: object) -> None:
        self.socket.close()

    def greet(self) -> None:
        """Exchange prefaces and settings, and wait until both sides have confirmed them."""
        self.send(PREFACE + settings())
        self.wait_for(lambda frame: frame.kind == SETTINGS and not frame.flags & ACK)
        self.send(frame(SETTINGS, ACK))
        self.ping()

    def ping(self) -> None:
        """Wait until all that was sent has been acted on."""
        self.send(frame(PING, payload=b"are you?"))
        self.wait_for(lambda frame: frame.kind == PING and bool(frame.flags & ACK))
        self.frames.clear()

    def send(self, data: bytes) -> None:
        try:
            self.socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            self.is_over = True

    def receive(self) -> Frame | None:
        """Return the next frame, None at the end of the connection, whichever it is."""
        while True:
            found, self._rest = split(self._rest)
            if found:
                self._rest = b"".join(frame(*each) for each in found[1:]) + self._rest
                self.frames.append(found[0])
                return found[0]
            try:
                data = self.socket.recv(65536)
            except ConnectionError:
                data = b""
            if not data:
                self.is_over = True
                return None
            self._rest += data

    def wait_for(self, wanted: Callable[[Frame], bool]) -> Frame | None:
        """Return the first frame that is *wanted*, None when the connection ends before.

        Raises TimeoutError.
        """
        while (found := self.receive()) is not None:
            if wanted(found):
                return found
        return None

    def response(self, stream_id: int = 1) -> tuple[dict[bytes, bytes], bytes]:
        """Return fields and body of the response on a stream, and return windows for it."""
        fields: dict[bytes, bytes] = {}
        body = b""
        while (found := self.receive()) is not None:
            if found.stream_id != stream_id:
                continue
            if found.kind == HEADERS:
                fields = dict(self.decoder.decode(found.payload, raw=True))
            elif found.kind == DATA:
                body += found.payload
            else:
                continue
            if found.flags & END_STREAM:
                return fields, body
        raise AssertionError("the connection has ended before the response")
