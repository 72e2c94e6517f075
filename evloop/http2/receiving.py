"""What a client sends: bytes, then frames, then what each of them means (RFC 9113 section 6)."""

from collections.abc import Callable
from math import inf
from typing import Final

from evloop.http2 import frames
from evloop.http2.budget import FRAME_COST
from evloop.http2.connection_frames import (
    take_goaway,
    take_ping,
    take_priority_update,
    take_push_promise,
    take_settings,
    take_window_update,
)
from evloop.http2.frames import (
    ACK,
    END_HEADERS,
    END_STREAM,
    HAS_PRIORITY,
    HEADER_SIZE,
    MAX_FRAME_SIZE,
    PREFACE,
    PRIORITY_SIZE,
    ConnectionFaultError,
    ErrorCode,
    StreamFaultError,
    read_header,
    without_padding,
)
from evloop.http2.requests import Requests
from evloop.http2.session import Session
from evloop.http2.stream_frames import check_dependency, take_data, take_priority, take_rst_stream
from evloop.http2.waiting import Waiting

CONTROL_ROOM: Final = 1024
"""Bytes of answers to frames, beyond which no more frames are acted on until they are sent."""
RECEIVE_SIZE: Final = HEADER_SIZE + MAX_FRAME_SIZE
"""Bytes that are kept of what was received, at most: one frame."""

_PROTOCOL, _SIZE = ErrorCode.PROTOCOL_ERROR, ErrorCode.FRAME_SIZE_ERROR

_Action = Callable[[Session, int, int, bytes, float], None]
_STREAM_ACTIONS: Final[dict[int, _Action]] = {
    frames.DATA: take_data,
    frames.PRIORITY: take_priority,
    frames.RST_STREAM: take_rst_stream,
    frames.WINDOW_UPDATE: take_window_update,
    frames.PUSH_PROMISE: take_push_promise,
}
_CONNECTION_ACTIONS: Final[dict[int, _Action]] = {
    frames.SETTINGS: take_settings,
    frames.PING: take_ping,
    frames.GOAWAY: take_goaway,
    frames.WINDOW_UPDATE: take_window_update,
    frames.PRIORITY_UPDATE: take_priority_update,
}
_KNOWN: Final = frozenset(
    {frames.HEADERS, frames.CONTINUATION, *_STREAM_ACTIONS, *_CONNECTION_ACTIONS}
)


class Receiver:
    """Acts on what was received. `pending_since` is when a part of a frame or of a header block
    came first of which the rest is missing, at the start that of the connection: the client's
    settings are missing. inf: nothing is missing.
    """

    __slots__ = (
        "_block",
        "_block_flags",
        "_block_id",
        "_preface",
        "_received",
        "_requests",
        "_session",
        "pending_since",
    )

    def __init__(self, session: Session, waiting: Waiting, now: float) -> None:
        self._session = session
        self._requests = Requests(session, waiting)
        self._preface: bytes | None = PREFACE  # what is missing of it; b"" until SETTINGS; None
        self._received = b""  # a frame that is not whole, or frames that have to wait
        self._block = b""  # of a header block without its end
        self._block_id = 0  # its stream; 0: none
        self._block_flags = 0
        self.pending_since = now

    @property
    def buffered(self) -> int:
        """Bytes that are kept."""
        return len(self._received) + len(self._block)

    @property
    def room(self) -> int:
        return RECEIVE_SIZE - len(self._received)

    @property
    def is_begun(self) -> bool:
        """Whether the client has sent its preface."""
        return self._preface is None

    @property
    def has_more(self) -> bool:
        """Whether there are frames that had to wait."""
        return len(self._received) >= HEADER_SIZE

    def say_hello(self) -> None:
        """Send the server's preface, unless that was done (section 3.4)."""
        if self._preface:
            self._session.control += self._session.context.settings
            self._preface = b""

    def receive(self, data: bytes, now: float) -> None:
        """Take *data*, at most `room` bytes."""
        if self._preface:
            data = self._take_preface(data, now)
        self._received = self._received + data if self._received else data
        self.process(now)

    def process(self, now: float) -> None:
        """Act on the frames that are here, as far as there is room for what they lead to."""
        session = self._session
        data, offset = self._received, 0
        while len(data) - offset >= HEADER_SIZE and not session.is_failed:
            if len(session.control) > CONTROL_ROOM:
                break
            length, kind, flags, stream_id = read_header(data, offset)
            start = offset + HEADER_SIZE
            try:
                self._check_header(length, kind, flags, stream_id)
                if start + length > len(data):
                    break
                offset = start + length
                self._act(kind, flags, stream_id, data[start:offset], now)
            except StreamFaultError as fault:
                self._reject(fault, now)
            except ConnectionFaultError as fault:
                session.fail(fault.code, str(fault), now)
        self._received = b"" if session.is_failed else data[offset:]
        self._note_pending(offset > 0, now)

    def clear(self) -> None:
        """Forget what was received: it is over."""
        self._received = self._block = b""
        self.pending_since = inf

    def _note_pending(self, has_acted: bool, now: float) -> None:
        if self._preface is not None:
            return
        if not self._received and not self._block_id:
            self.pending_since = inf
        elif self.pending_since == inf or (has_acted and not self._block_id):
            self.pending_since = now

    def _take_preface(self, data: bytes, now: float) -> bytes:
        """Take the preface off *data*; say hello when it is whole, and fail when it is wrong."""
        preface = self._preface
        assert preface
        count = min(len(preface), len(data))
        if data[:count] != preface[:count]:
            self.say_hello()
            self._session.fail(_PROTOCOL, "this is no preface of HTTP/2", now)
        elif count == len(preface):
            self.say_hello()
        else:
            self._preface = preface[count:]
        return data[count:]

    def _reject(self, fault: StreamFaultError, now: float) -> None:
        try:
            self._session.reject(fault.stream_id, fault.code, now, str(fault))
        except ConnectionFaultError as too_many:
            self._session.fail(too_many.code, str(too_many), now)

    def _check_header(self, length: int, kind: int, flags: int, stream_id: int) -> None:
        """Raise ConnectionFaultError when no such frame may come now."""
        if length > MAX_FRAME_SIZE:
            raise ConnectionFaultError(_SIZE, "a frame that is larger than allowed")
        if self._preface is not None and (kind != frames.SETTINGS or flags & ACK):
            raise ConnectionFaultError(_PROTOCOL, "the first frame is SETTINGS")
        if self._block_id and (kind != frames.CONTINUATION or stream_id != self._block_id):
            raise ConnectionFaultError(_PROTOCOL, "a frame in the midst of a header block")

    def _act(self, kind: int, flags: int, stream_id: int, payload: bytes, now: float) -> None:
        if kind == frames.HEADERS and stream_id:
            self._take_headers(flags, stream_id, payload, now)
            return
        if kind == frames.CONTINUATION and stream_id:
            self._take_continuation(flags, stream_id, payload, now)
            return
        action = (_STREAM_ACTIONS if stream_id else _CONNECTION_ACTIONS).get(kind)
        if action is not None:
            action(self._session, flags, stream_id, payload, now)
            self._preface = None
        elif kind in _KNOWN:
            raise ConnectionFaultError(_PROTOCOL, "a frame of a stream without one, or so")
        else:  # section 5.5: an extension that this server does not know
            self._session.spend(FRAME_COST, now, "unknown frames")

    # Header blocks

    def _take_headers(self, flags: int, stream_id: int, payload: bytes, now: float) -> None:
        payload = without_padding(flags, payload)
        if flags & HAS_PRIORITY:
            if len(payload) < PRIORITY_SIZE:
                raise ConnectionFaultError(_SIZE, "HEADERS without their priority")
            check_dependency(stream_id, payload)
            payload = payload[PRIORITY_SIZE:]
        if flags & END_HEADERS:
            self._requests.take(stream_id, flags & END_STREAM, payload, now)
            return
        self._block_id, self._block_flags, self._block = stream_id, flags, payload
        self._session.spend(FRAME_COST, now, "pieces of header blocks")

    def _take_continuation(self, flags: int, stream_id: int, payload: bytes, now: float) -> None:
        session = self._session
        if not self._block_id:
            raise ConnectionFaultError(_PROTOCOL, "CONTINUATION of nothing")
        session.spend(FRAME_COST, now, "pieces of header blocks")
        if len(self._block) + len(payload) > session.context.header_limit:
            # The rest can't be left out: the table of the client would be another one.
            raise ConnectionFaultError(ErrorCode.ENHANCE_YOUR_CALM, "a header block over the limit")
        self._block += payload
        if flags & END_HEADERS:
            block, self._block, self._block_id = self._block, b"", 0
            self._requests.take(stream_id, self._block_flags & END_STREAM, block, now)
