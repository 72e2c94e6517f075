"""Responses that send the client to another address."""

from evloop.http.error_page import error_page
from evloop.http.fields import accepts_html
from evloop.http.request import Request
from evloop.http.response import Response
from evloop.site.fields import ResponseFields


def redirection(
    status: int, location: bytes, request: Request, fields: ResponseFields, cache_control: bytes
) -> Response:
    """Return the response that leads to *location*, which is encoded."""
    media_type, page = error_page(status, html=accepts_html(request.fields.get(b"accept")))
    sent = [
        *fields.general(vary=b"Accept"),
        (b"Location", location),
        (b"Content-Type", media_type),
        (b"Cache-Control", cache_control),
    ]
    page_sent = b"" if request.method == b"HEAD" else page
    return Response(status, sent, length=len(page), page=page_sent)
