"""Starting HTTP/2, and frames (RFC 9113 sections 3 and 4)."""

from evloop.http2.frames import (
    ACK,
    CONTINUATION,
    DATA,
    END_HEADERS,
    END_STREAM,
    GOAWAY,
    HEADERS,
    MAX_FRAME_SIZE,
    PADDED,
    PING,
    PREFACE,
    PRIORITY,
    RST_STREAM,
    SETTINGS,
    WINDOW_UPDATE,
    ErrorCode,
    frame_header,
)
from tests.http2.conformance.expectations import (
    Case,
    alive,
    answered,
    connection_error,
    expect_alive,
    expect_answer,
    probe,
    stream_error,
)
from tests.http2.raw import GET, RawClient, block, frame, headers, settings

PROTOCOL, SIZE = ErrorCode.PROTOCOL_ERROR, ErrorCode.FRAME_SIZE_ERROR
COMPRESSION = ErrorCode.COMPRESSION_ERROR
HELLO = PREFACE + settings()
UNKNOWN = 0xBE


def first_frame_is_settings(client: RawClient) -> str:
    client.send(HELLO)
    found = client.receive()
    if found is None or found.kind != SETTINGS or found.flags & ACK:
        return f"the first frame is {found}"
    return ""


def byte_by_byte(client: RawClient) -> str:
    data = HELLO + headers()
    for place in range(len(data)):
        client.send(data[place : place + 1])
    return expect_answer(client)


def settings_are_confirmed(client: RawClient) -> str:
    client.send(HELLO)
    found = client.wait_for(lambda each: each.kind == SETTINGS and bool(each.flags & ACK))
    return "" if found is not None and not found.payload else f"{found}"


def flags_without_meaning(client: RawClient) -> str:
    client.send(frame(PING, 0xFE, payload=b"12345678"))
    found = client.wait_for(lambda each: each.kind == PING)
    if found is None or found.payload != b"12345678":
        return "the PING was not answered"
    client.send(probe())
    return expect_alive(client)


SECTION_3 = [
    Case("3.4 the server begins with SETTINGS", first_frame_is_settings, False),
    Case("3.4 the client's SETTINGS are confirmed", settings_are_confirmed, False),
    Case("3.4 a preface in single bytes", byte_by_byte, False),
    Case("3.4 a request behind the preface", answered(HELLO + headers()), False),
    Case("3.4 no SETTINGS first: PING", connection_error(PREFACE + probe(), PROTOCOL), False),
    Case("3.4 no SETTINGS first: HEADERS", connection_error(PREFACE + headers(), PROTOCOL), False),
    Case(
        "3.4 no SETTINGS first: WINDOW_UPDATE",
        connection_error(PREFACE + frame(WINDOW_UPDATE, payload=bytes(3) + b"\1"), PROTOCOL),
        False,
    ),
    Case(
        "3.4 no SETTINGS first: an ACK",
        connection_error(PREFACE + frame(SETTINGS, ACK), PROTOCOL),
        False,
    ),
    Case(
        "3.4 no SETTINGS first: an unknown frame",
        connection_error(PREFACE + frame(UNKNOWN), PROTOCOL),
        False,
    ),
    Case(
        "3.4 SETTINGS on a stream first", connection_error(PREFACE + frame(SETTINGS, 0, 1)), False
    ),
]

LARGE = MAX_FRAME_SIZE + 1

SECTION_4 = [
    Case("4.1 an unknown type is ignored", alive(frame(UNKNOWN, payload=b"what?"))),
    Case("4.1 an unknown type with all flags", alive(frame(UNKNOWN, 0xFF, 0, bytes(100)))),
    Case("4.1 an unknown type on a stream that is idle", alive(frame(UNKNOWN, 0, 77, b"x"))),
    Case("4.1 the largest unknown frame", alive(frame(UNKNOWN, 0, 0, bytes(MAX_FRAME_SIZE)))),
    Case("4.1 flags without a meaning are ignored", flags_without_meaning),
    Case(
        "4.1 flags without a meaning in HEADERS",
        answered(headers(flags=END_STREAM | END_HEADERS | 0xD2 & ~PADDED & ~0x20)),
    ),
    Case(
        "4.1 the reserved bit of a stream's number is ignored",
        answered(
            frame_header(len(block()), HEADERS, END_STREAM | END_HEADERS, 1 | 1 << 31) + block()
        ),
    ),
    Case(
        "4.1 the reserved bit of a PING is ignored",
        alive(frame_header(8, PING, 0, 1 << 31) + b"reserved"),
    ),
    Case(
        "4.2 DATA of the largest size",
        alive(headers(flags=END_HEADERS) + frame(DATA, END_STREAM, 1, bytes(MAX_FRAME_SIZE))),
    ),
    Case(
        "4.2 DATA over the largest size",
        stream_error(headers(flags=END_HEADERS) + frame(DATA, 0, 1, bytes(LARGE)), 1, SIZE),
    ),
    Case("4.2 HEADERS over the largest size", connection_error(headers(suffix=bytes(LARGE)), SIZE)),
    Case("4.2 SETTINGS over the largest size", connection_error(settings(*[(99, 0)] * 2731), SIZE)),
    Case(
        "4.2 PING over the largest size", connection_error(frame(PING, payload=bytes(LARGE)), SIZE)
    ),
    Case(
        "4.2 an unknown frame over the largest size",
        connection_error(frame(UNKNOWN, payload=bytes(LARGE)), SIZE),
    ),
    Case("4.2 PING that is too short", connection_error(frame(PING, payload=bytes(7)), SIZE)),
    Case(
        "4.2 RST_STREAM that is too long",
        connection_error(headers() + frame(RST_STREAM, 0, 1, bytes(5)), SIZE),
    ),
    Case("4.2 GOAWAY that is too short", connection_error(frame(GOAWAY, payload=bytes(7)), SIZE)),
    Case(
        "4.3 a block of nonsense", connection_error(frame(HEADERS, 5, 1, b"\xff" * 9), COMPRESSION)
    ),
    Case("4.3 an index of 0", connection_error(headers(suffix=b"\x80"), COMPRESSION)),
    Case("4.3 an index behind the tables", connection_error(headers(suffix=b"\xbe"), COMPRESSION)),
    Case(
        "4.3 a name's index behind the tables",
        connection_error(headers(suffix=b"\x7f\x00\x01a"), COMPRESSION),
    ),
    Case(
        "4.3 a string that ends behind the block",
        connection_error(headers(suffix=b"\x00\x01a\x7f\x00"), COMPRESSION),
    ),
    Case(
        "4.3 a block that ends in an integer",
        connection_error(headers(suffix=b"\xff\x80"), COMPRESSION),
    ),
    Case(
        "4.3 an integer without an end",
        connection_error(headers(suffix=b"\xff" + b"\x80" * 20 + b"\x01"), COMPRESSION),
    ),
    Case(
        "4.3 EOS in a Huffman code",
        connection_error(headers(suffix=b"\x00\x01a\x84\xff\xff\xff\xff"), COMPRESSION),
    ),
    Case(
        "4.3 padding of a Huffman code with zeros",
        connection_error(headers(suffix=b"\x00\x01a\x81\x18"), COMPRESSION),
    ),
    Case(
        "4.3 padding of a Huffman code of eight bits",
        connection_error(headers(suffix=b"\x00\x01a\x82\x1f\xff"), COMPRESSION),
    ),
    Case(
        "4.3 a table size over the limit",
        connection_error(headers(prefix=b"\x3f\xe2\x1f"), COMPRESSION),
    ),
    Case(
        "4.3 a table size in the midst of a block",
        connection_error(headers(suffix=b"\x20\x82"), COMPRESSION),
    ),
    Case("4.3 a table size in front of a block", answered(headers(prefix=b"\x20"))),
    Case(
        "4.3 a literal that would go into a table of no size",
        answered(headers(suffix=b"\x40\x01x\x01y")),
    ),
    Case("4.3 a literal that is never indexed", answered(headers(suffix=b"\x10\x01x\x01y"))),
    Case("4.3 a value in Huffman's code", answered(headers(suffix=b"\x00\x01x\x81\x1f"))),
    Case(
        "4.3 a block in pieces of one byte",
        answered(
            frame(HEADERS, END_STREAM, 1, block()[:1])
            + b"".join(
                frame(CONTINUATION, 0, 1, block()[at : at + 1]) for at in range(1, len(block()) - 1)
            )
            + frame(CONTINUATION, END_HEADERS, 1, block()[-1:])
        ),
    ),
    Case(
        "4.3 PRIORITY in the midst of a block",
        connection_error(
            frame(HEADERS, END_STREAM, 1, block()) + frame(PRIORITY, 0, 1, bytes(5)), PROTOCOL
        ),
    ),
    Case(
        "4.3 HEADERS of another stream in the midst of a block",
        connection_error(frame(HEADERS, END_STREAM, 1, block()) + headers(3), PROTOCOL),
    ),
    Case(
        "4.3 an unknown frame in the midst of a block",
        connection_error(frame(HEADERS, END_STREAM, 1, block()) + frame(UNKNOWN), PROTOCOL),
    ),
    Case(
        "4.3 PING in the midst of a block",
        connection_error(
            frame(HEADERS, END_STREAM, 1, block()) + frame(PING, payload=bytes(8)), PROTOCOL
        ),
    ),
    Case(
        "4.3 DATA in the midst of a block",
        connection_error(frame(HEADERS, 0, 1, block(GET)) + frame(DATA, 0, 1, b"x"), PROTOCOL),
    ),
]
