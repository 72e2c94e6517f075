"""Requests that two programs in a row may cut in different places: request smuggling.

Each shape hides a whole request where a body, or a part of a field, could be. Who takes it
for a request answers twice. The right end is one answer and a closed connection (RFC 9112
sections 2.2, 3, 5, 6.1, 6.3 and 11.2).
"""

HIDDEN = b"GET /hidden.txt HTTP/1.1\r\nHost: localhost\r\n\r\n"
_SIZE = len(HIDDEN)
_CHUNKED = b"%x\r\n%b\r\n0\r\n\r\n" % (_SIZE, HIDDEN)


def _request(
    *fields: bytes, line: bytes = b"GET /small.txt HTTP/1.1", body: bytes = HIDDEN
) -> bytes:
    return b"\r\n".join([line, b"Host: localhost", *fields, b"", b""]) + body


def _lines(*fields: bytes) -> bytes:
    """A request to which nothing was added, not even a Host."""
    return b"\r\n".join([b"GET /small.txt HTTP/1.1", *fields, b"", b""]) + HIDDEN


_LENGTH = b"Content-Length: %d" % _SIZE

SHAPES: dict[str, bytes] = {
    # a plain body
    "GET with a body": _request(_LENGTH),
    "HEAD with a body": _request(_LENGTH, line=b"HEAD /small.txt HTTP/1.1"),
    "OPTIONS with a body": _request(_LENGTH, line=b"OPTIONS * HTTP/1.1"),
    "POST with a body": _request(_LENGTH, line=b"POST /small.txt HTTP/1.1"),
    "unknown method with a body": _request(_LENGTH, line=b"BREW /small.txt HTTP/1.1"),
    "body of a missing file": _request(_LENGTH, line=b"GET /missing HTTP/1.1"),
    "body after 304": _request(b"If-None-Match: *", _LENGTH),
    "body after 416": _request(b"Range: bytes=99999999-", _LENGTH),
    "HTTP/1.0 keep-alive with a body": _request(
        b"Connection: keep-alive", _LENGTH, line=b"GET /small.txt HTTP/1.0"
    ),
    "expected body": _request(b"Expect: 100-continue", _LENGTH),
    "chunked body": _request(b"Transfer-Encoding: chunked", body=_CHUNKED),
    "chunked with extensions": _request(
        b"Transfer-Encoding: chunked",
        body=b'%x;a="b\r\n\r\n";c\r\n%b\r\n0\r\n\r\n' % (_SIZE, HIDDEN),
    ),
    "chunked with a bare LF extension": _request(
        b"Transfer-Encoding: chunked", body=b"2;\nxx\r\n%x\r\n0\r\n\r\n" % _SIZE + HIDDEN
    ),
    "chunked with a huge size": _request(
        b"Transfer-Encoding: chunked", body=b"fffffffffffffffff\r\n" + HIDDEN
    ),
    "chunked with trailers": _request(
        b"Transfer-Encoding: chunked", body=b"0\r\nContent-Length: 5\r\n\r\n" + HIDDEN
    ),
    # two lengths
    "Content-Length and Transfer-Encoding": _request(
        _LENGTH, b"Transfer-Encoding: chunked", body=b"0\r\n\r\n" + HIDDEN
    ),
    "Transfer-Encoding and Content-Length": _request(
        b"Transfer-Encoding: chunked", b"Content-Length: 5", body=b"0\r\n\r\n" + HIDDEN
    ),
    "no length but Transfer-Encoding": _request(
        b"Content-Length: 0", b"Transfer-Encoding: chunked", body=b"0\r\n\r\n" + HIDDEN
    ),
    "two equal lengths": _request(_LENGTH, _LENGTH),
    "two lengths": _request(b"Content-Length: 0", _LENGTH),
    "two lengths, the other way": _request(_LENGTH, b"Content-Length: 0"),
    "a list of lengths": _request(b"Content-Length: %d, %d" % (_SIZE, _SIZE)),
    "a list with no length": _request(b"Content-Length: 0, %d" % _SIZE),
    # spelled lengths
    "signed length": _request(b"Content-Length: +%d" % _SIZE),
    "negative length": _request(b"Content-Length: -1"),
    "hexadecimal length": _request(b"Content-Length: 0x%x" % _SIZE),
    "length with an underscore": _request(b"Content-Length: 0_0"),
    "length with a point": _request(b"Content-Length: 0.0"),
    "length with a space inside": _request(b"Content-Length: 0 %d" % _SIZE),
    "length that overflows": _request(b"Content-Length: 18446744073709551616"),
    "length of very many digits": _request(b"Content-Length: " + b"9" * 400),
    "empty length": _request(b"Content-Length:"),
    "length of letters": _request(b"Content-Length: zero"),
    "quoted length": _request(b'Content-Length: "0"'),
    "length of other digits": _request(b"Content-Length: \xd9\xa0"),
    "length with a vertical tab": _request(b"Content-Length: \x0b0"),
    # spelled codings
    "coding in capitals": _request(b"Transfer-Encoding: CHUNKED", body=_CHUNKED),
    "unknown coding": _request(b"Transfer-Encoding: xchunked", body=_CHUNKED),
    "identity": _request(b"Transfer-Encoding: identity"),
    "chunked before identity": _request(b"Transfer-Encoding: chunked, identity", body=_CHUNKED),
    "chunked twice": _request(b"Transfer-Encoding: chunked, chunked", body=_CHUNKED),
    "two codings": _request(
        b"Transfer-Encoding: chunked", b"Transfer-Encoding: identity", body=_CHUNKED
    ),
    "coding after a tab": _request(b"Transfer-Encoding:\tchunked", body=_CHUNKED),
    "coding after a vertical tab": _request(b"Transfer-Encoding:\x0bchunked", body=_CHUNKED),
    "coding before a control byte": _request(b"Transfer-Encoding: chunked\x01", body=_CHUNKED),
    "coding with a parameter": _request(b"Transfer-Encoding: chunked;q=1", body=_CHUNKED),
    "quoted coding": _request(b'Transfer-Encoding: "chunked"', body=_CHUNKED),
    "empty coding": _request(b"Transfer-Encoding:", body=_CHUNKED),
    "HTTP/1.0 with a coding": _request(
        b"Transfer-Encoding: chunked", line=b"GET /small.txt HTTP/1.0", body=_CHUNKED
    ),
    # fields out of shape
    "folded coding": _request(b"Transfer-Encoding:\r\n chunked", body=_CHUNKED),
    "folded field that hides a length": _request(b"X: a\r\n " + _LENGTH),
    "tab fold": _request(b"X: a\r\n\t" + _LENGTH),
    "fold before the first field": _lines(b" X: a", b"Host: localhost"),
    "space before the colon": _request(b"Content-Length : %d" % _SIZE),
    "tab before the colon": _request(b"Content-Length\t: %d" % _SIZE),
    "space before the colon of a coding": _request(b"Transfer-Encoding : chunked", body=_CHUNKED),
    "NUL before the colon": _request(b"Content-Length\0: %d" % _SIZE),
    "NUL in a value": _request(b"X: a\0b"),
    "control byte in a value": _request(b"X: a\x01b"),
    "control byte in a name": _request(b"X\x01Y: a"),
    "space in a name": _request(b"X Y: a"),
    "bytes beyond ASCII in a name": _request(b"X\xffY: a"),
    "empty name": _request(b": a"),
    "no colon": _request(b"Content-Length"),
    "quote in a name": _request(b'"X": a'),
    "CR in a value": _request(b"X: a\rContent-Length: %d" % _SIZE),
    "two CR": _request(b"X: a\r"),
    # line ends
    "bare LF between fields": _request(b"X: a\n" + _LENGTH),
    "bare LF everywhere": _request(_LENGTH).replace(b"\r\n", b"\n"),
    "bare LF at the end": b"GET /small.txt HTTP/1.1\r\nHost: localhost\r\n\n" + HIDDEN,
    "bare LF after the request line": _request(line=b"GET /small.txt HTTP/1.1\nX: a"),
    "bare CR everywhere": _request(_LENGTH, body=b"").replace(b"\r\n", b"\r") + b"\r\n\r\n",
    "bare LF before the request": b"\n" + _request(),
    # request lines
    "space before the method": _request(line=b" GET /small.txt HTTP/1.1"),
    "two spaces": _request(line=b"GET  /small.txt HTTP/1.1"),
    "tab for a space": _request(line=b"GET\t/small.txt HTTP/1.1"),
    "two spaces before the version": _request(line=b"GET /small.txt  HTTP/1.1"),
    "space after the version": _request(line=b"GET /small.txt HTTP/1.1 "),
    "space in the target": _request(line=b"GET /small.txt /hidden.txt HTTP/1.1"),
    "CR in the target": _request(line=b"GET /small.txt\r/hidden.txt HTTP/1.1"),
    "NUL in the target": _request(line=b"GET /small.txt\0 HTTP/1.1"),
    "no version": _request(line=b"GET /small.txt"),
    "version in small letters": _request(line=b"GET /small.txt http/1.1"),
    "version of another protocol": _request(line=b"GET /small.txt RTSP/1.0"),
    "version 1.10": _request(line=b"GET /small.txt HTTP/1.10"),
    "version 1.2": _request(line=b"GET /small.txt HTTP/1.2"),
    "version 2.0": _request(line=b"GET /small.txt HTTP/2.0"),
    "preface of HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + HIDDEN,
    "no target": _request(line=b"GET HTTP/1.1"),
    "fragment": _request(line=b"GET /small.txt#a HTTP/1.1"),
    # hosts
    "two hosts": _request(b"Host: other.test"),
    "two equal hosts": _request(b"Host: localhost"),
    "no host": _lines(b"X: a"),
    "host with a user": _lines(b"Host: a@localhost"),
    "host with a path": _lines(b"Host: localhost/hidden.txt"),
    "host with a space": _lines(b"Host: localhost other.test"),
    "list of hosts": _lines(b"Host: localhost, other.test"),
    "absolute-form with a user": _request(line=b"GET http://a@localhost/small.txt HTTP/1.1"),
    # protocols that are not spoken
    "tunnel": _request(line=b"CONNECT localhost:80 HTTP/1.1"),
    "upgrade with a body": _request(
        b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", b"HTTP2-Settings: AA", _LENGTH
    ),
    # the connection is over
    "request after close": _request(b"Connection: close"),
    "request after a list with close": _request(b"Connection: x, CLOSE ,y"),
    "request after HTTP/1.0": _request(line=b"GET /small.txt HTTP/1.0"),
    "request after an error": b"\0\r\n\r\n" + HIDDEN,
    "request after TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + HIDDEN,
    "fields without end": _request(*[b"X%d: a" % number for number in range(200)]),
    "head without end": _request(b"X: " + b"a" * 20000),
    "target without end": _request(line=b"GET /" + b"a" * 20000 + b" HTTP/1.1"),
}
