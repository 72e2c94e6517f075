"""What a client calls the host: Host in HTTP/1, :authority in HTTP/2."""

import re

from evloop.http.target import decode_escapes

MAX_HOST_ESCAPES = 255
"""Percent-escapes of a host: a name has at most 255 bytes (RFC 1035 section 2.3.4)."""

# RFC 9112 section 3.2: host and optional port, both possibly empty; no user information. The
# escapes of a name are checked apart from it, and every repetition is possessive, so that no
# byte is read twice.
_HOST = re.compile(
    rb"(?:\[[0-9A-Fa-f:.]++(?:%25[0-9A-Za-z._~-]++)?\]|[A-Za-z0-9._~!$&'()*+,;=%-]*+)(?::[0-9]*+)?"
)


def is_host(value: bytes) -> bool:
    """Whether *value* is a host, with a port or without (RFC 3986 section 3.2)."""
    if not _HOST.fullmatch(value):
        return False
    if escapes := value.count(b"%"):
        if escapes > MAX_HOST_ESCAPES:
            return False
        try:
            decode_escapes(value)
        except ValueError:
            return False
    return True
