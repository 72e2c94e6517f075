"""The client's side of an HTTP/2 connection, as strict as can be.

It reads what a server sends, and raises ProtocolViolationError for a frame that may not come, a
byte that no window has room for, and a body that is not the one that was asked for.
"""

from evloop.http2 import frames
from evloop.http2.frames import ACK, END_HEADERS, END_STREAM, HEADER_SIZE, MAX_FRAME_SIZE
from evloop.http2.hpack import Decoder, encode_fields
from fuzzing.stage import ProtocolViolationError

_HEAD = ((b":method", b"GET"), (b":scheme", b"http"), (b":authority", b"a"))
_MAX_BLOCK_SIZE = 1024


def expect(condition: bool, what: str) -> None:
    """Raise ProtocolViolationError, which says *what*, unless *condition* holds."""
    if not condition:
        raise ProtocolViolationError(what)


def request_block(target: bytes, *more: tuple[bytes, bytes]) -> bytes:
    """Return the header block of a request for *target*."""
    return encode_fields((*_HEAD, (b":path", target), *more))


class Asked:
    """A request: what its body is to be, as far as the server may send it."""

    def __init__(self, body: bytes) -> None:
        self.body = body
        self.got = 0
        self.window = 0
        self.status = b""
        self.is_over = False


class StrictClient:
    """What a client knows. `asked` has its requests by their streams; `goaway` is the code of the
    server's, and `resets` are the codes of its RST_STREAM frames.
    """

    def __init__(self) -> None:
        self.asked: dict[int, Asked] = {}
        self.window = frames.INITIAL_WINDOW
        self.initial = frames.INITIAL_WINDOW
        self.goaway: int | None = None
        self.resets: list[int] = []
        self.pings = 0
        self.has_greeted = False
        """Whether its own first settings were confirmed."""
        self.is_strict = True
        """Whether all that it has asked for is known. If not, only the frames are looked at."""
        self._received = b""
        self._decoder = Decoder()
        self._has_begun = False
        self._unconfirmed: list[int] = []

    # What it does, and what that allows

    def ask(self, stream_id: int, body: bytes) -> None:
        """Note a request that was sent."""
        self.asked[stream_id] = asked = Asked(body)
        asked.window = self.initial

    def change_initial(self, size: int) -> None:
        """Note a SETTINGS_INITIAL_WINDOW_SIZE that was sent: it holds once it is confirmed."""
        self._unconfirmed.append(size)

    def _confirm(self) -> None:
        if not self._unconfirmed:
            return
        size = self._unconfirmed.pop(0)
        for asked in self.asked.values():
            asked.window += size - self.initial
        self.initial = size

    def widen(self, stream_id: int, increment: int) -> None:
        """Note a WINDOW_UPDATE that was sent."""
        if not stream_id:
            self.window += increment
        elif stream_id in self.asked:
            self.asked[stream_id].window += increment

    def reset(self, stream_id: int) -> None:
        """Note a RST_STREAM that was sent."""
        if stream_id in self.asked:
            self.asked[stream_id].is_over = True

    # What comes

    def receive(self, data: bytes) -> None:
        """Take *data*, in whatever pieces."""
        self._received += data
        while len(self._received) >= HEADER_SIZE:
            length, kind, flags, stream_id = frames.read_header(self._received, 0)
            expect(length <= MAX_FRAME_SIZE, f"a frame of {length} bytes")
            end = HEADER_SIZE + length
            if len(self._received) < end:
                return
            payload, self._received = self._received[HEADER_SIZE:end], self._received[end:]
            self._take(kind, flags, stream_id, payload)

    @property
    def is_between_frames(self) -> bool:
        return not self._received

    def _take(self, kind: int, flags: int, stream_id: int, payload: bytes) -> None:
        is_settings = kind == frames.SETTINGS and not flags & ACK
        expect(self._has_begun or is_settings, "the first frame is not SETTINGS")
        self._has_begun = True
        if not self.is_strict:
            return
        if kind == frames.HEADERS:
            self._take_headers(flags, stream_id, payload)
        elif kind == frames.DATA:
            self._take_data(flags, stream_id, payload)
        elif kind == frames.RST_STREAM:
            self.resets.append(frames.read_long(payload))
            if stream_id in self.asked:
                self.asked[stream_id].is_over = True
        elif kind == frames.GOAWAY:
            self.goaway = frames.read_long(payload[4:])
        elif kind == frames.PING:
            expect(bool(flags & ACK), "the server asks by PING")
            self.pings += 1
        elif kind == frames.SETTINGS:
            if flags & ACK and self.has_greeted:
                self._confirm()
            self.has_greeted = self.has_greeted or bool(flags & ACK)
        else:
            expect(kind == frames.WINDOW_UPDATE and not stream_id, f"a frame of type {kind}")

    def _of(self, stream_id: int) -> Asked:
        expect(stream_id in self.asked, f"a response on stream {stream_id}, which asks for nothing")
        return self.asked[stream_id]

    def _take_headers(self, flags: int, stream_id: int, payload: bytes) -> None:
        asked = self._of(stream_id)
        expect(bool(flags & END_HEADERS), "a head in pieces")
        fields = dict(self._decoder.decode(payload, 64 * 1024, 100))
        expect(not asked.status, "a second head")
        asked.status = fields[b":status"]
        if asked.status != b"200":
            asked.body = b"refused: %b\n" % asked.status
        if flags & END_STREAM:
            expect(not asked.body, "a body is missing")
            asked.is_over = True

    def _take_data(self, flags: int, stream_id: int, payload: bytes) -> None:
        asked = self._of(stream_id)
        expect(bool(asked.status), "DATA without a head")
        expect(payload == asked.body[asked.got : asked.got + len(payload)], "wrong bytes")
        asked.got += len(payload)
        asked.window -= len(payload)
        self.window -= len(payload)
        if payload:
            expect(asked.window >= 0, "more than the stream's window")
            expect(self.window >= 0, "more than the connection's window")
        if flags & END_STREAM:
            expect(asked.got == len(asked.body), "a body that is too short")
            asked.is_over = True
