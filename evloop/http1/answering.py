"""From the bytes of a request head to its answer: recalled, or planned, or refused."""

from collections.abc import Callable
from math import inf

from evloop.http.request import Request, RequestError
from evloop.http.responder import Pending
from evloop.http.response import Response
from evloop.http1.context import Context
from evloop.http1.head import parse_head
from evloop.http1.writer import Answer, write
from evloop.observe.exchange import OVER_LIMIT


class Wait:
    """What a connection waits for, until a time on the reactor's clock.

    For the disk, the time is all. A request that waits for its file is kept as it was
    understood, so that nothing is parsed again when the file is there.
    """

    __slots__ = ("head", "pending", "request", "until", "wake")

    def __init__(
        self,
        until: float,
        head: bytes = b"",
        request: Request | None = None,
        pending: Pending | None = None,
    ) -> None:
        self.until = until
        self.head = head
        self.request = request
        self.pending = pending
        self.wake: Callable[[float], None] | None = None

    def subscribe(self, wake: Callable[[float], None]) -> None:
        """Have *wake* called when it is worth asking again."""
        if self.pending is not None:
            self.wake = wake
            self.pending.subscribe(wake)

    def cancel(self) -> None:
        """Do not call it. May be called again."""
        if self.pending is not None and self.wake is not None:
            self.pending.unsubscribe(self.wake)
            self.wake = None


def answer(head: bytes, context: Context, now: float, peer: str = "") -> Answer | Wait:
    """Return what *head*, which is one whole request head of *peer*, is answered with."""
    return context.cache.recall(head, now) or plan(head, context, now, peer)


def plan(head: bytes, context: Context, now: float, peer: str = "") -> Answer | Wait:
    """Return what *head* is answered with, when it can't be recalled."""
    try:
        request = parse_head(head, context.fields)
    except RequestError as error:
        return refuse(error, None, context, now)
    request.peer = peer
    return answer_request(request, head, context, now)


def answer_request(request: Request, head: bytes, context: Context, now: float) -> Answer | Wait:
    """Return what *request*, which came as *head*, is answered with."""
    try:
        found = context.responder.respond(request, now)
    except RequestError as error:
        return refuse(error, request, context, now)
    if not isinstance(found, Response):
        return Wait(inf, head, request, found)
    cache = context.cache
    if found.is_shared and request.keep_alive and request.is_http_11 and not request.has_body:
        # Many heads are answered with this one: what is written of it is the same for all.
        written = cache.written.get(found)
        if written is None:
            written = write(found, request, draining=context.draining)
            cache.written[found] = written
    else:
        written = write(found, request, draining=context.draining)
    cache.remember(head, written, now)
    return written


def refuse(error: RequestError, request: Request | None, context: Context, now: float) -> Answer:
    """Return what *error* is answered with; *request* is None when it was not understood."""
    if error.status in OVER_LIMIT:
        context.observer.refusals += 1
    response = context.responder.refuse(error, request, now)
    return write(response, request, draining=context.draining, reason=str(error))
