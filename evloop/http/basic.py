"""Who a client says it is: the Basic scheme (RFC 7617)."""

import binascii
import re
from typing import NamedTuple

MAX_FIELD_SIZE = 1024
"""Bytes of an Authorization field that is read. A name of 255 bytes and a password of 72, which
are the longest here, take 446."""
CHALLENGE = (b"WWW-Authenticate", b'Basic realm="Restricted", charset="UTF-8"')
"""What a 401 carries (RFC 7617 section 2.1)."""

# RFC 9110 section 11.4: the scheme's name in any case, spaces, and one token68.
_BASIC = re.compile(rb"basic +([A-Za-z0-9+/]*+={0,2})", re.IGNORECASE)
_CONTROL = re.compile(rb"[\x00-\x1f\x7f]")
_IN_HEAD = re.compile(rb"\r\nauthorization:[ \t]*+([^\r\n]*+)", re.IGNORECASE)


class Credentials(NamedTuple):
    """A name and a password, as they came: UTF-8 if the client does what it is asked."""

    user: bytes
    password: bytes


def parse_basic(value: bytes) -> Credentials | None:
    """Return the credentials in an Authorization field; None when there are none to check.

    That is any other scheme, broken base64, no colon, or a control character in either part
    (RFC 7617 section 2), and a field of more than MAX_FIELD_SIZE bytes.
    """
    if len(value) > MAX_FIELD_SIZE:
        return None
    found = _BASIC.fullmatch(value)
    if found is None or len(found[1]) % 4:
        return None
    text = binascii.a2b_base64(found[1])  # of this alphabet and size it takes anything
    user, colon, password = text.partition(b":")
    if not colon or _CONTROL.search(text):
        return None
    return Credentials(user, password)


def user_in_head(head: bytes) -> bytes:
    """Return the name in the Authorization field of a request head, for the log; empty: none.

    It says who asked, not that the password was right: the status says that.
    """
    found = _IN_HEAD.search(head)
    credentials = parse_basic(found[1].rstrip(b" \t")) if found is not None else None
    return credentials.user if credentials is not None else b""
