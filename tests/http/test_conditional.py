"""Preconditions, in the order of RFC 9110 section 13.2.2."""

from datetime import UTC, datetime

import pytest

from evloop.http.conditional import Validators, Verdict, evaluate, range_applies
from evloop.http.fields import MAX_TAGS
from evloop.http.request import RequestError

NOW = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp())
MODIFIED = 784_111_777
BEFORE = b"Sun, 06 Nov 1994 08:49:36 GMT"
EXACT = b"Sun, 06 Nov 1994 08:49:37 GMT"
AFTER = b"Sun, 06 Nov 1994 08:49:38 GMT"
EXACT_RFC_850 = b"Sunday, 06-Nov-94 08:49:37 GMT"
EXACT_ASCTIME = b"Sun Nov  6 08:49:37 1994"
FOUL = b"once upon a time"

FILE = Validators(b'"v1"', MODIFIED)
UNDATED = Validators(b'"v1"', None)

P, N, F = Verdict.PROCEED, Verdict.NOT_MODIFIED, Verdict.FAILED

VERDICTS: list[tuple[dict[bytes, bytes], Verdict]] = [
    ({}, P),
    ({b"range": b"bytes=0-0"}, P),
    # If-Match: strong comparison
    ({b"if-match": b'"v1"'}, P),
    ({b"if-match": b"*"}, P),
    ({b"if-match": b'"v0", "v1"'}, P),
    ({b"if-match": b'"v0"'}, F),
    ({b"if-match": b'W/"v1"'}, F),
    ({b"if-match": b""}, F),
    # If-Unmodified-Since: only without If-Match
    ({b"if-unmodified-since": EXACT}, P),
    ({b"if-unmodified-since": AFTER}, P),
    ({b"if-unmodified-since": BEFORE}, F),
    ({b"if-unmodified-since": EXACT_RFC_850}, P),
    ({b"if-unmodified-since": EXACT_ASCTIME}, P),
    ({b"if-unmodified-since": FOUL}, P),
    ({b"if-match": b'"v1"', b"if-unmodified-since": BEFORE}, P),
    ({b"if-match": b'"v0"', b"if-unmodified-since": AFTER}, F),
    # If-None-Match: weak comparison
    ({b"if-none-match": b'"v1"'}, N),
    ({b"if-none-match": b'W/"v1"'}, N),
    ({b"if-none-match": b'"v0", "v1"'}, N),
    ({b"if-none-match": b"*"}, N),
    ({b"if-none-match": b'"v0"'}, P),
    ({b"if-none-match": b""}, P),
    # If-Modified-Since: only without If-None-Match
    ({b"if-modified-since": EXACT}, N),
    ({b"if-modified-since": AFTER}, N),
    ({b"if-modified-since": BEFORE}, P),
    ({b"if-modified-since": EXACT_RFC_850}, N),
    ({b"if-modified-since": EXACT_ASCTIME}, N),
    ({b"if-modified-since": FOUL}, P),
    ({b"if-none-match": b'"v0"', b"if-modified-since": AFTER}, P),
    ({b"if-none-match": b'"v1"', b"if-modified-since": BEFORE}, N),
    # Both kinds: the first decides whether the second is looked at
    ({b"if-match": b'"v0"', b"if-none-match": b'"v1"'}, F),
    ({b"if-match": b'"v1"', b"if-none-match": b'"v1"'}, N),
    ({b"if-unmodified-since": BEFORE, b"if-modified-since": AFTER}, F),
    ({b"if-unmodified-since": AFTER, b"if-none-match": b'"v1"'}, N),
    ({b"if-unmodified-since": AFTER, b"if-modified-since": BEFORE}, P),
]

MANY = b'"x",' * MAX_TAGS  # as many tags as are compared

# More tags than are compared must never lead to a 304, or to a 206 that was not asked for.
BEYOND: list[tuple[dict[bytes, bytes], Verdict]] = [
    ({b"if-none-match": MANY + b'"v1"'}, P),
    ({b"if-none-match": MANY + b'"v1"', b"if-modified-since": AFTER}, P),
    ({b"if-none-match": b'"v1",' + MANY}, N),
    ({b"if-match": b'"v1",' + MANY}, P),
    ({b"if-match": MANY}, F),
]

DATE_FIELDS = (b"if-modified-since", b"if-unmodified-since")

IF_RANGE: dict[bytes | None, bool] = {
    None: True,
    b'"v1"': True,
    b'"v0"': False,
    b'W/"v1"': False,
    b'"v1", "v0"': False,  # one tag, not a list
    b"*": False,
    EXACT: False,  # who has the date has the tag as well
    EXACT_RFC_850: False,
    EXACT_ASCTIME: False,
    BEFORE: False,
    AFTER: False,
    FOUL: False,
    b"": False,
}


@pytest.mark.parametrize(("fields", "verdict"), VERDICTS)
def test_preconditions_have_an_order(fields: dict[bytes, bytes], verdict: Verdict) -> None:
    assert evaluate(fields, FILE, NOW) is verdict


@pytest.mark.parametrize(("fields", "verdict"), BEYOND)
def test_a_list_beyond_the_bound_spares_no_response(
    fields: dict[bytes, bytes], verdict: Verdict
) -> None:
    assert evaluate(fields, FILE, NOW) is verdict


def test_an_if_match_that_is_not_read_to_its_end_is_refused() -> None:
    with pytest.raises(RequestError) as refusal:
        evaluate({b"if-match": MANY + b'"v1"', b"if-none-match": b'"v1"'}, FILE, NOW)
    assert refusal.value.status == 431


@pytest.mark.parametrize("field", DATE_FIELDS)
@pytest.mark.parametrize("date", [BEFORE, EXACT, AFTER, FOUL])
def test_dates_are_ignored_for_a_file_without_one(field: bytes, date: bytes) -> None:
    assert evaluate({field: date}, UNDATED, NOW) is Verdict.PROCEED


@pytest.mark.parametrize(("if_range", "applies"), IF_RANGE.items())
def test_a_range_holds_only_for_the_very_same_state(if_range: bytes | None, applies: bool) -> None:
    assert range_applies(if_range, FILE.etag) is applies


@pytest.mark.parametrize("if_range", [b'W/"v1"', b'"v1"', EXACT])
def test_a_weak_tag_lets_no_range_be_sent(if_range: bytes) -> None:
    assert not range_applies(if_range, b'W/"v1"')
    assert range_applies(None, b'W/"v1"')
