"""Who answers requests, as a protocol sees it."""

from collections.abc import Callable
from typing import Protocol

from evloop.http.request import Request, RequestError
from evloop.http.response import Response


class Pending(Protocol):
    """What has to come before a response: a file into memory, a check of a password, a digest."""

    def subscribe(self, wake: Callable[[float], None], /) -> None:
        """Call *wake* with the time, once, when it is worth asking again."""

    def unsubscribe(self, wake: Callable[[float], None], /) -> None:
        """Do not call *wake*. May be called when it was called already."""


class Responder(Protocol):
    """Plans responses."""

    def respond(self, request: Request, now: float) -> Response | Pending:
        """Return the response to *request*, or what has to come first.

        Raises RequestError for what refuse() answers.
        """

    def refuse(self, error: RequestError, request: Request | None, now: float) -> Response:
        """Return the error page for *error*; *request* is None when it was not understood."""
