"""From the bytes of a request head to its response: recalled, or planned, or refused."""

from typing import NamedTuple

from evloop.http.request import Request, RequestError
from evloop.http.response import Response
from evloop.http1.context import Context
from evloop.http1.head import parse_head
from evloop.observe.exchange import OVER_LIMIT


class Refusal(NamedTuple):
    """The response to what is not served, and for the log the reason."""

    response: Response
    reason: str


def answer(head: bytes, context: Context, now: float) -> Response | Refusal | None:
    """Return what *head*, which is one whole request head, is answered with.

    None: its file is not at hand, ask again. The fields of the request are not kept until
    then: they would take more than the head itself.
    """
    response = context.memo.recall(head, now)
    if response is not None:
        return response
    try:
        request = parse_head(head)
    except RequestError as error:
        return refuse(error, None, context, now)
    try:
        response = context.responder.respond(request, now)
    except RequestError as error:
        return refuse(error, request, context, now)
    if response is not None:
        context.memo.remember(head, response, now)
    return response


def refuse(error: RequestError, request: Request | None, context: Context, now: float) -> Refusal:
    """Return what *error* is answered with; *request* is None when it was not understood."""
    if error.status in OVER_LIMIT:
        context.observer.refusals += 1
    return Refusal(context.responder.refuse(error, request, now), str(error))
