"""Scripts of other origins: what they may ask for, and what they may see (the Fetch standard)."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from evloop.http.request import Request, RequestError
from evloop.http.responder import Pending, Responder
from evloop.http.response import Field, Response

# `Range` needs no preflight in the form `bytes=0-99` alone, and Authorization has to be named:
# a `*` does not cover it.
_PREFLIGHT: tuple[Field, ...] = (
    (b"Access-Control-Allow-Methods", b"GET, HEAD, OPTIONS"),
    (
        b"Access-Control-Allow-Headers",
        b"Range, If-Range, If-Match, If-None-Match, If-Modified-Since, If-Unmodified-Since,"
        b" Authorization",
    ),
    (b"Access-Control-Max-Age", b"86400"),  # seconds: a day, the most that any browser keeps
)
# Others than these and Cache-Control, Content-Language, Content-Length, Content-Type, Expires,
# Last-Modified and Pragma are hidden from scripts. Content-Length is named for older browsers.
_EXPOSED: Field = (
    b"Access-Control-Expose-Headers",
    b"Accept-Ranges, Content-Encoding, Content-Length, Content-Range, Date, ETag, Link",
)
ISOLATION: tuple[Field, ...] = (
    (b"Cross-Origin-Opener-Policy", b"same-origin"),
    (b"Cross-Origin-Embedder-Policy", b"require-corp"),
    (b"Cross-Origin-Resource-Policy", b"same-origin"),
)
"""What a page needs that uses SharedArrayBuffer, and its workers (HTML standard 7.1.3, 7.1.4)."""

MAX_PREPARED = 512
"""Responses that are prepared for scripts of named origins, of all of them together."""
PREPARED_SIZE = MAX_PREPARED * 12 * 1024
"""Bytes that they may come to take: their fields, and a small file's bytes joined to its head
(files/cache.py reckons one such copy for each file). tests/site/test_origins.py measures it."""


class OriginFields(NamedTuple):
    """What responses have for requests of one kind of origin."""

    fields: tuple[Field, ...] = ()
    """Of every response."""
    preflight: tuple[Field, ...] = ()
    """And of one to OPTIONS."""
    vary: bytes = b""
    """The request field that decides which kind it is; empty when nothing does."""


def constant_fields(origins: Sequence[str]) -> OriginFields | None:
    """Return what every response has; None when that depends on who asks."""
    if not origins:
        return OriginFields()
    if "*" in origins:
        return _allowing(b"*")
    return _allowing(origins[0].encode()) if len(set(origins)) == 1 else None


def fields_by_origin(origins: Sequence[str]) -> dict[bytes, OriginFields]:
    """Return what responses have for each of *origins*, by the value of the Origin field."""
    return {each.encode(): _allowing(each.encode(), b"Origin") for each in origins}


OTHER_ORIGIN = OriginFields(vary=b"Origin")
"""For requests of none of the origins that are named."""


def _allowing(origin: bytes, vary: bytes = b"") -> OriginFields:
    return OriginFields(((b"Access-Control-Allow-Origin", origin), _EXPOSED), _PREFLIGHT, vary)


class ByOrigin:
    """A site for each kind of origin, which differ in the fields of their responses alone."""

    __slots__ = ("_other", "_sites")

    def __init__(
        self, origins: Sequence[str], make_site: Callable[[OriginFields], Responder]
    ) -> None:
        self._sites = {
            origin: make_site(fields) for origin, fields in fields_by_origin(origins).items()
        }
        self._other = make_site(OTHER_ORIGIN)

    def respond(self, request: Request, now: float) -> Response | Pending:
        """Respond as the site for the request's origin does."""
        return self._of(request).respond(request, now)

    def refuse(self, error: RequestError, request: Request | None, now: float) -> Response:
        """Refuse as the site for the request's origin does."""
        return self._of(request).refuse(error, request, now)

    def _of(self, request: Request | None) -> Responder:
        if request is None:
            return self._other
        return self._sites.get(request.fields.get(b"origin", b""), self._other)
