"""Lists inside field values: tokens, entity tags, and what a client accepts."""

import re

# RFC 9110 section 8.8.3; commas may stand inside the quotes.
_ENTITY_TAG = re.compile(rb'(W/)?("[\x21\x23-\x7e\x80-\xff]*")')
_WEAK_PREFIX = b"W/"
_ZERO_WEIGHT = re.compile(rb"q=0(?:\.0{0,3})?")
# Browsers send less; a list without end is a way to keep a server busy.
_MAX_ACCEPT_SIZE = 1024


def tokens(value: bytes) -> frozenset[bytes]:
    """Return the members of a comma-separated list of tokens, in lower case."""
    return frozenset(item.strip(b" \t") for item in value.lower().split(b","))


def matches_strongly(value: bytes, etag: bytes) -> bool:
    """Whether a list of entity tags, or `*`, holds *etag* by strong comparison.

    A weak tag on either side never matches (RFC 9110 section 8.8.3.2).
    """
    if value == b"*":
        return True
    return any(not weak and tag == etag for weak, tag in _ENTITY_TAG.findall(value))


def matches_weakly(value: bytes, etag: bytes) -> bool:
    """Whether a list of entity tags, or `*`, holds *etag* whatever is weak."""
    if value == b"*":
        return True
    opaque = etag.removeprefix(_WEAK_PREFIX)
    return any(tag == opaque for _, tag in _ENTITY_TAG.findall(value))


def accepts_html(accept: bytes | None) -> bool:
    """Whether a person with a browser is likely to read the answer.

    Only a client that names HTML gets it: `*/*` alone is curl or a program, and those
    read plain text better.
    """
    if accept is None:
        return False
    for item in accept[:_MAX_ACCEPT_SIZE].lower().split(b","):
        media_type, *parameters = (part.strip(b" \t") for part in item.split(b";"))
        if media_type in {b"text/html", b"application/xhtml+xml", b"text/*"}:
            return not any(_ZERO_WEIGHT.fullmatch(parameter) for parameter in parameters)
    return False
