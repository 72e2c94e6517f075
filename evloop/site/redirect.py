"""What is answered on the plain port beside HTTPS: go there, but for the challenges of ACME."""

from collections.abc import Callable
from typing import Final
from urllib.parse import quote

from evloop.http.request import Request, RequestError
from evloop.http.responder import Pending, Responder
from evloop.http.response import Response
from evloop.http.target import Target, parse_target
from evloop.site.clock import Clock
from evloop.site.fields import NOSNIFF, STRICT_TRANSPORT, ResponseFields

ACME_CHALLENGE: Final = b".well-known/acme-challenge/"
"""Below it a certificate authority asks for a file, without TLS (RFC 8555 section 8.3)."""

_PAGE: Final = b"This is served over HTTPS.\n"
_HTTP_PORT: Final = 80
_HTTPS_PORT: Final = 443


class RedirectSite:
    """A Responder that sends everybody to HTTPS; *site* answers challenges and makes error pages.

    *serves* says whether a host is one of this server: nobody is sent elsewhere, whatever Host
    they name. *port* is that of HTTPS, *plain_port* this one.
    """

    def __init__(
        self,
        site: Responder,
        clock: Clock,
        serves: Callable[[str], bool],
        port: int,
        plain_port: int,
    ) -> None:
        self._site = site
        self._clock = clock
        self._fields = ResponseFields(clock, b"")
        self._serves = serves
        self._port = port
        self._plain_port = plain_port

    def respond(self, request: Request, now: float) -> Response | Pending:
        """Return the response to *request*, or what has to come first.

        Raises RequestError: 400 without a usable Host or target, 421 for a host of others.
        """
        target = parse_target(request.target)
        if target.path.startswith(ACME_CHALLENGE):
            found = self._site.respond(request, now)
            return _plain(found) if isinstance(found, Response) else found
        self._clock.refresh(now)
        fields = [
            *self._fields.general(),
            (b"Location", b"https://" + self._authority(request) + _path(target)),
            (b"Content-Type", b"text/plain; charset=utf-8"),
            (b"Cache-Control", b"no-store"),
            NOSNIFF,
        ]
        page = b"" if request.method == b"HEAD" else _PAGE
        return Response(308, fields, length=len(_PAGE), page=page)

    def refuse(self, error: RequestError, request: Request | None, now: float) -> Response:
        """Return the error page for *error*; *request* is None when it was not understood."""
        return _plain(self._site.refuse(error, request, now))

    def _authority(self, request: Request) -> bytes:
        """Return host and port of the same server over HTTPS."""
        value = request.fields.get(b"host", b"").lower()
        host, colon, port = value.rpartition(b":")
        if not colon or value.endswith(b"]"):
            host, port = value, b""
        name = host.removeprefix(b"[").removesuffix(b"]").decode("ascii", "replace")
        if not name:
            raise RequestError(400, "a Host is wanted, to know where to go")
        if not self._serves(name):
            raise RequestError(421, "no certificate is for this host")
        # Who asks for port 80 and comes to another one is led here by somebody, and so it will
        # be with 443.
        is_led = port in {b"", b"80"} and self._plain_port != _HTTP_PORT
        if is_led or self._port == _HTTPS_PORT:
            return host
        return host + b":%d" % self._port


def _path(target: Target) -> bytes:
    """Return *target* in the spelling that has no dot segments or empty ones."""
    path = b"/" + quote(target.path, safe="/!$&'()*+,;=:@").encode()
    if target.is_directory and target.path:
        path += b"/"
    return path + target.query


def _plain(response: Response) -> Response:
    """Return *response* without what is only for TLS (RFC 6797 section 7.2), for one client."""
    return Response(
        response.status,
        [each for each in response.fields if each[0] != STRICT_TRANSPORT],
        length=response.length,
        page=response.page,
        content=response.content,
        body=response.body,
        closes=response.closes,
    )
