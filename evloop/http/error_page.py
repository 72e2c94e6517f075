"""The bodies of responses that are not files: errors, and the redirect to a directory."""

from functools import cache
from http import HTTPStatus

_PAGE = """\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{status} {phrase}</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ font: 1rem/1.5 system-ui, sans-serif; margin: 20vh auto;
       max-width: 32rem; padding: 0 1rem; }}
h1 {{ font-size: 1.5rem; margin: 0; }}
h1 span {{ opacity: .55; font-weight: 400; margin-right: .5rem; }}
p {{ margin: .5rem 0; opacity: .8; }}
</style>
<h1><span>{status}</span>{phrase}</h1>
<p>{explanation}</p>
</html>
"""

_MOVED = "This page has another address."
_EXPLANATIONS = {
    301: _MOVED,
    302: _MOVED,
    303: _MOVED,
    307: _MOVED,
    308: _MOVED,
    400: "The server could not understand this request.",
    401: "This site asks for a name and a password.",
    403: "The server may not read this file.",
    404: "There is no file at this address.",
    405: "This server only answers GET, HEAD and OPTIONS.",
    408: "The request did not arrive in time.",
    410: "The file at this address was removed for good.",
    412: "The file is not in the state that the request asks for.",
    414: "The address is longer than this server reads.",
    416: "The file has no bytes in the range that was asked for.",
    421: "This server does not know the host of this address.",
    429: "There were too many wrong passwords. Please try again in a moment.",
    431: "The request's header fields are larger than this server reads.",
    451: "This file may not be served, for legal reasons.",
    500: "The server met an error of its own.",
    501: "This server does not know the request's method.",
    503: "The server is at its limits. Please try again in a moment.",
    505: "This server speaks HTTP/1.0 and HTTP/1.1.",
}


@cache  # bounded by the table: two pages for each status, 24 KiB in all
def error_page(status: int, *, html: bool) -> tuple[bytes, bytes]:
    """Return the media type and the bytes of the page for *status*.

    *html*: a page for a browser; otherwise two lines of plain text. Nothing of the request is
    repeated in it, so that nothing has to be escaped. It is made once.
    """
    phrase = HTTPStatus(status).phrase
    explanation = _EXPLANATIONS[status]
    if not html:
        return b"text/plain; charset=utf-8", f"{status} {phrase}\n{explanation}\n".encode()
    page = _PAGE.format(status=status, phrase=phrase, explanation=explanation)
    return b"text/html; charset=utf-8", page.encode()
