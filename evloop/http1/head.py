"""One request head: parsed by httptools, then held to what RFC 9112 asks of a server."""

import re

import httptools

from evloop.http.fields import tokens
from evloop.http.request import Request, RequestError

MAX_FIELDS = 100
"""More field lines than this are refused with 431."""

_TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VERSION = re.compile(rb" HTTP/([0-9])\.([0-9])\r\n")
_BEGINNING = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]|\r\Z")
_BARE_LF = re.compile(rb"(?<!\r)\n")
# RFC 9112 section 3.2: host and optional port, both possibly empty; no user information.
_HOST = re.compile(
    rb"(?:\[[0-9A-Fa-f:.]+(?:%25[0-9A-Za-z._~-]+)?\]"
    rb"|[A-Za-z0-9._~!$&'()*+,;=-]*(?:%[0-9A-Fa-f]{2}[A-Za-z0-9._~!$&'()*+,;=-]*)*)"
    rb"(?::[0-9]*)?"
)
# The fields that decide about a response, in a head whose syntax was checked. The class in
# front keeps the search from trying each name at each line.
_FIELD = re.compile(
    rb"\n(?=[ACHIRT])"
    rb"(accept|connection|content-length|host|range|transfer-encoding"
    rb"|if-(?:match|modified-since|none-match|range|unmodified-since)):[ \t]*([^\r]*)",
    re.IGNORECASE,
)
_SPACE = 0x20
# The parser tells every field to whoever has a method for it; nobody is quicker.
_NO_CALLBACKS = object()
_IS_HTTP_11 = {b"HTTP/1.1\r": True, b"HTTP/1.0\r": False}


def is_hopeless(received: bytes, searched: int = 0) -> bool:
    """Whether *received* can't become a request any more, however it goes on: a TLS hello, say.

    It begins with no token, or has a line feed of its own (RFC 9112 sections 2.2 and 3). The
    first *searched* bytes are known to have none.
    """
    return not _BEGINNING.match(received) or _BARE_LF.search(received, searched) is not None


def parse_head(head: bytes) -> Request:
    """Return the request in *head*, which ends with its empty line and is one request.

    Raises RequestError: 400 malformed, 431 too many fields, 501 an unknown method,
    505 a version other than 1.0 and 1.1.
    """
    _check_syntax(head)
    parts = head[: head.find(b"\n")].split(b" ")
    # The parser forgives more than one space between the parts, and a lone CR or LF in front
    # of them; a proxy may not.
    if len(parts) != 3 or parts[2] not in _IS_HTTP_11 or head[0] <= _SPACE:
        raise _malformed(head, None)
    method, target, version = parts
    request = Request(method, target, _fields(head), is_http_11=_IS_HTTP_11[version])
    _check(request)
    return request


def _check_syntax(head: bytes) -> None:
    """Have *head* parsed; raise RequestError when it is bad."""
    try:
        httptools.HttpRequestParser(_NO_CALLBACKS).feed_data(head)
    except httptools.HttpParserUpgrade:
        pass  # CONNECT, or an upgrade that is declined by being ignored
    except httptools.HttpParserError as error:
        raise _complaint(head, error) from error


def _fields(head: bytes) -> dict[bytes, bytes]:
    """Return the fields of *head* that decide about a response."""
    if head.count(b"\n") - 2 > MAX_FIELDS:  # without the request line and the empty line
        raise RequestError(431, "too many header fields")
    fields: dict[bytes, bytes] = {}
    for line_name, line_value in _FIELD.findall(head):
        name, value = line_name.lower(), line_value.rstrip()
        fields[name] = fields[name] + b", " + value if name in fields else value
    return fields


def _check(request: Request) -> None:
    """Set what follows from the fields; raise RequestError where they break the rules."""
    fields, is_http_11 = request.fields, request.is_http_11
    host = fields.get(b"host")
    if host is None:
        if is_http_11:
            raise RequestError(400, "no Host field")
    elif not _HOST.fullmatch(host):
        # Two Host lines were joined by a comma and a space, and no host has a space.
        raise RequestError(400, "malformed or repeated Host field")
    connection = fields.get(b"connection")
    if connection is not None and connection != b"keep-alive":
        options = tokens(connection)
        persistent = is_http_11 or b"keep-alive" in options
        request.keep_alive = persistent and b"close" not in options
    elif connection is not None:
        request.keep_alive = True
    # What follows a CONNECT is meant for the other end of a tunnel, and never a request.
    if b"transfer-encoding" in fields or request.method == b"CONNECT":
        request.has_body = True
    elif (length := fields.get(b"content-length")) is not None:
        request.has_body = length.strip(b"0") != b""


def _malformed(head: bytes, error: httptools.HttpParserError | None) -> RequestError:
    """Tell a version that is not spoken here from a head that is no HTTP at all."""
    line = head[: head.find(b"\r\n") + 2]
    found = None if is_hopeless(head) else _VERSION.search(line)
    if found is not None and found.groups() not in {(b"1", b"0"), (b"1", b"1")}:
        return RequestError(505, "this server speaks HTTP/1.0 and HTTP/1.1")
    return RequestError(400, f"malformed request: {error}" if error else "malformed request line")


def _complaint(head: bytes, error: httptools.HttpParserError) -> RequestError:
    """501 when the head would be right with a method that is known, else what is wrong with it.

    Other protocols' methods (RTSP's, say) are known to the parser, but not as HTTP's.
    """
    method, space, rest = head.partition(b" ")
    # CONNECT has targets of its own, that a GET could not have, and the other way round.
    if method in {b"GET", b"CONNECT"} or not space or not _TOKEN.fullmatch(method):
        return _malformed(head, error)
    try:
        parse_head(b"GET " + rest)
    except RequestError as complaint:
        return complaint
    return RequestError(501, "unknown method")
