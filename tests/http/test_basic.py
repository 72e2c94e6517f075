"""Authorization fields: what is a name and a password, and what is not worth a check."""

from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evloop.http.basic import MAX_FIELD_SIZE, Credentials, parse_basic, user_in_head


def basic(text: bytes) -> bytes:
    return b"Basic " + b64encode(text)


TAKEN = {
    basic(b"anna:secret"): (b"anna", b"secret"),
    basic(b"anna:"): (b"anna", b""),
    basic(b":secret"): (b"", b"secret"),
    basic(b"anna:a:b"): (b"anna", b"a:b"),
    basic(b"an na: s "): (b"an na", b" s "),
    basic("jürgen:pässwört".encode()): ("jürgen".encode(), "pässwört".encode()),
    basic(b"\xff:\xfe"): (b"\xff", b"\xfe"),
    b"bAsIc  YTpi": (b"a", b"b"),
    basic(b"a" * 255 + b":" + b"b" * 72): (b"a" * 255, b"b" * 72),
}

NOT_TAKEN = [
    b"",
    b"Basic",
    b"Basic ",
    b"BasicYTpi",
    b"Basic\tYTpi",
    b"Bearer YTpi",
    b"Digest username=a",
    b"Basic YTpi YTpi",
    b"Basic YTpi, Basic YTpi",  # two lines
    b"Basic YTpi,",
    b"Basic YTp",  # cut
    b"Basic YTpi=",
    b"Basic YTo==",
    b"Basic YTpi====",
    b"Basic YQ==YTpi",
    b"Basic YT-i",
    b"Basic \xff",
    basic(b"no colon"),
    basic(b"a\0:b"),
    basic(b"a:b\r\nX: y"),
    basic(b"a:b\x7f"),
    basic(b"a:" + b"b" * MAX_FIELD_SIZE),
]


@pytest.mark.parametrize("value", TAKEN)
def test_a_name_and_a_password_are_read(value: bytes) -> None:
    assert parse_basic(value) == Credentials(*TAKEN[value])


@pytest.mark.parametrize("value", NOT_TAKEN)
def test_anything_else_is_none(value: bytes) -> None:
    assert parse_basic(value) is None


@given(st.text("aB9+/=", max_size=12))
def test_no_text_breaks_it(text: str) -> None:
    parse_basic(b"Basic " + text.encode())


def test_the_size_decides_before_anything_is_decoded() -> None:
    longest = basic(b"a:" + b"b" * 760)
    assert len(longest) <= MAX_FIELD_SIZE < len(longest) + 4
    assert parse_basic(longest) is not None
    assert parse_basic(longest + b"AAAA") is None


HEADS = {
    b"GET / HTTP/1.1\r\nHost: a\r\n\r\n": b"",
    b"GET / HTTP/1.1\r\nauthorization:" + basic(b"anna:x") + b" \r\n\r\n": b"anna",
    b"GET /\r\nX-Authorization: " + basic(b"anna:x") + b"\r\n\r\n": b"",
    b"GET /\r\nAuthorization: Bearer YTpi\r\n\r\n": b"",
    b"": b"",
}


@pytest.mark.parametrize("head", HEADS)
def test_the_log_finds_the_name_in_a_head(head: bytes) -> None:
    assert user_in_head(head) == HEADS[head]
