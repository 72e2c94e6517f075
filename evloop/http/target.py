"""Request targets: from the bytes on the wire to a path beneath the root (RFC 9112 section 3.2)."""

import re
from typing import NamedTuple
from urllib.parse import quote

from evloop.http.request import RequestError

PATH_MAX = 4096
"""Bytes of a decoded path with its leading slash; the limit of Linux (linux/limits.h)."""
NAME_MAX = 255
"""Bytes of one segment: the limit of Linux file systems (linux/limits.h)."""
MAX_SEGMENTS = 128
"""Segments of a path, dot segments and empty ones included. A choice: trees that people serve
are ten or twenty levels deep, and each segment of a request costs time."""

MAX_ENCODED_SIZE = 8 * 1024
"""Bytes of a path on the wire. RFC 9110 section 4.1 recommends to read 8000, query included."""

_SCHEME = re.compile(rb"https?://", re.IGNORECASE)
_DOTS = frozenset({b"", b".", b".."})


class Target(NamedTuple):
    """A decoded path beneath the root."""

    path: bytes
    """Relative to the root, without slashes at its ends; empty for the root itself. No segment
    is empty, `.` or `..`, and none holds a NUL or more than NAME_MAX bytes. Names are bytes, as
    they are for Linux: they need not be UTF-8."""
    is_directory: bool
    """Whether the path ended in a slash, or in a dot segment, which means the same."""
    query: bytes
    """With its question mark; empty when there is none."""

    @property
    def segments(self) -> tuple[bytes, ...]:
        """The names that the path consists of."""
        return tuple(self.path.split(b"/")) if self.path else ()


def parse_target(target: bytes) -> Target:
    """Return what *target*, in origin-form or absolute-form, asks for.

    Dot segments are removed as in RFC 3986 section 5.2.4 after decoding once, and empty
    segments are skipped, so that no spelling of a path means another file.

    Raises RequestError: 400 for what is no path, and 404 for a path that can't name a file: with
    an encoded slash, a name of more than NAME_MAX bytes, or a whole of more than MAX_ENCODED_SIZE
    bytes, PATH_MAX bytes or MAX_SEGMENTS segments, which is refused before it is split.
    """
    if not target.startswith(b"/"):
        target = _without_authority(target)
    if b"#" in target:
        raise RequestError(400, "a fragment in the request target")
    encoded, question_mark, query = target.partition(b"?")
    if len(encoded) > MAX_ENCODED_SIZE:
        raise _too_long()
    path = _decoded(encoded) if b"%" in encoded else encoded
    if b"\0" in path:
        raise RequestError(400, "a NUL in the request target")
    if len(path) > PATH_MAX or path.count(b"/") > MAX_SEGMENTS:
        raise _too_long()
    segments = path.split(b"/")
    names = _without_dots(segments)
    if len(path) > NAME_MAX and any(len(name) > NAME_MAX for name in names):
        raise RequestError(404, "the name is too long for a file")
    return Target(b"/".join(names), segments[-1] in _DOTS, question_mark + query)


def _without_authority(target: bytes) -> bytes:
    """Return the path and the query of a target in absolute-form (RFC 9112 section 3.2.2)."""
    scheme = _SCHEME.match(target)
    rest = target[scheme.end() :] if scheme else b""
    authority = rest.partition(b"/")[0].partition(b"?")[0]
    if not authority or b"@" in authority or b"#" in authority:
        raise RequestError(400, "the request target is not a path")
    return rest[len(authority) :]


def decode_escapes(data: bytes) -> bytes:
    """Return *data* with its percent-escapes decoded, once (RFC 3986 section 2.1).

    Raises ValueError when a percent sign is not followed by two hexadecimal digits.
    """
    # An escape of Python's string literals differs only in what it begins with, and their
    # decoder takes a tenth of the time of urllib's, which makes an object for each escape.
    literal = data.replace(b"\\", b"\\\\").replace(b"%", b"\\x")
    return literal.decode("unicode_escape").encode("latin-1")


def _decoded(encoded: bytes) -> bytes:
    try:
        path = decode_escapes(encoded)
    except ValueError as error:
        raise RequestError(400, "a broken percent-escape in the request target") from error
    if path.count(b"/") > encoded.count(b"/"):
        raise RequestError(404, "an encoded slash names no file")
    return path


def _without_dots(segments: list[bytes]) -> list[bytes]:
    """Return the names among *segments*, less those that a `..` takes back."""
    if b".." not in segments:
        return [segment for segment in segments if segment not in _DOTS]
    names: list[bytes] = []
    for segment in segments:
        if segment not in _DOTS:
            names.append(segment)
        elif segment == b"..":
            if not names:
                raise RequestError(400, "the request target climbs above the root")
            names.pop()
    return names


def _too_long() -> RequestError:
    return RequestError(404, "the path is too long for a file")


def directory_location(target: Target) -> bytes:
    """Return the Location that adds the missing slash to *target*, which is not the root.

    A relative reference that begins with `./` keeps whatever the client or a proxy has before
    the last segment, and no name can be taken for a host or a scheme (RFC 3986 section 4.2).
    """
    name = target.path.rpartition(b"/")[2]
    return b"./" + quote(name, safe="!$&'()*+,;=:@").encode() + b"/" + target.query
