"""From a request to its answer: planned, put off, or refused."""

from collections.abc import Sequence

from evloop.http.request import Request, RequestError
from evloop.http.responder import Pending
from evloop.http.response import Response
from evloop.http2.context import Context
from evloop.http2.heads import Head, read_request
from evloop.http2.schedule import parse_priority
from evloop.http2.streams import PLAIN, Priority
from evloop.http2.writer import Answer, write
from evloop.observe.exchange import OVER_LIMIT


class Planned:
    """A request, and what it is answered with or waits for. None: it was not understood."""

    __slots__ = ("found", "request")

    def __init__(self, request: Request | None, found: Answer | Pending) -> None:
        self.request = request
        self.found = found


def plan(head: Head, context: Context, peer: str, now: float, *, has_body: bool) -> Planned:
    """Return what *head*, which came from *peer*, is answered with."""
    try:
        request = read_request(head, context.fields, has_body=has_body)
        request.peer = peer
    except RequestError as error:
        return Planned(None, refuse(error, None, context, now))
    return Planned(request, answer_request(request, context, now))


def answer_request(request: Request, context: Context, now: float) -> Answer | Pending:
    """Return what *request* is answered with, or what has to come first."""
    try:
        found = context.responder.respond(request, now)
    except RequestError as error:
        return refuse(error, request, context, now)
    return _written(found, context) if isinstance(found, Response) else found


def refuse(error: RequestError, request: Request | None, context: Context, now: float) -> Answer:
    """Return what *error* is answered with; *request* is None when it was not understood."""
    if error.status in OVER_LIMIT:
        context.observer.refusals += 1
    response = context.responder.refuse(error, request, now)
    return write(response, str(error))


def _written(response: Response, context: Context) -> Answer:
    if not response.is_shared:
        return write(response)
    answer = context.memo.written(response)
    if answer is None:
        answer = write(response)
        context.memo.keep(response, answer)
    return answer


def priority_of(fields: Sequence[tuple[bytes, bytes]]) -> Priority:
    """Return what the Priority field among *fields* asks for, if there is one."""
    for name, value in fields:
        if name == b"priority":
            return parse_priority(value)
    return PLAIN
