"""What is answered instead of a file: which status an error has, and its page."""

import errno

from evloop.http.error_page import error_page
from evloop.http.fields import accepts_html
from evloop.http.request import Request, RequestError
from evloop.http.response import Field, Response
from evloop.site.clock import Clock
from evloop.site.fields import NOSNIFF, RETRY_AFTER, ResponseFields
from evloop.site.prepared import OnForget

# After these the client may not mean what it seems to say: the connection is not used again.
_CLOSING = frozenset({400, 408, 414, 431, 505})

_FORBIDDEN = frozenset({errno.EACCES, errno.EPERM})
_EXHAUSTED = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS, errno.EAGAIN})
_BROKEN = frozenset({errno.EIO, errno.ESTALE, errno.EUCLEAN, errno.ETIMEDOUT})


def refusal(error: OSError) -> RequestError:
    """Return what a look-up that ended in *error* is answered with.

    Nothing tells a file outside the root from one that does not exist.
    """
    if error.errno in _FORBIDDEN:
        return RequestError(403, str(error))
    if error.errno in _EXHAUSTED:
        return RequestError(503, str(error), (RETRY_AFTER,))
    if error.errno in _BROKEN:
        return RequestError(500, str(error))
    return RequestError(404, str(error))


class ClosedError(RequestError):
    """There is something, but not for who asks; it is answered as if there were nothing at all."""

    def __init__(self, error: RequestError) -> None:
        super().__init__(404, str(error))


class Refusals:
    """Makes the responses that refuse a request.

    The plain ones are made once in a second and shared: a flood of requests for what does not
    exist costs little more than one for a file.
    """

    __slots__ = ("_clock", "_fields", "_on_forget", "_second", "_shared")

    def __init__(self, clock: Clock, fields: ResponseFields, on_forget: OnForget) -> None:
        self._on_forget = on_forget
        self._clock = clock
        self._fields = fields
        self._shared: dict[tuple[int, bool], Response] = {}  # by status, and whether it is HTML
        self._second = 0  # since the epoch

    def response(self, error: RequestError, request: Request | None) -> Response:
        """Return the response for *error*; *request* is None when it was not understood."""
        html = request is not None and accepts_html(request.fields.get(b"accept"))
        if error.fields or request is None or request.method == b"HEAD":
            return self._new(error, request, html=html)
        if self._second != self._clock.seconds:
            self._second = self._clock.seconds
            for response in self._shared.values():
                self._on_forget(response)
            self._shared.clear()
        key = error.status, html
        shared = self._shared.get(key)
        if shared is None:
            shared = self._shared[key] = self._new(error, request, html=html)
            shared.is_shared = True
        return shared

    def _new(self, error: RequestError, request: Request | None, *, html: bool) -> Response:
        media_type, page = error_page(error.status, html=html)
        fields: list[Field] = [
            *self._fields.general(),
            (b"Content-Type", media_type),
            (b"Cache-Control", b"no-store"),
            NOSNIFF,
            *error.fields,
        ]
        is_head = request is not None and request.method == b"HEAD"
        return Response(
            error.status,
            fields,
            length=len(page),
            page=b"" if is_head else page,
            closes=request is None or error.status in _CLOSING,
        )
