"""A response as a value: planned whole before its first byte is sent, in no wire format."""

from collections.abc import Sequence
from typing import Protocol

Buffer = bytes | memoryview
"""What a socket sends."""

Field = tuple[bytes, bytes]

NEVER = 0.0
"""A `fresh_until` that keeps a response from being sent a second time."""


class Body(Protocol):
    """The bytes of a response body, read with peek() and paid for with advance()."""

    @property
    def remaining(self) -> int | None:
        """Bytes that are still to be sent; None when that is not known before the end."""

    @property
    def done(self) -> bool:
        """Whether all was paid for."""

    @property
    def is_heavy(self) -> bool:
        """Whether it keeps more than a descriptor and an offset while it is sent."""

    def peek(self) -> "Buffer | Window | float":
        """Return the next bytes, at least one, or the seconds to wait before asking again.

        Bytes that were shown and not paid for are shown again. Raises OSError when they can't be
        had any more: the head has promised too much.
        """

    def advance(self, count: int) -> None:
        """Pay for *count* bytes of the last peek()."""

    def close(self) -> None:
        """Release what the body holds. May be called again."""


class Window(Protocol):
    """A piece of an open file that the kernel can send by itself, without a copy here."""

    size: int
    """Bytes."""

    def send_to(self, descriptor: int, /) -> int:
        """Send to the socket *descriptor*; return the count of bytes, raise OSError."""


class Content(Protocol):
    """Bytes in memory that many responses share."""

    view: memoryview

    def body(self, start: int, stop: int) -> Body:
        """Return the bytes from *start* to *stop* as a body that keeps the content alive."""


class Response:
    """A status, fields, and where the bytes of the body come from.

    At most one of *page* (short, its own), *content* (shared, in memory) and *body* (streamed,
    belongs to this one response) is set. `length` is what Content-Length tells: that of a HEAD
    is the length that a GET would have (RFC 9110 section 8.6). None: there is none, because the
    status allows no content or because the body's size is not known.

    `closes`: no further request is to be taken from the client. `fresh_until`, on the reactor's
    clock, is how long the same request may be answered with this response again. `is_shared`:
    it was made once for many requests, so that to prepare more of it pays.
    """

    __slots__ = (
        "body",
        "closes",
        "content",
        "fields",
        "fresh_until",
        "is_shared",
        "length",
        "page",
        "status",
    )

    def __init__(
        self,
        status: int,
        fields: Sequence[Field],
        *,
        length: int | None = None,
        page: bytes = b"",
        content: Content | None = None,
        body: Body | None = None,
        closes: bool = False,
        fresh_until: float = NEVER,
        is_shared: bool = False,
    ) -> None:
        self.status = status
        self.fields = fields
        self.length = length
        self.page = page
        self.content = content
        self.body = body
        self.closes = closes
        self.fresh_until = fresh_until
        self.is_shared = is_shared
