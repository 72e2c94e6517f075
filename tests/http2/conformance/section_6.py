"""Frame definitions (RFC 9113 section 6)."""

from evloop.http2.frames import (
    ACK,
    CONTINUATION,
    DATA,
    END_HEADERS,
    END_STREAM,
    GOAWAY,
    HEADERS,
    MAX_WINDOW,
    PADDED,
    PING,
    PRIORITY,
    RST_STREAM,
    SETTINGS,
    WINDOW_UPDATE,
    ErrorCode,
    Setting,
)
from tests.http2.conformance.expectations import (
    Case,
    alive,
    answered,
    connection_error,
    expect_answer,
    stream_error,
)
from tests.http2.raw import GET, RawClient, block, frame, headers, long, settings, with_path

PROTOCOL, SIZE = ErrorCode.PROTOCOL_ERROR, ErrorCode.FRAME_SIZE_ERROR
FLOW, CLOSED = ErrorCode.FLOW_CONTROL_ERROR, ErrorCode.STREAM_CLOSED
NO_WINDOW = settings((Setting.INITIAL_WINDOW_SIZE, 0))
OPEN = NO_WINDOW + headers(flags=END_HEADERS)
HALF_CLOSED = NO_WINDOW + headers()
POST = [(b":method", b"POST"), *GET[1:]]


def wide(stream_id: int, increment: int) -> bytes:
    return frame(WINDOW_UPDATE, 0, stream_id, long(increment))


def data_sizes(client: RawClient, wanted: int) -> list[int] | str:
    """Return the sizes of the next *wanted* DATA frames on stream 1."""
    sizes: list[int] = []
    while len(sizes) < wanted:
        found = client.receive()
        if found is None:
            return "closed"
        if found.kind in {GOAWAY, RST_STREAM}:
            return f"ended with {found.code}"
        if found.kind == DATA:
            sizes.append(len(found.payload))
    return sizes


def one_byte_windows(client: RawClient) -> str:
    client.send(settings((Setting.INITIAL_WINDOW_SIZE, 1)) + headers())
    if (sizes := data_sizes(client, 1)) != [1]:
        return f"{sizes}"
    client.send(wide(1, 1) + wide(1, 2))
    sizes = data_sizes(client, 1)
    more = sizes if isinstance(sizes, str) or sum(sizes) == 3 else data_sizes(client, 1)
    return "" if not isinstance(more, str) else more


def no_window_means_no_data(client: RawClient) -> str:
    client.send(HALF_CLOSED + frame(PING, payload=b"no data?"))
    while (found := client.receive()) is not None:
        if found.kind == DATA:
            return "DATA without a window"
        if found.kind == PING:
            client.send(wide(1, 100_000))
            sizes = data_sizes(client, 1)
            return sizes if isinstance(sizes, str) else ""
    return "closed"


def settings_widen_open_streams(client: RawClient) -> str:
    client.send(HALF_CLOSED + settings((Setting.INITIAL_WINDOW_SIZE, 5)))
    sizes = data_sizes(client, 1)
    return "" if sizes == [5] else f"{sizes}"


def a_negative_window(client: RawClient) -> str:
    """Shrink the window below what was sent: it has to be made good first (6.9.2)."""
    client.send(settings((Setting.INITIAL_WINDOW_SIZE, 10)) + headers())
    if (sizes := data_sizes(client, 1)) != [10]:
        return f"{sizes}"
    client.send(settings((Setting.INITIAL_WINDOW_SIZE, 4)))  # -6
    client.send(wide(1, 6) + frame(PING, payload=b"no data?"))  # 0
    while (found := client.receive()) is not None:
        if found.kind == DATA:
            return "DATA out of a window that is not there"
        if found.kind == PING:
            break
    client.send(wide(1, 3))
    sizes = data_sizes(client, 1)
    return "" if sizes == [3] else f"{sizes}"


def the_connection_has_a_window(client: RawClient) -> str:
    """A stream's window alone is not enough."""
    client.send(settings((Setting.INITIAL_WINDOW_SIZE, 2**20)))
    client.send(headers(1, with_path(b"/large.bin")))
    total = 0
    while total < 65_535:
        sizes = data_sizes(client, 1)
        if isinstance(sizes, str):
            return sizes
        total += sum(sizes)
    if total > 65_535:
        return f"{total} bytes"
    client.send(wide(0, 7))
    sizes = data_sizes(client, 1)
    return "" if sizes == [7] else f"{sizes}"


def frames_are_no_larger_than_allowed(client: RawClient) -> str:
    client.send(settings((Setting.INITIAL_WINDOW_SIZE, 2**20)) + wide(0, 2**20))
    client.send(headers(1, with_path(b"/large.bin")))
    while (found := client.receive()) is not None:
        if len(found.payload) > 16_384:
            return f"a frame of {len(found.payload)} bytes"
        if found.kind == DATA and found.flags & END_STREAM:
            return ""
    return "closed"


def ping_has_its_payload_back(client: RawClient) -> str:
    client.send(frame(PING, payload=b"\0\xffabcdef"))
    found = client.wait_for(lambda each: each.kind == PING)
    return "" if found is not None and found.payload == b"\0\xffabcdef" else f"{found}"


def a_ping_that_is_an_answer(client: RawClient) -> str:
    client.send(frame(PING, ACK, payload=b"answer??") + frame(PING, payload=b"question"))
    found = client.wait_for(lambda each: each.kind == PING)
    return "" if found is not None and found.payload == b"question" else f"{found}"


def each_settings_frame_is_confirmed(client: RawClient) -> str:
    client.send(settings() * 3)
    for _ in range(3):
        found = client.wait_for(lambda each: each.kind == SETTINGS)
        if found is None or not found.flags & ACK:
            return f"{found}"
    return ""


def windows_come_back(client: RawClient) -> str:
    """DATA that nobody reads does not use the connection's window up."""
    for number in range(1, 17, 2):
        client.send(headers(number, POST, END_HEADERS))
        client.send(frame(DATA, END_STREAM, number, bytes(16_000)))
        if wrong := expect_answer(client, number, 405):
            return wrong
    return ""


DEPENDENT = long(0) + b"\x10"

SECTION_6 = [
    Case("6.1 DATA of the connection", connection_error(frame(DATA, 0, 0, b"x"), PROTOCOL)),
    Case("6.1 padding", alive(OPEN + frame(DATA, PADDED, 1, b"\x03abc\0\0\0"))),
    Case("6.1 padding alone", alive(OPEN + frame(DATA, PADDED, 1, b"\x03\0\0\0"))),
    Case(
        "6.1 padding of the payload's length",
        connection_error(OPEN + frame(DATA, PADDED, 1, b"\x04abc"), PROTOCOL),
    ),
    Case(
        "6.1 padding of more than the payload",
        connection_error(OPEN + frame(DATA, PADDED, 1, b"\xffabc"), PROTOCOL),
    ),
    Case(
        "6.1 a flag of padding in a frame of nothing",
        connection_error(OPEN + frame(DATA, PADDED, 1), SIZE, PROTOCOL),
    ),
    Case("6.1 DATA of nothing", alive(OPEN + frame(DATA, 0, 1))),
    Case(
        "6.2 HEADERS with padding",
        answered(headers(flags=END_STREAM | END_HEADERS | PADDED, prefix=b"\x03", suffix=bytes(3))),
    ),
    Case(
        "6.2 HEADERS with padding and priority",
        answered(
            headers(
                flags=END_STREAM | END_HEADERS | PADDED | 0x20,
                prefix=b"\x03" + DEPENDENT,
                suffix=bytes(3),
            )
        ),
    ),
    Case(
        "6.2 HEADERS with more padding than payload",
        connection_error(
            frame(HEADERS, END_STREAM | END_HEADERS | PADDED, 1, b"\xff" + block()), PROTOCOL
        ),
    ),
    Case(
        "6.2 HEADERS without the priority that it says",
        connection_error(
            frame(HEADERS, END_STREAM | END_HEADERS | 0x20, 1, b"\0\0"), SIZE, PROTOCOL
        ),
    ),
    Case(
        "6.2 HEADERS of nothing",
        stream_error(frame(HEADERS, END_STREAM | END_HEADERS, 1), 1, PROTOCOL),
    ),
    Case(
        "6.2 HEADERS without END_HEADERS wait for the rest",
        answered(frame(HEADERS, END_STREAM, 1, block()) + frame(CONTINUATION, END_HEADERS, 1)),
    ),
    Case(
        "6.3 PRIORITY of the connection",
        connection_error(frame(PRIORITY, 0, 0, DEPENDENT), PROTOCOL),
    ),
    Case(
        "6.3 PRIORITY that is too short",
        stream_error(HALF_CLOSED + frame(PRIORITY, 0, 1, bytes(4)), 1, SIZE),
    ),
    Case(
        "6.3 PRIORITY that is too long",
        stream_error(HALF_CLOSED + frame(PRIORITY, 0, 1, bytes(6)), 1, SIZE),
    ),
    Case(
        "6.4 RST_STREAM of the connection",
        connection_error(frame(RST_STREAM, 0, 0, long(8)), PROTOCOL),
    ),
    Case(
        "6.4 RST_STREAM that is too short",
        connection_error(HALF_CLOSED + frame(RST_STREAM, 0, 1, bytes(3)), SIZE),
    ),
    Case(
        "6.4 RST_STREAM that is too long",
        connection_error(HALF_CLOSED + frame(RST_STREAM, 0, 1, bytes(8)), SIZE),
    ),
    Case(
        "6.4 RST_STREAM of an even stream",
        connection_error(frame(RST_STREAM, 0, 2, long(8)), PROTOCOL),
    ),
    Case(
        "6.4 RST_STREAM with an unknown code",
        answered(
            HALF_CLOSED + frame(RST_STREAM, 0, 1, long(0xDEAD)) + headers(3) + wide(3, 100_000), 3
        ),
    ),
    Case("6.5 SETTINGS on a stream", connection_error(frame(SETTINGS, 0, 1), PROTOCOL)),
    Case("6.5 an ACK with a payload", connection_error(frame(SETTINGS, ACK, 0, bytes(6)), SIZE)),
    Case("6.5 SETTINGS of seven bytes", connection_error(frame(SETTINGS, 0, 0, bytes(7)), SIZE)),
    Case("6.5 SETTINGS of three bytes", connection_error(frame(SETTINGS, 0, 0, bytes(3)), SIZE)),
    Case("6.5 an ACK of nothing", alive(frame(SETTINGS, ACK))),
    Case("6.5.2 ENABLE_PUSH of 2", connection_error(settings((2, 2)), PROTOCOL)),
    Case("6.5.2 ENABLE_PUSH of 0", alive(settings((2, 0)))),
    Case("6.5.2 ENABLE_PUSH of 1", alive(settings((2, 1)))),
    Case("6.5.2 an initial window over 2^31 - 1", connection_error(settings((4, 2**31)), FLOW)),
    Case("6.5.2 the largest initial window", alive(settings((4, MAX_WINDOW)))),
    Case("6.5.2 a frame size under 16,384", connection_error(settings((5, 16_383)), PROTOCOL)),
    Case("6.5.2 a frame size over 2^24 - 1", connection_error(settings((5, 2**24)), PROTOCOL)),
    Case("6.5.2 the largest frame size", alive(settings((5, 2**24 - 1)))),
    Case("6.5.2 a table of no size", answered(settings((1, 0)) + headers())),
    Case("6.5.2 the largest table", answered(settings((1, 2**32 - 1)) + headers())),
    Case("6.5.2 a header list of no size", answered(settings((6, 0)) + headers())),
    Case("6.5.2 no concurrent streams of the server", answered(settings((3, 0)) + headers())),
    Case(
        "6.5.2 NO_RFC7540_PRIORITIES of 2 (RFC 9218)", connection_error(settings((9, 2)), PROTOCOL)
    ),
    Case(
        "6.5.3 the last of several values counts",
        answered(settings((4, 0), (4, 100_000)) + headers()),
    ),
    Case("6.5.3 each SETTINGS is confirmed", each_settings_frame_is_confirmed),
    Case("6.5.3 all of an initial window at once", settings_widen_open_streams),
    Case(
        "6.6 PUSH_PROMISE", connection_error(frame(5, END_HEADERS, 1, long(2) + block()), PROTOCOL)
    ),
    Case("6.7 PING on a stream", connection_error(frame(PING, 0, 1, bytes(8)), PROTOCOL)),
    Case("6.7 PING that is too short", connection_error(frame(PING, 0, 0, bytes(6)), SIZE)),
    Case("6.7 PING that is too long", connection_error(frame(PING, 0, 0, bytes(9)), SIZE)),
    Case("6.7 PING of nothing", connection_error(frame(PING), SIZE)),
    Case("6.7 a PING has its payload back", ping_has_its_payload_back),
    Case("6.7 an answer is not answered", a_ping_that_is_an_answer),
    Case("6.8 GOAWAY on a stream", connection_error(frame(GOAWAY, 0, 1, bytes(8)), PROTOCOL)),
    Case("6.8 GOAWAY with words", alive(frame(GOAWAY, 0, 0, bytes(8) + b"good bye"))),
    Case(
        "6.9 WINDOW_UPDATE that is too short",
        connection_error(frame(WINDOW_UPDATE, 0, 0, bytes(3)), SIZE),
    ),
    Case(
        "6.9 WINDOW_UPDATE that is too long",
        connection_error(frame(WINDOW_UPDATE, 0, 0, bytes(5)), SIZE),
    ),
    Case("6.9 nothing for the connection", connection_error(wide(0, 0), PROTOCOL)),
    Case("6.9 nothing for a stream", stream_error(HALF_CLOSED + wide(1, 0), 1, PROTOCOL)),
    Case("6.9 the reserved bit is ignored", alive(frame(WINDOW_UPDATE, 0, 0, long(1 << 31 | 5)))),
    Case("6.9.1 no DATA without a window", no_window_means_no_data),
    Case("6.9.1 windows of one byte", one_byte_windows),
    Case("6.9.1 the connection has a window of its own", the_connection_has_a_window),
    Case(
        "6.9.1 the connection's window over 2^31 - 1",
        connection_error(wide(0, MAX_WINDOW) + wide(0, MAX_WINDOW), FLOW),
    ),
    Case(
        "6.9.1 a stream's window over 2^31 - 1",
        stream_error(
            HALF_CLOSED + settings((4, 0)) + wide(1, MAX_WINDOW) + wide(1, MAX_WINDOW), 1, FLOW
        ),
    ),
    Case(
        "6.9.1 more DATA than the window",
        stream_error(
            headers(fields=POST, flags=END_HEADERS)
            + b"".join(frame(DATA, 0, 1, bytes(16_384)) for _ in range(1000)),
            1,
            FLOW,
            ErrorCode.ENHANCE_YOUR_CALM,
            CLOSED,
        ),
    ),
    Case("6.9.2 a window of less than nothing", a_negative_window),
    Case(
        "6.9.2 settings that make a window too large",
        connection_error(HALF_CLOSED + wide(1, MAX_WINDOW) + settings((4, 2)), FLOW),
    ),
    Case("6.9.2 windows of discarded DATA come back", windows_come_back),
    Case(
        "6.10 CONTINUATION after HEADERS",
        answered(
            frame(HEADERS, END_STREAM, 1, block()[:5])
            + frame(CONTINUATION, 0, 1, block()[5:9])
            + frame(CONTINUATION, END_HEADERS, 1, block()[9:])
        ),
    ),
    Case(
        "6.10 CONTINUATION after END_HEADERS",
        connection_error(
            HALF_CLOSED + frame(CONTINUATION, END_HEADERS, 1, block()), PROTOCOL, CLOSED
        ),
    ),
    Case(
        "6.10 CONTINUATION of the connection",
        connection_error(
            frame(HEADERS, END_STREAM, 1, block()) + frame(CONTINUATION, END_HEADERS, 0), PROTOCOL
        ),
    ),
    Case(
        "6.10 CONTINUATION of another stream",
        connection_error(
            frame(HEADERS, END_STREAM, 1, block()) + frame(CONTINUATION, END_HEADERS, 3), PROTOCOL
        ),
    ),
    Case(
        "6.10 CONTINUATION after DATA",
        connection_error(
            OPEN + frame(DATA, 0, 1, b"x") + frame(CONTINUATION, END_HEADERS, 1, block()), PROTOCOL
        ),
    ),
    Case("6.10 frames are no larger than allowed", frames_are_no_larger_than_allowed),
]
