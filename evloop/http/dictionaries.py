"""Compression dictionary transport (RFC 9842): a file sent as its difference to an older one.

A response says by Use-As-Dictionary for which later requests its bytes may serve as a dictionary.
A client that still has them names them by their SHA-256 in such a request, and may be sent what
was compressed against them. Both sides must have the same bytes, so nothing here is a guess: what
is sent begins with the digest of what it was compressed against (section 5).
"""

import base64
import binascii
import re
from typing import NamedTuple
from urllib.parse import quote

DIGEST_SIZE = 32
"""Bytes of a SHA-256."""
MAX_MATCH_SIZE = 1024
"""Bytes of a pattern. RFC 9842 has no bound for it, and 1024 for its `id` (section 2.1.3)."""

_ENCODED_DIGEST_SIZE = len(base64.b64encode(bytes(DIGEST_SIZE)))
# Left as they are in an address. What a URL pattern gives a meaning to is missing here, and what
# is missing there too: such names get no pattern.
_SAFE = "/!$&',;=@~"
_PATTERN_SYNTAX = re.compile(rb"[()*+?:{}\\]")
# What build tools put into names, so that they may be kept for ever: 8 to 64 characters of
# hexadecimal, base 32 or base64url between a dot or a hyphen and the ending, a digit or a capital
# letter among them. What is taken for one by mistake makes the pattern wider, and no answer wrong.
_VERSION = re.compile(
    rb"(?<=[^/][.-])(?=[a-z_-]{0,63}+[0-9A-Z])[0-9A-Za-z_-]{8,64}+(?=\.[^/.]+(?:\.[^/.]+){0,2}\Z)"
)


class Versioned(NamedTuple):
    """A path in which a version stands, or none: then it is all in front."""

    front: bytes
    back: bytes = b""
    is_versioned: bool = False


def split_version(path: bytes) -> Versioned:
    """Return what stands in *path* around the version that a build tool has put into the name."""
    found = _VERSION.search(path)
    if found is None:
        return Versioned(path)
    return Versioned(path[: found.start()], path[found.end() :], True)


def match_pattern(path: bytes) -> bytes | None:
    """Return the URL pattern of the addresses at which later versions of *path* are looked for.

    *path*: decoded, without a slash in front. The pattern is the address itself, with `*` for a
    version in the name. None: the name can't be said in a pattern.
    """
    if _PATTERN_SYNTAX.search(path):
        return None
    front, back, is_versioned = split_version(path)
    star = "*" if is_versioned else ""
    pattern = f"/{quote(front, safe=_SAFE)}{star}{quote(back, safe=_SAFE)}"
    return pattern.encode() if len(pattern) <= MAX_MATCH_SIZE else None


def use_as_dictionary(path: bytes) -> bytes | None:
    """Return the value of Use-As-Dictionary for the file at *path* (section 2.1), if there is one.

    The value is a dictionary of RFC 8941; its string needs no escapes, since quotes and
    backslashes are escaped as those of an address.
    """
    pattern = match_pattern(path)
    return None if pattern is None else b'match="%b"' % pattern


def parse_available_dictionary(value: bytes | None) -> bytes | None:
    """Return the SHA-256 in an Available-Dictionary field (section 2.2), None for anything else.

    The field is one byte sequence of RFC 8941, so it has exactly one form, parameters left out.
    """
    if value is None or len(value) != _ENCODED_DIGEST_SIZE + 2:
        return None
    if not (value.startswith(b":") and value.endswith(b":")):
        return None
    try:
        digest = base64.b64decode(value[1:-1], validate=True)
    except binascii.Error:
        return None
    return digest if len(digest) == DIGEST_SIZE else None
