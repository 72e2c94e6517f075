"""Responses on the wire of HTTP/1.1: heads, persistence, and how a body's end is told."""

from collections.abc import Iterable
from http import HTTPStatus
from typing import Final

from evloop.http.request import Request
from evloop.http.response import NEVER, Body, Buffer, Content, Field, Response
from evloop.http1.chunked import ChunkedBody
from evloop.http1.states import State

JOINED_SIZE: Final = 8 * 1024
"""Up to this size, in bytes, a content leaves in one buffer with its head: the copy takes less
than a send of two buffers does."""
WHOLE_SIZE: Final = 256 * 1024
"""A response in memory that is larger, in bytes, is sent in pieces, so that one client does not
take more of a turn than another."""

_REASONS = {status.value: status.phrase.encode() for status in HTTPStatus}
_CLOSE = (b"Connection", b"close")
_KEEP_ALIVE = (b"Connection", b"keep-alive")
_CHUNKED = (b"Transfer-Encoding", b"chunked")


class Answer:
    """A response as HTTP/1 sends it.

    Either `buffers` are all that goes out, and may be sent to any number of clients; or they are
    empty, and `head` goes out and then new_body(). `head` ends with the empty line, and the page
    if there is one; `head_size` is without it. `size` is that of the buffers, in bytes. `after`
    is the state that follows when all is sent: IDLE or LINGERING. `reason` is for the log.
    `generation` is the head cache's, which counts it once in each.
    """

    __slots__ = (
        "_body",
        "_content",
        "after",
        "buffers",
        "fresh_until",
        "generation",
        "head",
        "head_size",
        "reason",
        "size",
        "status",
    )

    def __init__(
        self, response: Response, head: bytes, after: State, body: Body | None, reason: str
    ) -> None:
        self.status = response.status
        self.head = head + response.page
        self.head_size = len(head)
        self.after = after
        self.reason = reason
        self.generation = 0
        self.fresh_until = response.fresh_until
        self._body = body
        self._content = response.content
        self.buffers = _buffers(self.head, response.content) if body is None else ()
        self.size = sum(map(len, self.buffers))

    @property
    def own_size(self) -> int:
        """Bytes that this answer alone keeps in memory."""
        is_joined = self._content is not None and len(self.buffers) == 1
        return len(self.head) + (self.size if is_joined else 0)

    def new_body(self) -> Body:
        """Return the body, when there are no buffers. A body of its own can be had only once."""
        if self._body is not None:
            return self._body
        assert self._content is not None
        return self._content.body(0, len(self._content.view))

    def remainder(self, sent: int) -> tuple[bytes, Body | None]:
        """Return what is left of the buffers after *sent* bytes: head and body.

        The body is an offset into the shared content, never a copy of it.
        """
        if self._content is None:
            return self.head[sent:], None
        start = max(0, sent - len(self.head))
        return self.head[sent:], self._content.body(start, len(self._content.view))


def write(
    response: Response, request: Request | None, *, draining: bool = False, reason: str = ""
) -> Answer:
    """Return *response* as the answer to *request*; None: to what was not understood."""
    fields = list(response.fields)
    body = response.body
    after = State.IDLE
    if request is None or request.has_body or not request.keep_alive:
        after = State.LINGERING
    if draining or response.closes:
        after = State.LINGERING
    if response.length is not None:
        fields.append((b"Content-Length", b"%d" % response.length))
    elif body is not None and body.remaining is None:
        # RFC 9112 section 6.3: the end is told by the last chunk, or by the end of the connection.
        if request is not None and request.is_http_11:
            fields.append(_CHUNKED)
            body = ChunkedBody(body)
        else:
            after = State.LINGERING
    if after is not State.IDLE:
        fields.append(_CLOSE)
    elif request is not None and not request.is_http_11:
        fields.append(_KEEP_ALIVE)
    written = Answer(response, render_head(response.status, fields), after, body, reason)
    if draining:
        written.fresh_until = NEVER  # it is the last for another reason than its request
    return written


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


def _buffers(head: bytes, content: Content | None) -> tuple[Buffer, ...]:
    """Return what goes out; nothing when the content has to be sent in pieces."""
    if content is None:
        return (head,)
    view = content.view
    if len(view) <= JOINED_SIZE:
        return (head + view,)
    return (head, view) if len(view) <= WHOLE_SIZE else ()
