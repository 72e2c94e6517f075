"""Names, sizes and times of entries as a listing writes them."""

import re
from datetime import UTC, datetime
from functools import lru_cache
from urllib.parse import quote

_PLAIN = re.compile(rb"[A-Za-z0-9._~-]++")  # RFC 3986 section 2.3: the unreserved characters
_MARKUP = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;"}
# Joiners, without which names in Persian and some emoji are written wrongly. They turn nothing.
_JOINERS = frozenset("\u200c\u200d")
_DAY = 86_400  # seconds
_DAYS = range(-719_162, 2_932_897)  # those of the years 1 to 9999, from the epoch
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_UNITS = ("bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB")


def href(name: bytes) -> bytes:
    """Return the relative reference of *name*: all but the unreserved characters is encoded.

    So no name can be taken for a scheme, a query or an end of the quotes, by browsers or by
    programs that look for links with a pattern.
    """
    return name if _PLAIN.fullmatch(name) else quote(name, safe="").encode()


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


def listed_time(seconds: int) -> str:
    """Return *seconds* since the epoch as listings have it, e.g. `24-Nov-2026 09:40`, in UTC."""
    day, second = _day_and_second(seconds)
    return f"{_date(day)[0]} {second // 3600:02d}:{second // 60 % 60:02d}"


def rfc3339_time(seconds: int) -> str:
    """Return *seconds* since the epoch as in RFC 3339, e.g. `2026-11-24T09:40:56Z`."""
    day, second = _day_and_second(seconds)
    hour, minute = second // 3600, second // 60 % 60
    return f"{_date(day)[1]}T{hour:02d}:{minute:02d}:{second % 60:02d}Z"


def _day_and_second(seconds: int) -> tuple[int, int]:
    """Split a time; what is out of the calendar's range becomes its first or last day."""
    day, second = divmod(seconds, _DAY)
    return min(max(day, _DAYS.start), _DAYS.stop - 1), second


@lru_cache(256)
def _date(day: int) -> tuple[str, str]:
    at = datetime.fromordinal(day + datetime(1970, 1, 1, tzinfo=UTC).toordinal())
    month = _MONTHS[at.month - 1]
    return f"{at.day:02d}-{month}-{at.year:04d}", f"{at.year:04d}-{at.month:02d}-{at.day:02d}"


def human_size(size: int) -> str:
    """Return *size* bytes to three digits or so, e.g. `1.5 MiB`."""
    value, power = float(size), 0
    while value >= 1024 and power < len(_UNITS) - 1:
        value /= 1024
        power += 1
    digits = f"{value:.1f}" if power and value < 100 else f"{value:.0f}"
    return f"{digits} {_UNITS[power]}"
