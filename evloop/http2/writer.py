"""Responses on the wire of HTTP/2: header blocks that are prepared once, and bodies."""

from typing import Final

from evloop.http.response import Body, Buffer, Content, Response
from evloop.http2.frames import (
    DATA,
    END_HEADERS,
    END_STREAM,
    HEADERS,
    MAX_FRAME_SIZE,
    frame_prefix,
    header_frames,
    stream_id_bytes,
)
from evloop.http2.frames import HEADER_SIZE as FRAME_HEADER_SIZE
from evloop.http2.hpack import encode_fields

JOINED_SIZE: Final = 8 * 1024
"""Up to this size, in bytes, a content leaves in one buffer with its head: the copy takes less
than another buffer of a send does (as in HTTP/1.1)."""
NOT_WHOLE: Final = -1

# CR, LF and NUL: nothing that this program writes has them, and a proxy might split at them.
_BREAKS = b"\r\n\0"


class PageBody:
    """The bytes of a short page, as a body."""

    __slots__ = ("_page",)

    def __init__(self, page: bytes) -> None:
        self._page = page

    @property
    def remaining(self) -> int:
        return len(self._page)

    @property
    def done(self) -> bool:
        return not self._page

    @property
    def is_heavy(self) -> bool:
        return False

    def peek(self) -> bytes:
        return self._page

    def advance(self, count: int) -> None:
        self._page = self._page[count:]

    def close(self) -> None:
        self._page = b""


class Answer:
    """A response as HTTP/2 sends it, to any number of clients unless it has a body of its own.

    `block` is its header block, which means the same on every connection. `whole_size` are the
    bytes of the payload when all of it can leave in one buffer, or NOT_WHOLE. `reason` is for the
    log.
    """

    __slots__ = (
        "_body",
        "_content",
        "_front",
        "_middle",
        "_payload",
        "block",
        "fresh_until",
        "reason",
        "status",
        "whole_size",
    )

    def __init__(self, response: Response, block: bytes, reason: str = "") -> None:
        self.status = response.status
        self.block = block
        self.reason = reason
        self.fresh_until = response.fresh_until
        self._body = response.body
        self._content: Content | None = response.content
        self._payload: Buffer = response.page
        self.whole_size = NOT_WHOLE
        if response.content is not None:
            self._payload = response.content.view
        self._prepare()

    def _prepare(self) -> None:
        """Write what stands between the stream's ids, where all leaves in one buffer."""
        size, head_size = len(self._payload), len(self.block)
        self._front = self._middle = b""
        if self._body is not None or size > JOINED_SIZE or head_size > MAX_FRAME_SIZE:
            return
        self.whole_size = size
        flags = END_HEADERS if size else END_HEADERS | END_STREAM
        self._front = frame_prefix(head_size, HEADERS, flags)
        self._middle = self.block + (frame_prefix(size, DATA, END_STREAM) if size else b"")

    @property
    def head_size(self) -> int:
        """Bytes of the head on the wire."""
        return FRAME_HEADER_SIZE + len(self.block)

    @property
    def has_payload(self) -> bool:
        """Whether there is a body, however it is kept."""
        return self._body is not None or len(self._payload) > 0

    @property
    def has_own_body(self) -> bool:
        """Whether a body belongs to this one answer, and has to be closed."""
        return self._body is not None

    @property
    def content(self) -> Content | None:
        """The shared bytes in memory, if it has such: their budget has to know who keeps them."""
        return self._content

    @property
    def own_size(self) -> int:
        """Bytes that this answer alone keeps in memory."""
        page = 0 if self._content is not None else len(self._payload)
        return len(self.block) + len(self._middle) + page

    def whole(self, stream_id: int) -> bytes:
        """Return all that goes out, where `whole_size` says that it is one buffer."""
        number = stream_id_bytes(stream_id)
        if not self.whole_size:
            return self._front + number + self._middle
        return b"".join((self._front, number, self._middle, number, self._payload))

    def head(self, stream_id: int) -> bytes:
        """Return the frames of the head alone."""
        return header_frames(self.block, stream_id, 0 if self.has_payload else END_STREAM)

    def new_body(self) -> Body:
        """Return the body. One of its own can be had only once."""
        if self._body is not None:
            return self._body
        if self._content is not None:
            return self._content.body(0, len(self._content.view))
        return PageBody(bytes(self._payload))


def write(response: Response, reason: str = "") -> Answer:
    """Return *response* as HTTP/2 sends it.

    Values come from this program or were parsed to a safe alphabet; a line break in one is a
    defect here, and raises ValueError rather than misleading whoever translates it to HTTP/1.1.
    """
    fields = [(b":status", b"%d" % response.status)]
    fields += [(name.lower(), value) for name, value in response.fields]
    if response.length is not None:
        fields.append((b"content-length", b"%d" % response.length))
    values = b"".join(value for _, value in fields)
    if len(values.translate(None, _BREAKS)) != len(values):
        raise ValueError("a line break in a response field")
    return Answer(response, encode_fields(fields), reason)
