"""Frames of the connection, and WINDOW_UPDATE, which may be of either (RFC 9113 section 6)."""

from evloop.http2 import frames
from evloop.http2.budget import FRAME_COST, SETTINGS_PER_UNIT
from evloop.http2.flow import WindowError
from evloop.http2.frames import (
    ACK,
    MAX_FRAME_SIZE,
    ConnectionFaultError,
    ErrorCode,
    Setting,
    StreamFaultError,
    read_long,
)
from evloop.http2.hpack import STATELESS
from evloop.http2.schedule import parse_priority
from evloop.http2.session import Session
from evloop.http2.stream_frames import known_stream

_PROTOCOL, _SIZE = ErrorCode.PROTOCOL_ERROR, ErrorCode.FRAME_SIZE_ERROR
_FLOW = ErrorCode.FLOW_CONTROL_ERROR
_SWITCHES = frozenset({Setting.ENABLE_PUSH, Setting.NO_RFC7540_PRIORITIES})


def take_settings(session: Session, flags: int, stream_id: int, payload: bytes, now: float) -> None:
    if flags & ACK:
        if payload:
            raise ConnectionFaultError(_SIZE, "an ACK has nothing in it")
        session.spend(FRAME_COST, now, "SETTINGS")
        session.decoder = STATELESS  # it has given up its table
        return
    if len(payload) % frames.SETTING_SIZE:
        raise ConnectionFaultError(_SIZE, "SETTINGS have six bytes each")
    count = len(payload) // frames.SETTING_SIZE
    session.spend(FRAME_COST + count / SETTINGS_PER_UNIT, now, "SETTINGS")
    for setting, value in frames.read_settings(payload):
        _apply(session, setting, value)
    session.control += frames.SETTINGS_ACK


def _apply(session: Session, setting: int, value: int) -> None:
    """Apply one of the client's settings (section 6.5.2). Those not named mean nothing here."""
    if setting in _SWITCHES and value > 1:
        raise ConnectionFaultError(_PROTOCOL, "a setting that is neither 0 nor 1")
    if setting == Setting.MAX_FRAME_SIZE:
        if not MAX_FRAME_SIZE <= value <= frames.LARGEST_FRAME_SIZE:
            raise ConnectionFaultError(_PROTOCOL, "a frame size that is not allowed")
    elif setting == Setting.INITIAL_WINDOW_SIZE:
        if value > frames.MAX_WINDOW:
            raise ConnectionFaultError(_FLOW, "an initial window that is too large")
        try:
            _change_initial_window(session, value)
        except WindowError as error:
            raise ConnectionFaultError(_FLOW, str(error)) from error


def _change_initial_window(session: Session, size: int) -> None:
    """Let windows begin with *size* bytes, and those of open streams too (section 6.9.2).

    Raises WindowError.
    """
    change, session.windows.initial = size - session.windows.initial, size
    for stream in session.streams.values():
        session.widen_stream(stream, change)


def take_push_promise(
    session: Session, flags: int, stream_id: int, payload: bytes, now: float
) -> None:
    raise ConnectionFaultError(_PROTOCOL, "a client pushes nothing")


def take_ping(session: Session, flags: int, stream_id: int, payload: bytes, now: float) -> None:
    if len(payload) != frames.PING_SIZE:
        raise ConnectionFaultError(_SIZE, "PING has eight bytes")
    session.spend(FRAME_COST, now, "PING")
    if not flags & ACK:
        session.control += frames.ping_ack(payload)


def take_goaway(session: Session, flags: int, stream_id: int, payload: bytes, now: float) -> None:
    if len(payload) < 8:
        raise ConnectionFaultError(_SIZE, "GOAWAY has eight bytes at least")
    session.spend(FRAME_COST, now, "GOAWAY")


def take_window_update(
    session: Session, flags: int, stream_id: int, payload: bytes, now: float
) -> None:
    if len(payload) != 4:
        raise ConnectionFaultError(_SIZE, "WINDOW_UPDATE has four bytes")
    session.spend(FRAME_COST, now, "WINDOW_UPDATE")
    increment = read_long(payload) & frames.RESERVED
    if not stream_id:
        _widen(session, increment)
        return
    stream = known_stream(session, stream_id)
    if not increment:
        raise StreamFaultError(stream_id, _PROTOCOL, "a window that is widened by nothing")
    if stream is not None:
        try:
            session.widen_stream(stream, increment)
        except WindowError as error:
            raise StreamFaultError(stream_id, _FLOW, str(error)) from error


def _widen(session: Session, increment: int) -> None:
    if not increment:
        raise ConnectionFaultError(_PROTOCOL, "a window that is widened by nothing")
    try:
        session.widen(increment)
    except WindowError as error:
        raise ConnectionFaultError(_FLOW, str(error)) from error


def take_priority_update(
    session: Session, flags: int, stream_id: int, payload: bytes, now: float
) -> None:
    """Change the priority of a stream that is open (RFC 9218 section 7.1)."""
    if len(payload) < 4:
        raise ConnectionFaultError(_SIZE, "PRIORITY_UPDATE without its stream")
    session.spend(FRAME_COST, now, "PRIORITY_UPDATE")
    prioritized = read_long(payload) & frames.RESERVED
    if not prioritized:
        raise ConnectionFaultError(_PROTOCOL, "PRIORITY_UPDATE of the connection")
    stream = session.streams.get(prioritized)
    if stream is not None:
        session.schedule.change(stream, parse_priority(payload[4:]))
