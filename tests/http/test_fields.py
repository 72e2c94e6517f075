"""Lists inside field values."""

import pytest

from evloop.http.fields import accepts_html, matches_strongly, matches_weakly, tokens

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


def test_a_weak_tag_matches_itself_only_weakly() -> None:
    assert not matches_strongly(b'W/"abc"', b'W/"abc"')
    assert matches_weakly(b'W/"abc"', b'W/"abc"')
    assert matches_weakly(b'"abc"', b'W/"abc"')


@pytest.mark.parametrize(("accept", "expected"), ACCEPTED.items(), ids=lambda it: str(it)[:60])
def test_html_is_for_those_who_name_it(accept: bytes | None, expected: bool) -> None:
    assert accepts_html(accept) is expected
