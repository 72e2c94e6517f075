"""HTTP dates: IMF-fixdate out, all three forms in (RFC 9110 section 5.6.7)."""

import re
from datetime import UTC, datetime

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MONTH_NUMBERS = {name.encode(): number for number, name in enumerate(_MONTHS, 1)}

_MONTH = rb"(?P<month>Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
_TIME = rb"(?P<hour>\d\d):(?P<minute>\d\d):(?P<second>\d\d)"
_FORMS = (
    # Sun, 06 Nov 1994 08:49:37 GMT
    rb"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), (?P<day>\d\d) %b (?P<year>\d{4}) %b GMT" % (_MONTH, _TIME),
    # Sunday, 06-Nov-94 08:49:37 GMT
    rb"(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day, (?P<day>\d\d)-%b-(?P<year>\d\d) %b GMT"
    % (_MONTH, _TIME),
    # Sun Nov  6 08:49:37 1994
    rb"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) %b (?P<day>[ \d]\d) %b (?P<year>\d{4})" % (_MONTH, _TIME),
)
# No form repeats anything, so that a value of any size is refused after a few bytes.
_DATES = tuple(re.compile(form) for form in _FORMS)


def format_date(seconds: int) -> bytes:
    """Return *seconds* since the epoch as an IMF-fixdate, always in GMT."""
    at = datetime.fromtimestamp(seconds, UTC)
    day, month = _DAYS[at.weekday()], _MONTHS[at.month - 1]
    return f"{day}, {at:%d} {month} {at.year:04d} {at:%H:%M:%S} GMT".encode()


def parse_date(value: bytes, now: int) -> int | None:
    """Return the seconds since the epoch that *value* names, None if it is no HTTP date.

    *now* (seconds since the epoch) places the two-digit years of the obsolete form:
    one that seems more than 50 years ahead is in the past.
    """
    for form in _DATES:
        found = form.fullmatch(value)
        if found is not None:
            return _seconds(found, now)
    return None


def _seconds(found: re.Match[bytes], now: int) -> int | None:
    year = int(found["year"])
    if len(found["year"]) == 2:
        year = _full_year(year, datetime.fromtimestamp(now, UTC).year)
    month, day = _MONTH_NUMBERS[found["month"]], int(found["day"])
    # A leap second is valid in the grammar but not in a datetime.
    second = min(int(found["second"]), 59) if found["second"] == b"60" else int(found["second"])
    try:
        at = datetime(year, month, day, int(found["hour"]), int(found["minute"]), second, 0, UTC)
    except ValueError:
        return None
    return int(at.timestamp())


def _full_year(two_digits: int, this_year: int) -> int:
    year = this_year - this_year % 100 + two_digits
    return year - 100 if year > this_year + 50 else year
