"""From a decoded header list to a request (RFC 9113 sections 8.2 and 8.3).

What is checked here is what HTTP/1.1 checks by its own syntax. The regular fields are then written
as HTTP/1.1 would write them, so that the fields that decide are picked by the same rule, and the
log shows the same.
"""

import re
from collections.abc import Sequence
from typing import Final, NamedTuple

from evloop.http.authority import is_host
from evloop.http.head_fields import FIELDS, read_fields
from evloop.http.request import Request, RequestError

Field = tuple[bytes, bytes]

METHODS: Final = frozenset(
    b"ACL BIND CHECKOUT CONNECT COPY DELETE GET HEAD LINK LOCK M-SEARCH MERGE MKACTIVITY MKCALENDAR"
    b" MKCOL MOVE NOTIFY OPTIONS PATCH POST PROPFIND PROPPATCH PURGE PUT QUERY REBIND REPORT SEARCH"
    b" SOURCE SUBSCRIBE TRACE UNBIND UNLINK UNLOCK UNSUBSCRIBE".split()
)
"""Methods that are known, and answered with 405 where they are not allowed; others with 501. Those
that the parser of HTTP/1.1 knows (tests/http2/test_heads.py)."""

# Section 8.2.2: what belongs to a connection of HTTP/1.1.
_OF_CONNECTIONS = frozenset(
    {b"connection", b"keep-alive", b"proxy-connection", b"transfer-encoding", b"upgrade"}
)
_PSEUDO = frozenset({b":method", b":scheme", b":authority", b":path"})
_TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
# Names, each with a line feed behind it, and values with one between them: all are checked at once.
_NAMES = re.compile(rb"(?:[!#$%&'*+.^_`|~0-9a-z-]++\n)*")
_BAD_VALUES = re.compile(rb"[\0\r]|[ \t](?=\n|\Z)|(?:\A|(?<=\n))[ \t]")
_SCHEME = re.compile(rb"[A-Za-z][A-Za-z0-9+.-]*")  # RFC 3986 section 3.1
_PATH = re.compile(rb"/[\x21-\x7e\x80-\xff]*")
_LENGTH = re.compile(rb"[0-9]{1,18}")


class MalformedError(Exception):
    """A request that is none: its stream ends with PROTOCOL_ERROR (section 8.1.1)."""


class Head(NamedTuple):
    """A header list that is a request.

    `text` is the head as HTTP/1.1 would write it; `length` is what Content-Length promises, -1
    without one.
    """

    method: bytes
    target: bytes
    text: bytes
    length: int


def read_head(fields: Sequence[Field]) -> Head:
    """Return the request in *fields*. Raises MalformedError."""
    pseudo = _pseudo_fields(fields)
    regular = fields[len(pseudo) :]
    check_fields(regular)
    method = pseudo.get(b":method", b"")
    if not _TOKEN.fullmatch(method):
        raise MalformedError("no method, or none that is a token")
    target = _target(method, pseudo)
    text = b"%b %b HTTP/2.0\r\n" % (method, target) + _lines(pseudo.get(b":authority"), regular)
    return Head(method, target, text, _length(regular))


def read_request(
    head: Head, read: re.Pattern[bytes] = FIELDS, *, has_body: bool = False
) -> Request:
    """Return what *head* asks for; *read*: the fields that are read, a field_pattern().

    Raises RequestError: 400, 431, 501.
    """
    request = Request(head.method, head.target, read_fields(head.text, read), is_http_11=True)
    request.has_body = has_body
    host = request.fields.get(b"host")
    if host is None:
        raise RequestError(400, "no :authority, and no Host field")
    if not is_host(host):
        raise RequestError(400, "malformed or repeated host")
    if head.method not in METHODS:
        raise RequestError(501, "unknown method")
    return request


def check_fields(fields: Sequence[Field]) -> None:
    """Raise MalformedError unless *fields* are regular ones, of a request or its trailers."""
    names = [name for name, _ in fields]
    joined_names = b"".join([name + b"\n" for name in names])
    if not _NAMES.fullmatch(joined_names) or joined_names.count(b"\n") != len(names):
        raise MalformedError("a name that is none, or in the wrong place, or not in lower case")
    values = b"\n".join([value for _, value in fields])
    if _BAD_VALUES.search(values) or values.count(b"\n") != max(0, len(fields) - 1):
        raise MalformedError("a value with a line break, a NUL, or blanks around it")
    if not _OF_CONNECTIONS.isdisjoint(names):
        raise MalformedError("a field of a connection of HTTP/1.1")
    if b"te" in names and any(value != b"trailers" for name, value in fields if name == b"te"):
        raise MalformedError("TE with something else than trailers")


def _pseudo_fields(fields: Sequence[Field]) -> dict[bytes, bytes]:
    """Return the pseudo-fields, which stand in front (section 8.3)."""
    pseudo: dict[bytes, bytes] = {}
    for name, value in fields:
        if not name.startswith(b":"):
            break
        if name not in _PSEUDO or name in pseudo:
            raise MalformedError("a pseudo-field that is unknown, or comes twice")
        pseudo[name] = value
    return pseudo


def _target(method: bytes, pseudo: dict[bytes, bytes]) -> bytes:
    """Return the request target (section 8.3.1; 8.5 for CONNECT)."""
    scheme, path = pseudo.get(b":scheme"), pseudo.get(b":path")
    if method == b"CONNECT":
        if scheme is not None or path is not None or not pseudo.get(b":authority"):
            raise MalformedError("CONNECT has an authority, and neither scheme nor path")
        return pseudo[b":authority"]
    if scheme is None or path is None or not _SCHEME.fullmatch(scheme):
        raise MalformedError("no scheme, or no path")
    if not _PATH.fullmatch(path) and not (path == b"*" and method == b"OPTIONS"):
        raise MalformedError("a path that is none")
    return path


def _lines(authority: bytes | None, regular: Sequence[Field]) -> bytes:
    """Return the lines of the fields, and the empty line."""
    lines = [b"%b: %b\r\n" % field for field in regular]
    if authority is not None:
        hosts = [value for name, value in regular if name == b"host"]
        if any(host != authority for host in hosts) or _BAD_VALUES.search(authority):
            raise MalformedError("Host and :authority differ, or are no text of one line")
        if b"\n" in authority:
            raise MalformedError("a line break in the authority")
        if not hosts:
            lines.insert(0, b"host: %b\r\n" % authority)
    return b"".join(lines) + b"\r\n"


def _length(regular: Sequence[Field]) -> int:
    """Return what Content-Length promises; repeated it has to be the same."""
    values = {value for name, value in regular if name == b"content-length"}
    if not values:
        return -1
    value = values.pop()
    if values or not _LENGTH.fullmatch(value):
        raise MalformedError("a Content-Length that is none")
    return int(value)
