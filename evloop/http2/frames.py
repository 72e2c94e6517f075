"""Frames of HTTP/2: nine bytes of a header, then a payload (RFC 9113 sections 4 and 6)."""

import struct
from enum import IntEnum
from typing import Final

PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
"""What a client sends first (section 3.4)."""
HEADER_SIZE: Final = 9
MAX_FRAME_SIZE: Final = 16 * 1024
"""Bytes of a payload, in either direction: what every peer takes, and the least that
SETTINGS_MAX_FRAME_SIZE may be (section 6.5.2)."""
LARGEST_FRAME_SIZE: Final = 2**24 - 1
"""The most that SETTINGS_MAX_FRAME_SIZE may be (section 6.5.2)."""
MAX_WINDOW: Final = 2**31 - 1
"""Bytes of a window, at most (section 6.9.1)."""
INITIAL_WINDOW: Final = 65_535
"""Bytes of each window at its start (section 6.9.2)."""
MAX_STREAM_ID: Final = 2**31 - 1

# Types (section 6); PRIORITY_UPDATE is RFC 9218 section 7.1.
DATA: Final = 0x0
HEADERS: Final = 0x1
PRIORITY: Final = 0x2
RST_STREAM: Final = 0x3
SETTINGS: Final = 0x4
PUSH_PROMISE: Final = 0x5
PING: Final = 0x6
GOAWAY: Final = 0x7
WINDOW_UPDATE: Final = 0x8
CONTINUATION: Final = 0x9
PRIORITY_UPDATE: Final = 0x10

# Flags. ACK is that of SETTINGS and PING, END_STREAM that of DATA and HEADERS.
ACK: Final = 0x1
END_STREAM: Final = 0x1
END_HEADERS: Final = 0x4
PADDED: Final = 0x8
HAS_PRIORITY: Final = 0x20

_HEADER: Final = struct.Struct(">HBBBL")  # the length is 24 bits: 16 and 8
_PREFIX: Final = struct.Struct(">HBBB")
_SETTING: Final = struct.Struct(">HL")
_LONG: Final = struct.Struct(">L")
_LONGS: Final = struct.Struct(">LL")
PRIORITY_SIZE: Final = 5
"""Bytes of the fields of PRIORITY, in its frame and in HEADERS (section 6.3)."""
PING_SIZE: Final = 8
SETTING_SIZE: Final = 6
RESERVED: Final = 0x7FFF_FFFF
"""What is left of four bytes whose first bit means nothing."""


class ErrorCode(IntEnum):
    """Why a stream or a connection ends (section 7)."""

    NO_ERROR = 0x0
    PROTOCOL_ERROR = 0x1
    INTERNAL_ERROR = 0x2
    FLOW_CONTROL_ERROR = 0x3
    SETTINGS_TIMEOUT = 0x4
    STREAM_CLOSED = 0x5
    FRAME_SIZE_ERROR = 0x6
    REFUSED_STREAM = 0x7
    CANCEL = 0x8
    COMPRESSION_ERROR = 0x9
    CONNECT_ERROR = 0xA
    ENHANCE_YOUR_CALM = 0xB
    INADEQUATE_SECURITY = 0xC
    HTTP_1_1_REQUIRED = 0xD


class Setting(IntEnum):
    """Parameters of a SETTINGS frame (section 6.5.2; RFC 9218 section 2.1 for the last)."""

    HEADER_TABLE_SIZE = 0x1
    ENABLE_PUSH = 0x2
    MAX_CONCURRENT_STREAMS = 0x3
    INITIAL_WINDOW_SIZE = 0x4
    MAX_FRAME_SIZE = 0x5
    MAX_HEADER_LIST_SIZE = 0x6
    NO_RFC7540_PRIORITIES = 0x9


class ConnectionFaultError(Exception):
    """The peer has done what ends the connection (section 5.4.1)."""

    def __init__(self, code: ErrorCode, reason: str) -> None:
        super().__init__(reason)
        self.code = code


class StreamFaultError(Exception):
    """The peer has done what ends one stream (section 5.4.2)."""

    def __init__(self, stream_id: int, code: ErrorCode, reason: str) -> None:
        super().__init__(reason)
        self.stream_id = stream_id
        self.code = code


# Reading


def read_header(data: bytes, offset: int) -> tuple[int, int, int, int]:
    """Return length, type, flags and stream of the frame at *offset*, whose header is there."""
    high, low, kind, flags, stream_id = _HEADER.unpack_from(data, offset)
    return high << 8 | low, kind, flags, stream_id & RESERVED


def without_padding(flags: int, payload: bytes) -> bytes:
    """Return *payload* of DATA or HEADERS without its padding (section 6.1)."""
    if not flags & PADDED:
        return payload
    if not payload:
        raise ConnectionFaultError(ErrorCode.FRAME_SIZE_ERROR, "no length of the padding")
    stop = len(payload) - payload[0]
    if stop < 1:
        raise ConnectionFaultError(ErrorCode.PROTOCOL_ERROR, "more padding than there is payload")
    return payload[1:stop]


def read_settings(payload: bytes) -> list[tuple[int, int]]:
    """Return parameters and values of a SETTINGS payload, a multiple of SETTING_SIZE bytes."""
    return list(_SETTING.iter_unpack(payload))


def read_long(payload: bytes) -> int:
    """Return the first four bytes of *payload* as a number."""
    number: int = _LONG.unpack_from(payload)[0]
    return number


# Writing


def frame_header(length: int, kind: int, flags: int, stream_id: int) -> bytes:
    """Return the header of a frame with a payload of *length* bytes."""
    return _HEADER.pack(length >> 8, length & 0xFF, kind, flags, stream_id)


def frame_prefix(length: int, kind: int, flags: int) -> bytes:
    """Return a frame's header up to its stream id, which is four bytes."""
    return _PREFIX.pack(length >> 8, length & 0xFF, kind, flags)


def stream_id_bytes(stream_id: int) -> bytes:
    """Return *stream_id* as it follows a frame_prefix()."""
    return _LONG.pack(stream_id)


def settings_frame(settings: dict[Setting, int]) -> bytes:
    """Return a SETTINGS frame."""
    payload = b"".join(_SETTING.pack(setting, value) for setting, value in settings.items())
    return frame_header(len(payload), SETTINGS, 0, 0) + payload


SETTINGS_ACK: Final = frame_header(0, SETTINGS, ACK, 0)


def ping_ack(payload: bytes) -> bytes:
    """Return the answer to a PING with *payload*."""
    return frame_header(PING_SIZE, PING, ACK, 0) + payload


def rst_stream(stream_id: int, code: ErrorCode) -> bytes:
    """Return a RST_STREAM frame."""
    return frame_header(4, RST_STREAM, 0, stream_id) + _LONG.pack(code)


def goaway(last_stream_id: int, code: ErrorCode, reason: str = "") -> bytes:
    """Return a GOAWAY frame; *reason* is for whoever debugs the client."""
    payload = _LONGS.pack(last_stream_id, code) + reason.encode()
    return frame_header(len(payload), GOAWAY, 0, 0) + payload


def window_update(stream_id: int, increment: int) -> bytes:
    """Return a WINDOW_UPDATE frame; stream 0 is the connection."""
    return frame_header(4, WINDOW_UPDATE, 0, stream_id) + _LONG.pack(increment)


def header_frames(block: bytes, stream_id: int, flags: int) -> bytes:
    """Return HEADERS with *block*, and CONTINUATION frames for what is more than a frame holds."""
    pieces = [block[at : at + MAX_FRAME_SIZE] for at in range(0, len(block), MAX_FRAME_SIZE)]
    frames = []
    for number, piece in enumerate(pieces):
        kind, of_kind = (CONTINUATION, 0) if number else (HEADERS, flags)
        if number == len(pieces) - 1:
            of_kind |= END_HEADERS
        frames.append(frame_header(len(piece), kind, of_kind, stream_id) + piece)
    return b"".join(frames)
