"""Streams and multiplexing (RFC 9113 section 5)."""

from evloop.http2.frames import (
    CONTINUATION,
    DATA,
    END_HEADERS,
    END_STREAM,
    GOAWAY,
    HEADERS,
    PRIORITY,
    PRIORITY_UPDATE,
    PUSH_PROMISE,
    RST_STREAM,
    SETTINGS,
    WINDOW_UPDATE,
    ErrorCode,
    Setting,
)
from tests.http2.conformance.expectations import (
    Case,
    Check,
    alive,
    answered,
    connection_error,
    expect_answer,
    stream_error,
)
from tests.http2.raw import RawClient, frame, headers, long, settings, with_path

PROTOCOL, CLOSED = ErrorCode.PROTOCOL_ERROR, ErrorCode.STREAM_CLOSED
REFUSED, CANCEL = ErrorCode.REFUSED_STREAM, ErrorCode.CANCEL
FLOW, SIZE = ErrorCode.FLOW_CONTROL_ERROR, ErrorCode.FRAME_SIZE_ERROR
NO_WINDOW = settings((Setting.INITIAL_WINDOW_SIZE, 0))
RESET = frame(RST_STREAM, 0, 1, long(CANCEL))
WIDER = frame(WINDOW_UPDATE, 0, 1, long(100))
# A request whose response can't be sent, so its stream stays.
HALF_CLOSED = NO_WINDOW + headers()
OPEN = NO_WINDOW + headers(flags=END_HEADERS)


def after_the_response(data: bytes, expected: Check) -> Check:
    """Send *data* when the response to a first request has come."""

    def act(client: RawClient) -> str:
        client.send(headers())
        return expect_answer(client) or expected(client)

    return act


def limit_of_streams(client: RawClient) -> str:
    """Open more streams than the server allows; those over the limit are refused."""
    client.send(NO_WINDOW + b"".join(headers(number) for number in range(1, 303, 2)))
    found = client.wait_for(lambda each: each.kind in {RST_STREAM, GOAWAY})
    if found is None or found.code not in {PROTOCOL, REFUSED, ErrorCode.ENHANCE_YOUR_CALM}:
        return f"{found}"
    return ""


def a_stream_is_refused_alone(client: RawClient) -> str:
    client.send(NO_WINDOW + b"".join(headers(number) for number in range(1, 205, 2)))
    found = client.wait_for(lambda each: each.kind in {RST_STREAM, GOAWAY})
    if found is None or found.kind != RST_STREAM or found.code != REFUSED:
        return f"{found}"
    client.send(frame(WINDOW_UPDATE, 0, 1, long(100_000)))
    done = client.wait_for(lambda each: each.stream_id == 1 and bool(each.flags & END_STREAM))
    return "" if done is not None else "the others have ended too"


def interleaved(client: RawClient) -> str:
    """Two large files: neither waits for the end of the other."""
    more = frame(WINDOW_UPDATE, payload=long(2**30))
    large = settings((Setting.INITIAL_WINDOW_SIZE, 2**30))
    client.send(large + more + headers(1, with_path(b"/large.bin")))
    client.send(headers(3, with_path(b"/large.bin")))
    ends: list[int] = []
    begun: list[int] = []
    while len(ends) < 2:
        found = client.receive()
        if found is None:
            return "closed"
        if found.kind == DATA and found.stream_id not in begun:
            begun.append(found.stream_id)
            if ends:
                return "one after the other"
        if found.kind == DATA and found.flags & END_STREAM:
            ends.append(found.stream_id)
    return ""


SECTION_5 = [
    Case("5.1 idle: DATA", connection_error(frame(DATA, END_STREAM, 1, b"x"), PROTOCOL)),
    Case("5.1 idle: RST_STREAM", connection_error(RESET, PROTOCOL)),
    Case("5.1 idle: WINDOW_UPDATE", connection_error(WIDER, PROTOCOL)),
    Case("5.1 idle: CONTINUATION", connection_error(frame(CONTINUATION, END_HEADERS, 1), PROTOCOL)),
    Case("5.1 idle: PRIORITY", alive(frame(PRIORITY, 0, 1, long(0) + b"\x10"))),
    Case("5.1 idle: HEADERS", answered(headers())),
    Case("5.1 open: WINDOW_UPDATE", alive(OPEN + WIDER)),
    Case("5.1 open: PRIORITY", alive(OPEN + frame(PRIORITY, 0, 1, long(3) + b"\x10"))),
    Case("5.1 open: DATA", alive(OPEN + frame(DATA, 0, 1, b"x"))),
    Case("5.1 open: RST_STREAM", alive(OPEN + RESET)),
    Case(
        "5.1 half-closed (remote): DATA",
        stream_error(HALF_CLOSED + frame(DATA, END_STREAM, 1, b"x"), 1, CLOSED),
    ),
    Case(
        "5.1 half-closed (remote): HEADERS",
        stream_error(HALF_CLOSED + headers(), 1, CLOSED, PROTOCOL),
    ),
    Case(
        "5.1 half-closed (remote): trailers",
        stream_error(HALF_CLOSED + headers(fields=[(b"x", b"y")]), 1, CLOSED),
    ),
    Case(
        "5.1 half-closed (remote): CONTINUATION",
        stream_error(HALF_CLOSED + frame(CONTINUATION, END_HEADERS, 1), 1, CLOSED, PROTOCOL),
    ),
    Case("5.1 half-closed (remote): WINDOW_UPDATE", alive(HALF_CLOSED + WIDER)),
    Case(
        "5.1 half-closed (remote): PRIORITY",
        alive(HALF_CLOSED + frame(PRIORITY, 0, 1, long(0) + b"\x10")),
    ),
    Case("5.1 half-closed (remote): RST_STREAM", alive(HALF_CLOSED + RESET)),
    Case(
        "5.1 closed by RST_STREAM: DATA",
        stream_error(HALF_CLOSED + RESET + frame(DATA, END_STREAM, 1, b"x"), 1, CLOSED),
    ),
    Case(
        "5.1 closed by RST_STREAM: HEADERS",
        stream_error(HALF_CLOSED + RESET + headers(), 1, CLOSED),
    ),
    Case(
        "5.1 closed by RST_STREAM: CONTINUATION",
        stream_error(
            HALF_CLOSED + RESET + frame(CONTINUATION, END_HEADERS, 1), 1, CLOSED, PROTOCOL
        ),
    ),
    Case(
        "5.1 closed by RST_STREAM: PRIORITY",
        alive(HALF_CLOSED + RESET + frame(PRIORITY, 0, 1, long(0) + b"\x10")),
    ),
    Case("5.1 closed by RST_STREAM: RST_STREAM", alive(HALF_CLOSED + RESET + RESET)),
    Case("5.1 closed by RST_STREAM: WINDOW_UPDATE", alive(HALF_CLOSED + RESET + WIDER)),
    Case(
        "5.1 closed by END_STREAM: DATA",
        after_the_response(b"", stream_error(frame(DATA, END_STREAM, 1, b"x"), 1, CLOSED)),
    ),
    Case(
        "5.1 closed by END_STREAM: HEADERS",
        after_the_response(b"", connection_error(headers(), CLOSED, PROTOCOL)),
    ),
    Case(
        "5.1 closed by END_STREAM: CONTINUATION",
        after_the_response(
            b"", connection_error(frame(CONTINUATION, END_HEADERS, 1), CLOSED, PROTOCOL)
        ),
    ),
    Case(
        "5.1 closed by END_STREAM: PRIORITY",
        after_the_response(b"", alive(frame(PRIORITY, 0, 1, long(0) + b"\x10"))),
    ),
    Case("5.1 closed by END_STREAM: WINDOW_UPDATE", after_the_response(b"", alive(WIDER))),
    Case("5.1 closed by END_STREAM: RST_STREAM", after_the_response(b"", alive(RESET))),
    Case("5.1.1 an even number", connection_error(headers(2), PROTOCOL)),
    Case("5.1.1 a smaller number", connection_error(headers(5) + headers(3), PROTOCOL, CLOSED)),
    Case(
        "5.1.1 the same number again",
        after_the_response(b"", connection_error(headers(1), CLOSED, PROTOCOL)),
    ),
    Case("5.1.1 numbers may be left out", answered(headers(1) + headers(1001), 1001)),
    Case("5.1.1 the largest number", answered(headers(2**31 - 1), 2**31 - 1)),
    Case(
        "5.1.1 HEADERS of the connection",
        connection_error(frame(HEADERS, END_STREAM | END_HEADERS), PROTOCOL),
    ),
    Case("5.1.2 more streams than allowed", limit_of_streams),
    Case("5.1.2 the others go on", a_stream_is_refused_alone),
    Case("5.2 streams share the connection", interleaved),
    Case("5.3 PRIORITY in HEADERS", answered(headers(flags=0x25, prefix=long(0) + b"\x10"))),
    Case(
        "5.3 PRIORITY in HEADERS, exclusive",
        answered(headers(flags=0x25, prefix=long(2**31) + b"\xff")),
    ),
    Case(
        "5.3 PRIORITY that depends on its stream",
        stream_error(HALF_CLOSED + frame(PRIORITY, 0, 1, long(1) + b"\x10"), 1, PROTOCOL),
    ),
    Case(
        "5.3 HEADERS that depend on their stream",
        stream_error(headers(flags=0x25, prefix=long(1) + b"\x10"), 1, PROTOCOL),
    ),
    Case(
        "5.3 PRIORITY_UPDATE (RFC 9218)",
        answered(frame(PRIORITY_UPDATE, payload=long(1) + b"u=1, i") + headers()),
    ),
    Case(
        "5.3 PRIORITY_UPDATE on a stream (RFC 9218)",
        connection_error(HALF_CLOSED + frame(PRIORITY_UPDATE, 0, 1, long(1) + b"u=1"), PROTOCOL),
    ),
    Case(
        "5.3 PRIORITY_UPDATE of stream 0 (RFC 9218)",
        connection_error(frame(PRIORITY_UPDATE, payload=long(0) + b"u=1"), PROTOCOL),
    ),
    Case(
        "5.3 PRIORITY_UPDATE of nonsense (RFC 9218)",
        alive(frame(PRIORITY_UPDATE, payload=long(1) + b"\xff;;")),
    ),
    Case(
        "5.4.1 the connection is closed after GOAWAY",
        connection_error(frame(PRIORITY_UPDATE), SIZE),
    ),
    Case(
        "5.4.2 others go on after the error of a stream",
        answered(headers(1, [(b":method", b"GET")]) + headers(3), 3),
    ),
    Case("5.5 an unknown setting", alive(settings((0xBEEF, 7)))),
    Case(
        "5.5 an unknown frame between others",
        answered(frame(0x77, 1, 1, b"x") + headers() + frame(0x77, 1, 1, b"x")),
    ),
    Case(
        "5.5 PUSH_PROMISE of a client",
        connection_error(HALF_CLOSED + frame(PUSH_PROMISE, END_HEADERS, 1, long(2)), PROTOCOL),
    ),
    Case(
        "5.5 GOAWAY of a client lets it go on",
        answered(frame(GOAWAY, payload=long(0) + long(0)) + headers()),
    ),
    Case("5.5 SETTINGS in the midst of a stream", alive(OPEN + frame(SETTINGS))),
]
