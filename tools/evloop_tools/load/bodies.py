"""The bytes of a response, checked as they come.

Nothing is kept: each piece is compared with the file where it should stand, and counted.
"""

import re
from email.message import Message
from email.parser import BytesHeaderParser
from http import HTTPStatus
from typing import Protocol

from evloop_tools.load.content import CHECK_SIZE, Content, Unknown, wrong_bytes
from evloop_tools.load.faults import Fault, FaultError
from evloop_tools.load.heads import HEAD_END, Head
from evloop_tools.load.requests import Request
from evloop_tools.load.text import shorten

_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)", re.ASCII | re.IGNORECASE)
_MAX_PREAMBLE = 4096


class Body(Protocol):
    """What is still to come of a body: *remaining* bytes."""

    remaining: int

    def take(self, data: memoryview) -> int:
        """Check the first bytes of *data* and return how many belonged to the body.

        Raises FaultError when they are wrong.
        """


class Plain:
    """A run of bytes of *content*, from *offset* on."""

    __slots__ = ("_content", "_offset", "remaining")

    def __init__(self, content: Content, offset: int, length: int) -> None:
        self._content = content
        self._offset = offset
        self.remaining = length

    def take(self, data: memoryview) -> int:
        if len(data) > self.remaining:
            data = data[: self.remaining]
        count = len(data)
        for start in range(0, count, CHECK_SIZE):
            piece = data[start : start + CHECK_SIZE]
            if not self._content.matches(self._offset + start, piece):
                raise wrong_bytes(self._content, self._offset + start, piece)
        self._offset += count
        self.remaining -= count
        return count


class Parts:
    """Several ranges, each behind a text of its own: multipart/byteranges (RFC 9110 14.6)."""

    __slots__ = ("_boundary", "_content", "_due", "_part", "_text", "remaining")

    def __init__(self, content: Content, due: tuple[range, ...], boundary: str, length: int):
        self._content = content
        self._due = list(reversed(due))
        self._boundary = b"--" + boundary.encode("latin-1")
        self._part: Plain | None = None
        self._text = b""
        self.remaining = length

    def take(self, data: memoryview) -> int:
        if len(data) > self.remaining:
            data = data[: self.remaining]
        rest = data
        while rest:
            rest = self._take_part(rest) if self._part is not None else self._take_text(rest)
        self.remaining -= len(data)
        if not self.remaining:
            self._finish()
        return len(data)

    def _take_part(self, data: memoryview) -> memoryview:
        assert self._part is not None
        taken = self._part.take(data)
        if not self._part.remaining:
            self._part = None
        return data[taken:]

    def _take_text(self, data: memoryview) -> memoryview:
        """Gather what stands between the parts, up to the next one's first byte."""
        self._text += data[:_MAX_PREAMBLE]
        end = self._text.find(HEAD_END)
        if end >= 0:
            text, surplus = self._text[:end], len(self._text) - end - len(HEAD_END)
            self._text = b""
            self._part = self._begin_part(text)
            taken = min(len(data), _MAX_PREAMBLE) - surplus
            return data[taken:]
        if len(self._text) > _MAX_PREAMBLE:
            raise FaultError(Fault.GARBAGE, f"between ranges: {shorten(self._text)}")
        return data[_MAX_PREAMBLE:]

    def _begin_part(self, text: bytes) -> Plain:
        delimiter, _, fields = text.removeprefix(b"\r\n").partition(b"\r\n")
        if delimiter.rstrip() != self._boundary:
            raise FaultError(Fault.GARBAGE, f"no boundary between ranges: {shorten(text)}")
        value = BytesHeaderParser().parsebytes(fields)["Content-Range"]
        if not self._due:
            raise FaultError(Fault.WRONG_RANGE, f"one more than asked for: {value}")
        due = self._due.pop()
        _check_range(value, due, self._content.size)
        return Plain(self._content, due.start, len(due))

    def _finish(self) -> None:
        if self._part is not None or self._due:
            raise FaultError(Fault.SHORT_BODY, "a multipart body without all of its ranges")
        if not self._text.removeprefix(b"\r\n").startswith(self._boundary + b"--"):
            raise FaultError(Fault.GARBAGE, f"no last boundary: {shorten(self._text)}")


def body_of(request: Request, head: Head) -> Body:
    """Return the body that has to follow *head*.

    Raises FaultError when the head is not an answer to *request*.
    """
    content = request.file.content
    if head.status not in request.statuses:
        right = " or ".join(map(str, sorted(request.statuses)))
        raise FaultError(Fault.WRONG_STATUS, f"{head.status} instead of {right}")
    if head.status == HTTPStatus.NOT_MODIFIED:
        return Plain(content, 0, 0)
    length = head.length
    if head.status >= HTTPStatus.BAD_REQUEST and length is not None:
        return Plain(Unknown(), 0, 0 if request.method == "HEAD" else length)
    if length is None:
        raise FaultError(Fault.NO_LENGTH, f"a {head.status} that does not tell its length")
    if head.status == HTTPStatus.PARTIAL_CONTENT:
        return _partial_body(request, head, length)
    if content.size is not None and length != content.size:
        raise FaultError(Fault.WRONG_LENGTH, f"{length:,} instead of {content.size:,} bytes")
    return Plain(content, 0, 0 if request.method == "HEAD" else length)


def _partial_body(request: Request, head: Head, length: int) -> Body:
    content, ranges = request.file.content, request.ranges
    message = Message()
    message["Content-Type"] = head.fields.get("content-type", "")
    boundary = message.get_boundary()
    if message.get_content_type() == "multipart/byteranges" and boundary is not None:
        return Parts(content, ranges, boundary, length)
    if len(ranges) != 1:
        raise FaultError(Fault.WRONG_RANGE, f"one range instead of {len(ranges)}")
    _check_range(head.fields.get("content-range"), ranges[0], content.size)
    if length != len(ranges[0]):
        raise FaultError(Fault.WRONG_LENGTH, f"{length:,} instead of {len(ranges[0]):,} bytes")
    return Plain(content, ranges[0].start, length)


def _check_range(value: str | None, due: range, size: int | None) -> None:
    """Raise FaultError unless the Content-Range *value* is *due*, of *size* bytes."""
    found = _RANGE.fullmatch(value.strip()) if value is not None else None
    if found is None:
        raise FaultError(Fault.WRONG_RANGE, f"Content-Range: {value}")
    first, last, total = found.groups()
    is_size = total == "*" or size is None or int(total) == size
    if (int(first), int(last) + 1) != (due.start, due.stop) or not is_size:
        wanted = f"{due.start}-{due.stop - 1}/{'*' if size is None else size}"
        raise FaultError(Fault.WRONG_RANGE, f"{value} instead of {wanted}")
