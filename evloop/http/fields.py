"""Lists inside field values: tokens, entity tags, and what a client accepts."""

import re
from itertools import islice

from evloop.http.request import RequestError

MAX_TAGS = 32
"""Entity tags of one field that are compared. A client remembers one tag, a shared cache one
for each variant of a resource; a static file has one."""
MAX_ACCEPT_SIZE = 1024
"""Bytes of an Accept field that are read. Browsers send 150."""

# RFC 9110 section 8.8.3; commas may stand inside the quotes. Possessive, and without the `W/`
# in front, so that the search skips to the next quote and reads no byte twice.
_OPAQUE_TAG = re.compile(rb'"[\x21\x23-\x7e\x80-\xff]*+"')
_WEAK_PREFIX = b"W/"
# Both begin with a literal byte, which a search skips to; the value gets a comma in front.
_HTML = re.compile(
    rb",[ \t]*+(?:text/html|text/\*|application/xhtml\+xml)[ \t]*+(;[^,]*+)?(?=,|\Z)"
)
_ZERO_WEIGHT = re.compile(rb";[ \t]*+q=0(?:\.0{0,3}+)?[ \t]*+(?=;|\Z)")


def tokens(value: bytes) -> frozenset[bytes]:
    """Return the members of a comma-separated list of tokens, in lower case.

    The caller limits the size of *value*: each member costs an object.
    """
    return frozenset(item.strip(b" \t") for item in value.lower().split(b","))


def matches_strongly(value: bytes, etag: bytes) -> bool:
    """Whether an If-Match field, a list of entity tags or `*`, holds *etag*.

    The comparison is strong: a weak tag on either side never matches (RFC 9110 section
    8.8.3.2). Raises RequestError 431 when none of the first MAX_TAGS tags matches and there
    are more: both to answer and to fail the precondition could be wrong (RFC 6585 section 5).
    """
    if value == b"*":
        return True
    for number, found in enumerate(_OPAQUE_TAG.finditer(value)):
        if number == MAX_TAGS:
            raise RequestError(431, "too many entity tags in If-Match")
        if found[0] == etag and not value.endswith(_WEAK_PREFIX, 0, found.start()):
            return True
    return False


def matches_weakly(value: bytes, etag: bytes) -> bool:
    """Whether an If-None-Match field, a list of entity tags or `*`, holds *etag*.

    The comparison is weak (RFC 9110 section 8.8.3.2). Only the first MAX_TAGS tags are
    compared. A match behind them is missed, and the client is sent what it has: that is never
    wrong, since only a match spares it the response (section 13.1.2).
    """
    if value == b"*":
        return True
    opaque = etag.removeprefix(_WEAK_PREFIX)
    return any(found[0] == opaque for found in islice(_OPAQUE_TAG.finditer(value), MAX_TAGS))


def accepts_html(accept: bytes | None) -> bool:
    """Whether a person with a browser is likely to read the answer.

    Only a client that names HTML gets it: `*/*` alone is curl or a program, and those
    read plain text better. The first MAX_ACCEPT_SIZE bytes of *accept* decide.
    """
    if accept is None:
        return False
    found = _HTML.search(b"," + accept[:MAX_ACCEPT_SIZE].lower())
    return found is not None and not _ZERO_WEIGHT.search(found[1] or b"")
