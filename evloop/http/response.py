"""A response as a value: planned whole before its first byte is sent."""

from collections.abc import Iterable
from http import HTTPStatus
from typing import Protocol

from evloop.http1.states import State

Buffer = bytes | memoryview
"""What a socket sends."""

Field = tuple[bytes, bytes]

NEVER = 0.0
"""A `fresh_until` that keeps a response out of every memo."""


class Body(Protocol):
    """The bytes of a response body, read with peek() and paid for with advance()."""

    remaining: int
    """Bytes that are still to be sent."""

    def peek(self) -> "Buffer | Window | float":
        """Return the next bytes; seconds to wait when the disk does not have them at hand.

        Raises OSError when they can't be had any more: the head has promised too much.
        """

    def advance(self, count: int) -> None:
        """Pay for *count* bytes of the last peek()."""

    def close(self) -> None:
        """Give back what the body holds. May be called again."""


class Window(Protocol):
    """A piece of an open file that the kernel can send by itself, without a copy here."""

    size: int
    """Bytes."""

    def send_to(self, descriptor: int) -> int:
        """Send to the socket *descriptor*; return the count of bytes, raise OSError."""


class Content(Protocol):
    """Bytes in memory that many responses share."""

    view: memoryview

    def body(self, start: int, stop: int) -> Body:
        """Return the bytes from *start* to *stop* as a body that keeps the content alive."""


class Response:
    """A status, a head, and where the body comes from.

    Either `body` is set and belongs to this one response, or everything is in memory: the
    shared bytes of `content`, or a short *page* of its own. Then the response never changes
    and may be sent to any number of clients, and `buffers` are all that goes out.

    `head` ends with the empty line, and the page if there is one; `head_size` is without it.
    `after` is the state that follows when all is sent: IDLE, LINGERING (the server wants to
    close) or CLOSED (the client asked for it). `fresh_until` is on the reactor's clock: until
    then the same request head may be answered with this response again. *prepared*: made once
    for many requests, so that a copy of a small content next to the head pays.
    """

    __slots__ = (
        "after",
        "body",
        "buffers",
        "content",
        "fresh_until",
        "head",
        "head_size",
        "size",
        "status",
    )

    def __init__(
        self,
        status: int,
        head: bytes,
        after: State,
        *,
        page: bytes = b"",
        content: Content | None = None,
        body: Body | None = None,
        fresh_until: float = NEVER,
        prepared: bool = False,
    ) -> None:
        self.status = status
        self.head = head + page
        self.head_size = len(head)
        self.after = after
        self.content = content
        self.body = body
        self.fresh_until = fresh_until
        self.size = len(self.head)
        self.buffers: tuple[Buffer, ...] = (self.head,)
        if content is not None:
            view = content.view
            self.size += len(view)
            # One buffer is cheaper to send than two as long as the copy is small.
            joined = prepared and len(view) <= JOINED_SIZE
            self.buffers = (head + view,) if joined else (head, view)

    def remainder(self, sent: int) -> tuple[bytes, Body | None]:
        """Return what is left of a response in memory after *sent* bytes: head and body.

        The rest is an offset into the shared content, never a copy of it.
        """
        if self.content is None:
            return self.head[sent:], None
        start = max(0, sent - len(self.head))
        return self.head[sent:], self.content.body(start, len(self.content.view))


JOINED_SIZE = 8 * 1024
"""Up to this size, in bytes, head and content of a prepared response leave in one buffer."""

_REASONS = {status.value: status.phrase.encode() for status in HTTPStatus}


def render_head(status: int, fields: Iterable[Field]) -> bytes:
    """Return the head of a response, its empty line included.

    Values come from this program or were parsed to a safe alphabet; a CR or LF in one
    is a defect here, and raises ValueError rather than splitting the response.
    """
    lines = [b"HTTP/1.1 %d %b" % (status, _REASONS[status])]
    lines += [b"%b: %b" % field for field in fields]
    head = b"\r\n".join(lines)
    if head.count(b"\r") != len(lines) - 1 or head.count(b"\n") != len(lines) - 1:
        raise ValueError("a line break in a response field")
    return head + b"\r\n\r\n"
