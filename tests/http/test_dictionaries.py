"""Compression dictionaries: which addresses a file is a dictionary for, and what clients say."""

import base64
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evloop.http.dictionaries import (
    MAX_MATCH_SIZE,
    match_pattern,
    parse_available_dictionary,
    split_version,
    use_as_dictionary,
)

PATTERNS: dict[bytes, bytes | None] = {
    b"app.js": b"/app.js",
    b"": b"/",
    b"docs/": b"/docs/",
    b"docs/README": b"/docs/README",
    # What build tools write.
    b"assets/index-BvF3kd9a.js": b"/assets/index-*.js",
    b"assets/index-DiwrgTda.js": b"/assets/index-*.js",
    b"main.3f2a1b9c.js": b"/main.*.js",
    b"main.3f2a1b9c.chunk.css.map": b"/main.*.chunk.css.map",
    b"app.3f2a1b9c.min.js": b"/app.*.min.js",
    b"_app/immutable/entry/start.B2x_-k9Q.js": b"/_app/immutable/entry/start.*.js",
    # What only looks like it.
    b"my-component.js": b"/my-component.js",
    b"jquery-3.7.1.min.js": b"/jquery-3.7.1.min.js",
    b"app-1234567.js": b"/app-1234567.js",
    b"3f2a1b9c.js": b"/3f2a1b9c.js",
    b".3f2a1b9c.js": b"/.3f2a1b9c.js",
    b"dir/.3f2a1b9c.js": b"/dir/.3f2a1b9c.js",
    b"app.3f2a1b9c": b"/app.3f2a1b9c",
    b"app.3f2a1b9c/x.js": b"/app.3f2a1b9c/x.js",
    # Escapes are those of an address.
    b"a b.js": b"/a%20b.js",
    b"\xc3\xa9.css": b"/%C3%A9.css",
    b"\xff.css": b"/%FF.css",
    b'q".js': b"/q%22.js",
    b"50%.txt": b"/50%25.txt",
    b"a!$&',;=@~b.js": b"/a!$&',;=@~b.js",
    # A pattern would mean something else by these.
    b"a*.js": None,
    b"a+.js": None,
    b"what?.js": None,
    b"x(1).js": None,
    b"a:b.js": None,
    b"{a}.js": None,
    b"a\\b.js": None,
    b"a" * (MAX_MATCH_SIZE - 1): b"/" + b"a" * (MAX_MATCH_SIZE - 1),
    b"a" * MAX_MATCH_SIZE: None,
}


@pytest.mark.parametrize("path", PATTERNS)
def test_the_pattern_is_the_address_but_for_a_version(path: bytes) -> None:
    assert match_pattern(path) == PATTERNS[path]


@pytest.mark.parametrize("path", PATTERNS)
def test_the_field_is_a_structured_dictionary(path: bytes) -> None:
    pattern = PATTERNS[path]
    expected = None if pattern is None else b'match="' + pattern + b'"'
    assert use_as_dictionary(path) == expected


def test_versions_of_one_file_differ_in_nothing_else() -> None:
    old, new = split_version(b"a/index-BvF3kd9a.js"), split_version(b"a/index-00000000.js")
    assert old == new
    assert old != split_version(b"a/index-.js")
    assert old != split_version(b"b/index-BvF3kd9a.js")


@given(st.binary(max_size=80))
def test_no_name_puts_anything_else_into_the_field(path: bytes) -> None:
    pattern = match_pattern(path)
    if pattern is not None:
        assert pattern.startswith(b"/")
        assert not set(pattern) & set(b'"\\\r\n\0 ()+?:{}')
        assert pattern.isascii()
        assert pattern.count(b"*") <= 1


def test_the_longest_name_takes_bounded_work() -> None:
    # Every place of it may be the beginning of a version.
    assert match_pattern(b"a-" * 2000 + b".js") is None


DIGEST = hashlib.sha256(b"old").digest()
SAID = b":" + base64.b64encode(DIGEST) + b":"

AVAILABLE: dict[bytes | None, bytes | None] = {
    None: None,
    SAID: DIGEST,
    b"": None,
    b"::": None,
    SAID[1:]: None,
    SAID[:-1]: None,
    SAID[1:-1]: None,
    b'"' + SAID[1:-1] + b'"': None,
    SAID + b", " + SAID: None,
    SAID + b";a": None,
    SAID.replace(b"=", b""): None,
    b":" + base64.b64encode(DIGEST[:31]) + b":": None,
    b":" + base64.b64encode(DIGEST + b"x") + b":": None,
    b":" + b"A" * 44 + b":": None,  # 33 bytes
    b":" + b"*" * 43 + b"=:": None,
    b":" + b"\xff" * 43 + b"=:": None,
    b"x" * 16384: None,
}


@pytest.mark.parametrize("value", AVAILABLE)
def test_a_digest_has_one_form(value: bytes | None) -> None:
    assert parse_available_dictionary(value) == AVAILABLE[value]
