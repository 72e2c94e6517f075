"""What is asked, as bytes on the wire, and which answers are right."""

from dataclasses import dataclass
from http import HTTPStatus

from evloop_tools.load.files import File

COMMON = "User-Agent: evloop-tools\r\nAccept: */*\r\nAccept-Encoding: identity\r\n"
"""The fields of every request, unless a load has others."""
_OK, _PARTIAL, _NOT_MODIFIED = (
    HTTPStatus.OK.value,
    HTTPStatus.PARTIAL_CONTENT.value,
    HTTPStatus.NOT_MODIFIED.value,
)
_WHOLE_ONLY = frozenset({_OK})
# A server may ignore Range (RFC 9110 section 14.2), but not a tag that matches (13.1.2).
_WITH_RANGES = frozenset({_OK, _PARTIAL})
_IF_CHANGED = frozenset({_NOT_MODIFIED})


@dataclass(frozen=True, slots=True)
class Request:
    """A GET or HEAD for *file*.

    fields come behind those that all requests of a crowd have in common
    ranges: half-open, ascending and apart; empty: the whole file
    fields: header lines, each with its CRLF
    statuses: the right ones
    """

    file: File
    fields: str = ""
    ranges: tuple[range, ...] = ()
    statuses: frozenset[int] = _WHOLE_ONLY
    method: str = "GET"

    def wire(self, host: str, prefix: str, common: str = COMMON) -> bytes:
        """Return the request's head for the server *host*, paths beginning with *prefix*."""
        return (
            f"{self.method} {prefix}{self.file.path} HTTP/1.1\r\n"
            f"Host: {host}\r\n{common}{self.fields}\r\n"
        ).encode("latin-1")  # validators are sent back as they came


def whole(file: File) -> Request:
    """Ask for all of *file*."""
    return Request(file)


def some_ranges(file: File, ranges: tuple[range, ...], if_range: str | None = None) -> Request:
    """Ask for *ranges* of *file*, or all of it if it is no longer the one tagged *if_range*."""
    specs = ", ".join(f"{each.start}-{each.stop - 1}" for each in ranges)
    fields = f"Range: bytes={specs}\r\n"
    if if_range is not None:
        fields += f"If-Range: {if_range}\r\n"
    return Request(file, fields, ranges, _WITH_RANGES)


def if_changed(file: File, etag: str | None, last_modified: str | None) -> Request:
    """Ask for *file* if it is not the one that the validators tell of any more.

    Without validators it is simply asked for.
    """
    if etag is not None:
        return Request(file, f"If-None-Match: {etag}\r\n", statuses=_IF_CHANGED)
    if last_modified is not None:
        return Request(file, f"If-Modified-Since: {last_modified}\r\n", statuses=_IF_CHANGED)
    return Request(file)
