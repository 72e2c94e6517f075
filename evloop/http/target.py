"""Request targets: from the bytes on the wire to the names of a path (RFC 9112 section 3.2)."""

import re
from typing import NamedTuple
from urllib.parse import quote, unquote_to_bytes

from evloop.http.request import RequestError

_ABSOLUTE_FORM = re.compile(rb"https?://[^/?#@]+(?=[/?]|\Z)", re.IGNORECASE)
_BROKEN_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_ENCODED_SLASH = re.compile(rb"%2f", re.IGNORECASE)


class Target(NamedTuple):
    """A decoded path beneath the root.

    No segment is empty, `.`, `..`, or holds a slash or a NUL; all are valid UTF-8.
    """

    segments: tuple[bytes, ...]
    is_directory: bool
    """The path ended in a slash (or in a dot segment, which means the same)."""
    query: bytes
    """With its question mark; empty when there is none."""

    @property
    def path(self) -> bytes:
        """The path relative to the root, without slashes at its ends."""
        return b"/".join(self.segments)


def parse_target(target: bytes) -> Target:
    """Return what *target*, in origin-form or absolute-form, asks for.

    Dot segments are removed as in RFC 3986 section 5.2.4 after decoding once, and empty
    segments are skipped, so that no spelling of a path means another file.

    Raises RequestError: 400 for what is no path, 404 for a path that can't name a file
    here (an encoded slash, bytes that are not UTF-8).
    """
    if not target.startswith(b"/"):
        authority = _ABSOLUTE_FORM.match(target)
        if authority is None:
            raise RequestError(400, "the request target is not a path")
        target = target[authority.end() :]
    if b"#" in target:
        raise RequestError(400, "a fragment in the request target")
    path, question_mark, query = target.partition(b"?")
    segments = _segments(path)
    is_directory = not path or path.endswith((b"/", b"/.", b"/..")) or _ends_in_dots(path)
    return Target(_without_dots(segments), is_directory, question_mark + query)


def _segments(path: bytes) -> list[bytes]:
    if b"%" in path:
        if _BROKEN_ESCAPE.search(path):
            raise RequestError(400, "a broken percent-escape in the request target")
        if _ENCODED_SLASH.search(path):
            raise RequestError(404, "an encoded slash names no file")
        path = unquote_to_bytes(path)
    if b"\0" in path:
        raise RequestError(400, "a NUL in the request target")
    try:
        path.decode()
    except UnicodeDecodeError as error:
        raise RequestError(404, "the path is not UTF-8") from error
    return [segment for segment in path.split(b"/") if segment]


def _without_dots(segments: list[bytes]) -> tuple[bytes, ...]:
    kept: list[bytes] = []
    for segment in segments:
        if segment == b"..":
            if not kept:
                raise RequestError(400, "the request target climbs above the root")
            kept.pop()
        elif segment != b".":
            kept.append(segment)
    return tuple(kept)


def _ends_in_dots(path: bytes) -> bool:
    return unquote_to_bytes(path.rpartition(b"/")[2]) in {b".", b".."}


def directory_location(target: Target) -> bytes:
    """Return the Location that adds the missing slash to *target*.

    A relative reference with `./` in front: whatever the client or a proxy has before
    the last segment stays, and no name can be taken for a host or a scheme.
    """
    return b"./" + quote(target.segments[-1], safe="!$&'()*+,;=:@").encode() + b"/" + target.query
