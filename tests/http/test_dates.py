"""HTTP dates: one form out, three forms in, everything else is no date."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evloop.http.dates import format_date, parse_date

# The example of RFC 9110 section 5.6.7.
EXAMPLE = 784_111_777
NOW = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp())

FORMATTED = {
    0: b"Thu, 01 Jan 1970 00:00:00 GMT",
    EXAMPLE: b"Sun, 06 Nov 1994 08:49:37 GMT",
    951_782_400: b"Tue, 29 Feb 2000 00:00:00 GMT",
    4_102_444_799: b"Thu, 31 Dec 2099 23:59:59 GMT",
}

PARSED = {
    b"Sun, 06 Nov 1994 08:49:37 GMT": EXAMPLE,
    b"Sunday, 06-Nov-94 08:49:37 GMT": EXAMPLE,
    b"Sun Nov  6 08:49:37 1994": EXAMPLE,
    b"Sun Nov 06 08:49:37 1994": EXAMPLE,
    b"Sun Nov 16 08:49:37 1994": EXAMPLE + 10 * 86_400,
    # Nobody checks that the day of the week is the right one.
    b"Mon, 06 Nov 1994 08:49:37 GMT": EXAMPLE,
    b"Thu, 01 Jan 1970 00:00:00 GMT": 0,
    b"Wed, 31 Dec 1969 23:59:59 GMT": -1,
    b"Mon, 01 Jan 0001 00:00:00 GMT": -62_135_596_800,
    # A leap second is the second before it.
    b"Sat, 31 Dec 2016 23:59:60 GMT": 1_483_228_799,
    b"Tue, 29 Feb 2000 00:00:00 GMT": 951_782_400,
}

NO_DATES = (
    b"",
    b"0",
    b"784111777",
    b"yesterday",
    b"Sun, 06 Nov 1994 08:49:37",
    b"Sun, 06 Nov 1994 08:49:37 UTC",
    b"Sun, 06 Nov 1994 08:49:37 +0000",
    b"Sun, 06 Nov 1994 08:49:37 GMT ",
    b" Sun, 06 Nov 1994 08:49:37 GMT",
    b"sun, 06 nov 1994 08:49:37 gmt",
    b"Sun, 6 Nov 1994 08:49:37 GMT",
    b"Sun, 06 Nov 94 08:49:37 GMT",
    b"Sunday, 06-Nov-1994 08:49:37 GMT",
    b"Sun Nov 6 08:49:37 1994",
    b"Sun, 00 Nov 1994 08:49:37 GMT",
    b"Sun, 31 Nov 1994 08:49:37 GMT",
    b"Thu, 29 Feb 2001 00:00:00 GMT",
    b"Sun, 06 Nov 1994 24:00:00 GMT",
    b"Sun, 06 Nov 1994 08:60:37 GMT",
    b"Sun, 06 Nov 1994 08:49:61 GMT",
    b"Sun, 06 Nov 0000 08:49:37 GMT",
    b"Sun, \xd9\xa06 Nov 1994 08:49:37 GMT",
)

# What two digits mean in the year 2026: more than 50 years ahead is in the past.
YEARS = {b"77": 1977, b"94": 1994, b"00": 2000, b"26": 2026, b"27": 2027, b"76": 2076}

SECONDS = st.integers(0, int(datetime(9999, 12, 31, tzinfo=UTC).timestamp()))


@pytest.mark.parametrize(("seconds", "date"), FORMATTED.items())
def test_a_date_is_written_as_imf_fixdate(seconds: int, date: bytes) -> None:
    assert format_date(seconds) == date


@pytest.mark.parametrize(("value", "seconds"), PARSED.items())
def test_all_three_forms_are_read(value: bytes, seconds: int) -> None:
    assert parse_date(value, NOW) == seconds


@pytest.mark.parametrize("value", NO_DATES)
def test_what_has_another_form_is_no_date(value: bytes) -> None:
    assert parse_date(value, NOW) is None


@pytest.mark.parametrize(("digits", "year"), YEARS.items())
def test_a_year_of_two_digits_is_at_most_50_years_ahead(digits: bytes, year: int) -> None:
    seconds = parse_date(b"Monday, 01-Jan-" + digits + b" 00:00:00 GMT", NOW)
    assert seconds == datetime(year, 1, 1, tzinfo=UTC).timestamp()


@given(SECONDS)
def test_what_is_written_is_read_back(seconds: int) -> None:
    assert parse_date(format_date(seconds), NOW) == seconds


@given(SECONDS)
def test_the_standard_library_writes_the_same(seconds: int) -> None:
    expected = datetime.fromtimestamp(seconds, UTC).strftime("%a, %d %b %Y %H:%M:%S GMT")
    assert format_date(seconds).decode() == expected
