"""Lists inside field values."""

import pytest

from evloop.http.fields import (
    MAX_ACCEPT_SIZE,
    MAX_TAGS,
    accepts_html,
    matches_strongly,
    matches_weakly,
    tokens,
)
from evloop.http.request import RequestError

TOKENS = {
    b"close": {b"close"},
    b"Close": {b"close"},
    b"keep-alive, Upgrade": {b"keep-alive", b"upgrade"},
    b" \tclose\t ,\tx": {b"close", b"x"},
    b"": {b""},
    b",,": {b""},
    b"closed": {b"closed"},
    b"close keep-alive": {b"close keep-alive"},
}

ETAG = b'"abc"'
# The value of an If-Match or If-None-Match field: does it match strongly, weakly?
MATCHES = {
    b"*": (True, True),
    b'"abc"': (True, True),
    b'W/"abc"': (False, True),
    b'"x", "abc"': (True, True),
    b'"x","abc","y"': (True, True),
    b'"x", W/"abc"': (False, True),
    b'W/"abc", "abc"': (True, True),
    b'"a,b", "abc"': (True, True),
    b'"ABC"': (False, False),
    b'"x"': (False, False),
    b'W/"x"': (False, False),
    b"abc": (False, False),
    b'"abc': (False, False),
    b'abc"': (False, False),
    b'""': (False, False),
    b"": (False, False),
    b"**": (False, False),
    b'"*"': (False, False),
    b'"a b c"': (False, False),
    b'"\xff"': (False, False),
    b'"W/""abc"': (True, True),  # no weak tag either: the prefix is another tag's content
    b'"abc"W/': (True, True),
    b'x"abc"': (True, True),
    b'w/"abc"': (True, True),  # no weak tag: the prefix is case-sensitive
}

ACCEPTED = {
    None: False,
    b"": False,
    b"*/*": False,
    b"text/html": True,
    b"TEXT/HTML": True,
    b"text/*": True,
    b"application/xhtml+xml": True,
    b"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8": True,
    b"text/plain": False,
    b"application/json, text/html;q=0.1": True,
    b"text/html;level=1": True,
    b"text/html;q=0": False,
    b"text/html ; q=0.000": False,
    b"text/html;q=0.001": True,
    b"text/html;level=1;q=0": False,
    b"text/html;q=": True,
    b"text/html-sandboxed": False,
    b"text/html;q=0,text/html": False,
    b"text/html;q=0;level=1": False,
    b"text/html;q=0.0000": True,
    b"text/html;x=q=0": True,
    b"text/html\t,x": True,
    b",, text/html": True,
    b"x text/html": False,
    b"text/html x": False,
    # Only the beginning of a list without end is read.
    b"a/b," * 200 + b"text/html": True,
    b"a/b," * 2000 + b"text/html": False,
}


@pytest.mark.parametrize(("value", "expected"), TOKENS.items())
def test_tokens_are_read_in_lower_case(value: bytes, expected: set[bytes]) -> None:
    assert tokens(value) == expected


@pytest.mark.parametrize(("value", "expected"), MATCHES.items())
def test_tags_match_strongly_and_weakly(value: bytes, expected: tuple[bool, bool]) -> None:
    assert (matches_strongly(value, ETAG), matches_weakly(value, ETAG)) == expected


TAGS = {
    # At the bound, and beyond it
    b'"x",' * (MAX_TAGS - 1) + b'"abc"': (True, True),
    b'"x",' * MAX_TAGS: (False, False),
    b'"abc",' + b'"x",' * 4000: (True, True),
    b'"x",' * MAX_TAGS + b'"abc"': (431, False),
    b'"' * 16_000: (431, False),
    b'W/"abc",' * 2000: (431, True),
    # No tag at all
    b"W/" * 8000: (False, False),
    b'"' + b"a" * 16_000: (False, False),
    b'" ' * 8000: (False, False),
}


def strong_verdict(value: bytes) -> bool | int:
    try:
        return matches_strongly(value, ETAG)
    except RequestError as refusal:
        return refusal.status


@pytest.mark.parametrize(("value", "expected"), TAGS.items(), ids=lambda it: str(it)[:30])
def test_more_tags_than_are_compared_never_spare_or_fail_a_response(
    value: bytes, expected: tuple[bool | int, bool]
) -> None:
    assert (strong_verdict(value), matches_weakly(value, ETAG)) == expected


def test_the_end_of_a_long_accept_is_not_read() -> None:
    assert accepts_html(b"text/html".rjust(MAX_ACCEPT_SIZE))
    assert not accepts_html(b"text/html".rjust(MAX_ACCEPT_SIZE + 1))


def test_a_weak_tag_matches_itself_only_weakly() -> None:
    assert not matches_strongly(b'W/"abc"', b'W/"abc"')
    assert matches_weakly(b'W/"abc"', b'W/"abc"')
    assert matches_weakly(b'"abc"', b'W/"abc"')


@pytest.mark.parametrize(("accept", "expected"), ACCEPTED.items(), ids=lambda it: str(it)[:60])
def test_html_is_for_those_who_name_it(accept: bytes | None, expected: bool) -> None:
    assert accepts_html(accept) is expected
