"""Error codes, and HTTP in HTTP/2 (RFC 9113 sections 7 and 8)."""

from evloop.http2.frames import (
    CONTINUATION,
    DATA,
    END_HEADERS,
    END_STREAM,
    GOAWAY,
    HEADERS,
    RST_STREAM,
    ErrorCode,
    Setting,
)
from tests.http2.conformance.expectations import (
    Case,
    Check,
    alive,
    answered,
    expect_answer,
    stream_error,
)
from tests.http2.raw import GET, Field, RawClient, block, frame, headers, long, settings, with_path

PROTOCOL = ErrorCode.PROTOCOL_ERROR
METHOD, SCHEME, PATH, AUTHORITY = GET
POST: list[Field] = [(b":method", b"POST"), *GET[1:]]
OPEN = settings((Setting.INITIAL_WINDOW_SIZE, 0)) + headers(flags=END_HEADERS)


def malformed(*fields: Field) -> Check:
    return stream_error(headers(fields=fields), 1, PROTOCOL)


def right(*fields: Field) -> Check:
    return answered(headers(fields=fields))


def refused(status: int, *fields: Field) -> Check:
    return answered(headers(fields=fields), 1, status)


def with_body(length: bytes, *frames_: bytes) -> bytes:
    return headers(fields=[*POST, (b"content-length", length)], flags=END_HEADERS) + b"".join(
        frames_
    )


def data(payload: bytes, flags: int = 0) -> bytes:
    return frame(DATA, flags, 1, payload)


def trailers(*fields: Field, flags: int = END_STREAM | END_HEADERS) -> bytes:
    return frame(HEADERS, flags, 1, block(fields))


def no_field_of_http1(client: RawClient) -> str:
    client.send(headers())
    fields, _ = client.response()
    bad = {b"connection", b"keep-alive", b"transfer-encoding", b"upgrade"} & set(fields)
    wrong_case = [name for name in fields if name != name.lower()]
    return f"{bad or wrong_case}" if bad or wrong_case else ""


def head_has_no_body(client: RawClient) -> str:
    client.send(headers(fields=[(b":method", b"HEAD"), *GET[1:]]))
    while (found := client.receive()) is not None:
        if found.kind == DATA and found.payload:
            return "a body"
        if found.flags & END_STREAM:
            return ""
    return "closed"


def a_body_is_refused_politely(client: RawClient) -> str:
    """The response, then RST_STREAM with NO_ERROR (8.1), if the client goes on to send."""
    client.send(headers(fields=POST, flags=END_HEADERS) + data(b"some"))
    if wrong := expect_answer(client, 1, 405):
        return wrong
    client.send(data(b"of it") + headers(3))
    found = client.wait_for(lambda each: each.kind in {RST_STREAM, GOAWAY})
    if found is None or found.kind == GOAWAY or found.code != ErrorCode.NO_ERROR:
        return f"{found}"
    return expect_answer(client, 3)


SECTION_7 = [
    Case("7 GOAWAY with an unknown code", alive(frame(GOAWAY, payload=long(0) + long(0xFF)))),
    Case("7 RST_STREAM with an unknown code", alive(OPEN + frame(RST_STREAM, 0, 1, long(0xFF)))),
]

SECTION_8 = [
    Case("8.1 GET", right(*GET)),
    Case("8.1 a request of an unknown file", answered(headers(fields=with_path(b"/no")), 1, 404)),
    Case("8.1 HEAD has no body", head_has_no_body),
    Case("8.1 a body is refused politely", a_body_is_refused_politely),
    Case("8.1 trailers", alive(OPEN + data(b"x") + trailers((b"x", b"y")))),
    Case(
        "8.1 trailers without END_STREAM",
        stream_error(OPEN + data(b"x") + trailers((b"x", b"y"), flags=END_HEADERS), 1, PROTOCOL),
    ),
    Case(
        "8.1 trailers with a pseudo-field",
        stream_error(OPEN + data(b"x") + trailers((b":path", b"/")), 1, PROTOCOL),
    ),
    Case(
        "8.1 trailers with an upper-case name",
        stream_error(OPEN + data(b"x") + trailers((b"X", b"y")), 1, PROTOCOL),
    ),
    Case(
        "8.1 a second HEADERS without END_STREAM",
        stream_error(OPEN + headers(flags=END_HEADERS), 1, PROTOCOL),
    ),
    Case(
        "8.1.1 Content-Length over the DATA",
        stream_error(with_body(b"9", data(b"test", END_STREAM)), 1, PROTOCOL),
    ),
    Case(
        "8.1.1 Content-Length under the DATA",
        stream_error(with_body(b"1", data(b"test", END_STREAM)), 1, PROTOCOL),
    ),
    Case(
        "8.1.1 Content-Length under the DATA of several frames",
        stream_error(with_body(b"5", data(b"test"), data(b"test", END_STREAM)), 1, PROTOCOL),
    ),
    Case("8.1.1 Content-Length without DATA", malformed(*GET, (b"content-length", b"5"))),
    Case("8.1.1 Content-Length of 0 without DATA", right(*GET, (b"content-length", b"0"))),
    Case(
        "8.1.1 Content-Length of the DATA",
        answered(with_body(b"4", data(b"test", END_STREAM)), 1, 405),
    ),
    Case(
        "8.1.1 Content-Length twice, and not the same",
        malformed(*GET, (b"content-length", b"0"), (b"content-length", b"1")),
    ),
    Case("8.1.1 Content-Length that is no number", malformed(*GET, (b"content-length", b"x"))),
    Case("8.1.1 Content-Length with a sign", malformed(*GET, (b"content-length", b"+0"))),
    Case("8.2 a name in upper case", malformed(*GET, (b"X-Test", b"y"))),
    Case("8.2.1 a name of nothing", malformed(*GET, (b"", b"y"))),
    Case("8.2.1 a name with a space", malformed(*GET, (b"a b", b"y"))),
    Case("8.2.1 a name with a NUL", malformed(*GET, (b"a\0b", b"y"))),
    Case("8.2.1 a name with a line feed", malformed(*GET, (b"a\nb", b"y"))),
    Case("8.2.1 a name with a colon in it", malformed(*GET, (b"a:b", b"y"))),
    Case("8.2.1 a name beyond ASCII", malformed(*GET, (b"\xe4", b"y"))),
    Case("8.2.1 a name of DEL", malformed(*GET, (b"\x7f", b"y"))),
    Case("8.2.1 a value with a NUL", malformed(*GET, (b"x", b"a\0b"))),
    Case("8.2.1 a value with a line feed", malformed(*GET, (b"x", b"a\nb"))),
    Case("8.2.1 a value with a carriage return", malformed(*GET, (b"x", b"a\rb"))),
    Case("8.2.1 a value that begins with a space", malformed(*GET, (b"x", b" a"))),
    Case("8.2.1 a value that ends with a tab", malformed(*GET, (b"x", b"a\t"))),
    Case("8.2.1 a value of nothing", right(*GET, (b"x", b""))),
    Case("8.2.1 a value with bytes beyond ASCII", right(*GET, (b"x", b"\xe4\xff"))),
    Case("8.2.1 a value with a tab in it", right(*GET, (b"x", b"a\tb"))),
    Case("8.2.2 Connection", malformed(*GET, (b"connection", b"keep-alive"))),
    Case("8.2.2 Keep-Alive", malformed(*GET, (b"keep-alive", b"timeout=5"))),
    Case("8.2.2 Proxy-Connection", malformed(*GET, (b"proxy-connection", b"close"))),
    Case("8.2.2 Transfer-Encoding", malformed(*GET, (b"transfer-encoding", b"chunked"))),
    Case("8.2.2 Upgrade", malformed(*GET, (b"upgrade", b"h2c"))),
    Case("8.2.2 TE of trailers", right(*GET, (b"te", b"trailers"))),
    Case("8.2.2 TE of something else", malformed(*GET, (b"te", b"trailers, deflate"))),
    Case("8.2.2 responses have nothing of HTTP/1.1", no_field_of_http1),
    Case("8.2.3 Cookie in pieces", right(*GET, (b"cookie", b"a=b"), (b"cookie", b"c=d"))),
    Case("8.3 an unknown pseudo-field", malformed(*GET, (b":test", b"ok"))),
    Case("8.3 a pseudo-field of responses", malformed(*GET, (b":status", b"200"))),
    Case("8.3 a pseudo-field behind regular ones", malformed(*GET[:3], (b"x", b"y"), AUTHORITY)),
    Case("8.3 :protocol without the extension", malformed(*GET, (b":protocol", b"websocket"))),
    Case("8.3.1 a path of nothing", malformed(METHOD, SCHEME, (b":path", b""), AUTHORITY)),
    Case("8.3.1 no method", malformed(SCHEME, PATH, AUTHORITY)),
    Case("8.3.1 no scheme", malformed(METHOD, PATH, AUTHORITY)),
    Case("8.3.1 no path", malformed(METHOD, SCHEME, AUTHORITY)),
    Case("8.3.1 two methods", malformed(METHOD, *GET)),
    Case("8.3.1 two schemes", malformed(SCHEME, *GET)),
    Case("8.3.1 two paths", malformed(PATH, *GET)),
    Case("8.3.1 two authorities", malformed(AUTHORITY, *GET)),
    Case("8.3.1 a method with a space", malformed((b":method", b"GE T"), *GET[1:])),
    Case(
        "8.3.1 a path that does not begin with a slash",
        malformed(METHOD, SCHEME, (b":path", b"small.txt"), AUTHORITY),
    ),
    Case("8.3.1 a path with a space", malformed(METHOD, SCHEME, (b":path", b"/a b"), AUTHORITY)),
    Case(
        "8.3.1 a path with a line feed", malformed(METHOD, SCHEME, (b":path", b"/a\nb"), AUTHORITY)
    ),
    Case("8.3.1 an asterisk with GET", malformed(METHOD, SCHEME, (b":path", b"*"), AUTHORITY)),
    Case(
        "8.3.1 an asterisk with OPTIONS",
        refused(204, (b":method", b"OPTIONS"), SCHEME, (b":path", b"*"), AUTHORITY),
    ),
    Case("8.3.1 Host and :authority that differ", malformed(*GET, (b"host", b"other.test"))),
    Case("8.3.1 Host and :authority that agree", right(*GET, (b"host", b"files.test"))),
    Case("8.3.1 Host alone", right(*GET[:3], (b"host", b"files.test"))),
    Case("8.3.1 neither Host nor :authority", refused(400, *GET[:3])),
    Case("8.3.1 user information in :authority", refused(400, *GET[:3], (b":authority", b"a@b"))),
    Case("8.3.1 a line feed in :authority", malformed(*GET[:3], (b":authority", b"a\nb"))),
    Case("8.5 CONNECT", refused(405, (b":method", b"CONNECT"), AUTHORITY)),
    Case("8.5 CONNECT with a path", malformed((b":method", b"CONNECT"), PATH, AUTHORITY)),
    Case("8.5 CONNECT with a scheme", malformed((b":method", b"CONNECT"), SCHEME, AUTHORITY)),
    Case("8.5 CONNECT without an authority", malformed((b":method", b"CONNECT"))),
    Case(
        "8.6 a header list in CONTINUATION",
        answered(
            frame(HEADERS, END_STREAM, 1, block(GET))
            + frame(CONTINUATION, 0, 1, block([(b"x", b"y" * 999)]))
            + frame(CONTINUATION, END_HEADERS, 1, block([(b"z", b"y" * 999)]))
        ),
    ),
]
