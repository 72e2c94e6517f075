"""One request head: parsed by httptools, then checked for what RFC 9112 requires of a server."""

import re

import httptools

from evloop.http.authority import is_host
from evloop.http.fields import tokens
from evloop.http.head_fields import FIELDS, read_fields
from evloop.http.request import Request, RequestError

MAX_FIELDS = 100
"""Field lines of a head; more are refused with 431. Apache's LimitRequestFields is 100, too."""
MAX_CONNECTION_SIZE = 128
"""Bytes of a Connection field that is read. It holds a few options and names of fields."""

_TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]++")
_VERSION = re.compile(rb" HTTP/([0-9])\.([0-9])\r\n")
_VERSION_SIZE = len(b" HTTP/1.1\r\n")
_BEGINNING = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]|\r\Z")
_SPACE = 0x20
# The parser calls a method for each field if there is one. Without methods it only checks.
_NO_CALLBACKS = object()
_IS_HTTP_11 = {b"HTTP/1.1\r": True, b"HTTP/1.0\r": False}


def is_hopeless(received: bytes, searched: int = 0) -> bool:
    """Whether *received* can't become a request, whatever follows it: a TLS hello, for example.

    It does not begin with a token, or has a line feed without a carriage return (RFC 9112
    sections 2.2 and 3). The first *searched* bytes are known to have no such line feed and are
    not searched again, so that the time for a head in pieces grows with its size alone.
    """
    if not _BEGINNING.match(received):
        return True
    line_feeds = received.count(b"\n", searched)
    return line_feeds > 0 and received.count(b"\r\n", max(0, searched - 1)) < line_feeds


def parse_head(head: bytes, read: re.Pattern[bytes] = FIELDS) -> Request:
    """Return the request in *head*, which ends with its empty line and is one request.

    *read*: the fields that are read, a field_pattern().

    Raises RequestError: 400 malformed, 431 too many fields, 501 an unknown method,
    505 a version other than 1.0 and 1.1.
    """
    if head.count(b"\n") - 2 > MAX_FIELDS:  # without the request line and the empty line
        if is_hopeless(head):  # as it would be refused if it came in pieces
            raise _malformed(head, None)
        raise RequestError(431, "too many header fields")
    _check_syntax(head)
    parts = head[: head.find(b"\n")].split(b" ", 3)
    # The parser accepts more than one space between the parts, and a lone CR or LF in front of
    # them. A proxy may read such a line in another way.
    if len(parts) != 3 or parts[2] not in _IS_HTTP_11 or head[0] <= _SPACE:
        raise _malformed(head, None)
    method, target, version = parts
    request = Request(method, target, read_fields(head, read), is_http_11=_IS_HTTP_11[version])
    _check(request)
    return request


def _check_syntax(head: bytes) -> None:
    """Raise RequestError when the syntax of *head* is wrong."""
    try:
        httptools.HttpRequestParser(_NO_CALLBACKS).feed_data(head)
    except httptools.HttpParserUpgrade:
        pass  # CONNECT, or an upgrade, which is declined by a response in HTTP/1.1
    except httptools.HttpParserError as error:
        raise _complaint(head, error) from error


def _check(request: Request) -> None:
    """Set `keep_alive` and `has_body` from the fields; raise RequestError when Host is wrong."""
    fields = request.fields
    host = fields.get(b"host")
    if host is None:
        if request.is_http_11:
            raise RequestError(400, "no Host field")
    elif not is_host(host):
        # Two Host lines were joined by a comma and a space, and no host has a space.
        raise RequestError(400, "malformed or repeated Host field")
    connection = fields.get(b"connection")
    if connection is not None:
        request.keep_alive = _keeps_alive(connection, request.is_http_11)
    # What follows a CONNECT is meant for the other end of a tunnel; it is never a request.
    if b"transfer-encoding" in fields or request.method == b"CONNECT":
        request.has_body = True
    elif (length := fields.get(b"content-length")) is not None:
        request.has_body = length.count(b"0") < len(length)


def _keeps_alive(connection: bytes, is_http_11: bool) -> bool:
    """Return whether the client wants to go on (RFC 9112 section 9.3).

    A field of more than MAX_CONNECTION_SIZE bytes is not read and means `close`, which a server
    may always do.
    """
    if connection == b"keep-alive":
        return True
    if len(connection) > MAX_CONNECTION_SIZE:
        return False
    options = tokens(connection)
    return (is_http_11 or b"keep-alive" in options) and b"close" not in options


def _malformed(head: bytes, error: httptools.HttpParserError | None) -> RequestError:
    """Return 505 when *head* has a version that is not supported, otherwise 400."""
    line = head[: head.find(b"\r\n") + 2]
    found = None if is_hopeless(head) else _VERSION.fullmatch(line[-_VERSION_SIZE:])
    if found is not None and found.groups() not in {(b"1", b"0"), (b"1", b"1")}:
        return RequestError(505, "this server speaks HTTP/1.0 and HTTP/1.1")
    return RequestError(400, f"malformed request: {error}" if error else "malformed request line")


def _complaint(head: bytes, error: httptools.HttpParserError) -> RequestError:
    """Return 501 when *head* would be right with a known method, otherwise what is wrong with it.

    The parser knows methods of other protocols, RTSP for one, but not as methods of HTTP.
    """
    method, space, rest = head.partition(b" ")
    # CONNECT has a form of target that GET can't have, and the other way round.
    if method in {b"GET", b"CONNECT"} or not space or not _TOKEN.fullmatch(method):
        return _malformed(head, error)
    try:
        parse_head(b"GET " + rest)
    except RequestError as complaint:
        return complaint
    return RequestError(501, "unknown method")
