"""Names, sizes and times of entries as a listing writes them."""

import re
from datetime import datetime, timedelta
from functools import lru_cache
from urllib.parse import quote

_PLAIN = re.compile(rb"[A-Za-z0-9._~-]++")  # RFC 3986 section 2.3: the unreserved characters
_MARKUP = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;"}
# Joiners, without which names in Persian and some emoji are written wrongly. They turn nothing.
_JOINERS = frozenset("\u200c\u200d")
_EPOCH = datetime(1970, 1, 1)
_FIRST, _LAST = -62_135_596_800, 253_402_300_799  # seconds: the years 1 to 9999
_MAX_TIMES = 1024  # that are remembered: files that lie together were often made together
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_UNITS = (b"B", b"KiB", b"MiB", b"GiB", b"TiB", b"PiB", b"EiB")


def href(name: bytes) -> bytes:
    """Return the relative reference of *name*: all but the unreserved characters is encoded.

    So no name can be taken for a scheme, a query or an end of the quotes, by browsers or by
    programs that look for links with a pattern.
    """
    return name if _PLAIN.fullmatch(name) else quote(name, safe="").encode()


def link_and_text(name: bytes) -> tuple[bytes, bytes]:
    """Return href() and html_text() of *name*."""
    return (name, name) if _PLAIN.fullmatch(name) else (href(name), html_text(name))


def html_text(name: bytes) -> bytes:
    r"""Return *name* as a text of HTML, with what can't be seen escaped, e.g. `\x0a` or `\xff`.

    Escapes stand in an element of their own, so that a backslash in a name is another thing.
    """
    if _PLAIN.fullmatch(name):
        return name
    text = name.decode("utf-8", "surrogateescape")
    return "".join(_html_character(each) for each in text).encode()


def _html_character(each: str) -> str:
    if each.isprintable() or each in _JOINERS:
        return _MARKUP.get(each, each)
    return f"<i>{_escape(each)}</i>"


def _escape(character: str) -> str:
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # a byte that is not UTF-8 (PEP 383)
        code -= 0xDC00
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def plain_text(name: bytes) -> tuple[str, bool]:
    r"""Return *name* as a text, and whether it is one: bytes that are not UTF-8 become `\xff`."""
    try:
        return name.decode(), True
    except UnicodeDecodeError:
        return name.decode("utf-8", "backslashreplace"), False


@lru_cache(_MAX_TIMES)
def listed_minute(minute: int) -> bytes:
    """Return a time as listings have it, e.g. `24-Nov-2026 09:40`, in UTC.

    *minute* is counted from the epoch.
    """
    at = _moment(minute * 60)
    month = _MONTHS[at.month - 1]
    return f"{at.day:02d}-{month}-{at.year:04d} {at.hour:02d}:{at.minute:02d}".encode()


@lru_cache(_MAX_TIMES)
def rfc3339_time(seconds: int) -> str:
    """Return *seconds* since the epoch as in RFC 3339, e.g. `2026-11-24T09:40:56Z`."""
    return _moment(seconds).isoformat() + "Z"


def _moment(seconds: int) -> datetime:
    """Return a time in UTC; what is out of the calendar's range becomes its first or last."""
    return _EPOCH + timedelta(seconds=min(max(seconds, _FIRST), _LAST))


def human_size(size: int) -> bytes:
    """Return *size* bytes to three digits or so, e.g. `1.5 MiB`."""
    if size < 1024:
        return b"%d B" % size
    power = min((size.bit_length() - 1) // 10, len(_UNITS) - 1)
    value = size / (1 << 10 * power)
    return (b"%.1f %b" if value < 99.95 else b"%.0f %b") % (value, _UNITS[power])
