"""Frames of one stream, but for header blocks (RFC 9113 section 6)."""

from evloop.http2 import frames
from evloop.http2.budget import DISCARDED_PER_UNIT, FRAME_COST, RESET_COST
from evloop.http2.frames import (
    END_STREAM,
    INITIAL_WINDOW,
    PRIORITY_SIZE,
    ConnectionFaultError,
    ErrorCode,
    StreamFaultError,
    read_long,
    without_padding,
)
from evloop.http2.session import Session
from evloop.http2.streams import Event, Stream, StreamState

_OPEN = StreamState.OPEN
_PROTOCOL, _SIZE = ErrorCode.PROTOCOL_ERROR, ErrorCode.FRAME_SIZE_ERROR
_FLOW, _CLOSED = ErrorCode.FLOW_CONTROL_ERROR, ErrorCode.STREAM_CLOSED


def known_stream(session: Session, stream_id: int) -> Stream | None:
    """Return the stream, None for one that is over. Raises ConnectionFaultError for none yet.

    Streams of even numbers would be the server's, which opens none.
    """
    if stream_id > session.last_id or not stream_id % 2:
        raise ConnectionFaultError(_PROTOCOL, "a frame on a stream that nobody has opened")
    return session.streams.get(stream_id)


def take_data(session: Session, flags: int, stream_id: int, payload: bytes, now: float) -> None:
    """Discard what is a part of a request's body: nothing here reads one."""
    stream = known_stream(session, stream_id)
    _count_data(session, len(payload))
    data = without_padding(flags, payload)
    if stream is None:
        session.spend(FRAME_COST + len(payload) / DISCARDED_PER_UNIT, now, "DATA behind the end")
        if not session.is_reset(stream_id):
            raise StreamFaultError(stream_id, _CLOSED, "DATA on a stream that is over")
        return
    if not data:
        session.spend(FRAME_COST, now, "DATA of nothing")
    if stream.state is not _OPEN:
        raise StreamFaultError(stream_id, _CLOSED, "DATA behind END_STREAM")
    _add_data(stream, len(payload), len(data), is_last=bool(flags & END_STREAM))


def _add_data(stream: Stream, size: int, of_body: int, *, is_last: bool) -> None:
    """Count a frame of *size* bytes, padding included, *of_body* of them of the request's body."""
    stream.taken += size
    if stream.taken > INITIAL_WINDOW:
        raise StreamFaultError(stream.id, _FLOW, "more DATA than the stream's window")
    stream.received += of_body
    if stream.promised >= 0:
        is_wrong = stream.received > stream.promised
        if is_wrong or (is_last and stream.received != stream.promised):
            raise StreamFaultError(stream.id, _PROTOCOL, "more or less than Content-Length")
    if is_last:
        stream.apply(Event.END_RECEIVED)


def _count_data(session: Session, size: int) -> None:
    returned = session.windows.receive(size)
    if returned:
        session.control += frames.window_update(0, returned)


def take_priority(session: Session, flags: int, stream_id: int, payload: bytes, now: float) -> None:
    """Take no notice, since RFC 9113 section 5.3.2 asks for none, but of what is wrong."""
    if len(payload) != PRIORITY_SIZE:
        raise StreamFaultError(stream_id, _SIZE, "PRIORITY that is too short, or too long")
    check_dependency(stream_id, payload)
    session.spend(FRAME_COST, now, "PRIORITY")


def check_dependency(stream_id: int, payload: bytes) -> None:
    if read_long(payload) & frames.RESERVED == stream_id:  # RFC 7540 section 5.3.1
        raise ConnectionFaultError(_PROTOCOL, "a stream that depends on itself")


def take_rst_stream(
    session: Session, flags: int, stream_id: int, payload: bytes, now: float
) -> None:
    if len(payload) != 4:
        raise ConnectionFaultError(_SIZE, "RST_STREAM has four bytes")
    stream = known_stream(session, stream_id)
    if stream is None:
        session.spend(FRAME_COST, now, "RST_STREAM")
        return
    session.client_reset(stream, now)
    session.spend(RESET_COST, now, "streams that are reset")
