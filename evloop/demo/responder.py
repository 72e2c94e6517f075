"""The address at which a server tells its own figures, before a site."""

from typing import Protocol

from evloop.demo.figures import Figures
from evloop.http.request import Request, RequestError
from evloop.http.responder import Pending, Responder
from evloop.http.response import Response
from evloop.http.target import parse_target
from evloop.site.clock import Clock
from evloop.site.fields import NOSNIFF, ResponseFields

PATH = b".well-known/evloop"
"""Relative to the root (RFC 8615)."""
_NAME = b"evloop"
_NO_STORE = b"no-store"


class Gate(Protocol):
    """Knows who may come in."""

    def authorise(self, request: Request, path: bytes, now: float) -> Pending | None:
        """Return None if *request* may have what is at *path*, or what has to come first.

        Raises RequestError.
        """


class DemoResponder:
    """Answers GET and HEAD at PATH with *figures*; everything else is *site*'s. A Responder.

    Where there is a *gate*, the figures are for those whom it lets pass, as the files are.

    The answer is that of one moment, so nobody keeps it: neither caches nor the server. There is
    nothing in it for pages of other origins, which can't read it (Fetch, CORS protocol).
    """

    def __init__(
        self, site: Responder, figures: Figures, clock: Clock, gate: Gate | None = None
    ) -> None:
        self._gate = gate
        self._site = site
        self._figures = figures
        self._clock = clock
        self._fields = ResponseFields(clock, _NO_STORE)

    def respond(self, request: Request, now: float) -> Response | Pending:
        """Return the response to *request*, or what has to come first.

        Raises RequestError for what refuse() answers.
        """
        if request.method in {b"GET", b"HEAD"} and _is_meant(request.target):
            if self._gate is not None:
                waits_for = self._gate.authorise(request, PATH, now)
                if waits_for is not None:
                    return waits_for
            return self._response(request, now)
        return self._site.respond(request, now)

    def refuse(self, error: RequestError, request: Request | None, now: float) -> Response:
        """Return the error page for *error*; *request* is None when it was not understood."""
        return self._site.refuse(error, request, now)

    def _response(self, request: Request, now: float) -> Response:
        self._clock.refresh(now)
        document = self._figures.document(now)
        fields = [
            *self._fields.general(),
            (b"Content-Type", b"application/json"),
            (b"Cache-Control", _NO_STORE),
            NOSNIFF,
        ]
        page = b"" if request.method == b"HEAD" else document
        return Response(200, fields, length=len(document), page=page)


def _is_meant(target: bytes) -> bool:
    """Whether *target* means PATH. Raises RequestError as parse_target() does."""
    if _NAME not in target and b"%" not in target:  # nearly all: they are not read twice
        return False
    path, is_directory, _ = parse_target(target)
    return path == PATH and not is_directory
