"""Request targets: which path they name, and which name none.

The ways out of the root have a table of their own, in tests/files.
"""

from urllib.parse import unquote_to_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evloop.http.request import RequestError
from evloop.http.target import (
    MAX_ENCODED_SIZE,
    MAX_SEGMENTS,
    NAME_MAX,
    PATH_MAX,
    Target,
    decode_escapes,
    directory_location,
    parse_target,
)

# The target, its path, whether it ends as a directory does, its query.
ROWS: list[tuple[bytes, bytes, bool, bytes]] = [
    (b"/", b"", True, b""),
    (b"/a", b"a", False, b""),
    (b"/a/", b"a/", True, b""),
    (b"/a/b.txt", b"a/b.txt", False, b""),
    # the query is kept apart
    (b"/a?b=c", b"a", False, b"?b=c"),
    (b"/a/?b", b"a/", True, b"?b"),
    (b"/a?", b"a", False, b"?"),
    (b"/?/../x", b"", True, b"?/../x"),
    (b"/a?b?c", b"a", False, b"?b?c"),
    (b"/a?%00%2f", b"a", False, b"?%00%2f"),
    # decoded once
    (b"/%61", b"a", False, b""),
    (b"/a%20b", b"a b", False, b""),
    (b"/%2561", b"%61", False, b""),
    (b"/%C3%A4", b"\xc3\xa4", False, b""),
    (b"/%c3%a4", b"\xc3\xa4", False, b""),
    (b"/\xc3\xa4", b"\xc3\xa4", False, b""),
    (b"/a%3Fb", b"a?b", False, b""),
    (b"/a%23b", b"a#b", False, b""),
    (b"/a%5cb", b"a\\b", False, b""),
    (b"/a+b", b"a+b", False, b""),
    (b"/a%0d%0ab", b"a\r\nb", False, b""),
    # names that are not UTF-8, and what is an overlong form of `.` or `/` in it
    (b"/%ff", b"\xff", False, b""),
    (b"/\xff", b"\xff", False, b""),
    (b"/%c3", b"\xc3", False, b""),
    (b"/%c0%af", b"\xc0\xaf", False, b""),
    (b"/%c0%ae%c0%ae/a", b"\xc0\xae\xc0\xae/a", False, b""),
    (b"/%e0%80%af", b"\xe0\x80\xaf", False, b""),
    (b"/%ed%a0%80", b"\xed\xa0\x80", False, b""),
    (b"/%f4%90%80%80/", b"\xf4\x90\x80\x80/", True, b""),
    # backslashes are no escapes
    (b"/a\\b", b"a\\b", False, b""),
    (b"/a\\x41%62", b"a\\x41b", False, b""),
    (b"/\\%5c\\", b"\\\\\\", False, b""),
    # as long as a path, and a name, can be
    (b"/" + b"a" * NAME_MAX, b"a" * NAME_MAX, False, b""),
    (b"/" + b"%61" * NAME_MAX, b"a" * NAME_MAX, False, b""),
    (b"/a" * MAX_SEGMENTS, b"a/" * (MAX_SEGMENTS - 1) + b"a", False, b""),
    ((b"/" + b"a" * NAME_MAX) * 16, (b"a" * NAME_MAX + b"/") * 15 + b"a" * NAME_MAX, False, b""),
    (b"/" + b"a" * (NAME_MAX + 1) + b"/../b", b"b", False, b""),
    (b"/a?" + b"/" * 16_000, b"a", False, b"?" + b"/" * 16_000),
    # dot segments
    (b"/.", b"", True, b""),
    (b"/./a", b"a", False, b""),
    (b"/a/.", b"a/", True, b""),
    (b"/a/..", b"", True, b""),
    (b"/a/../b", b"b", False, b""),
    (b"/a/b/../../c", b"c", False, b""),
    (b"/a/%2e%2e/b", b"b", False, b""),
    (b"/a/%2e", b"a/", True, b""),
    (b"/a/b/%2E.", b"a/", True, b""),
    (b"/a/...", b"a/...", False, b""),
    (b"/a/.b", b"a/.b", False, b""),
    (b"/a/b..", b"a/b..", False, b""),
    (b"/a/.?b", b"a/", True, b"?b"),
    # empty segments
    (b"//a", b"a", False, b""),
    (b"/a//b", b"a/b", False, b""),
    (b"/a//", b"a/", True, b""),
    (b"//", b"", True, b""),
    (b"//evil.example/a", b"evil.example/a", False, b""),
    # absolute-form
    (b"http://h", b"", True, b""),
    (b"http://h/", b"", True, b""),
    (b"http://h:80/a?b", b"a", False, b"?b"),
    (b"HTTPS://h/a/", b"a/", True, b""),
    (b"http://h?b", b"", True, b"?b"),
    (b"http://[::1]:8080/a", b"a", False, b""),
    (b"http://h?/@", b"", True, b"?/@"),
    (b"http://h/@", b"@", False, b""),
    (b"http://other.example/a/../b", b"b", False, b""),
]

REFUSED: dict[bytes, int] = {
    b"": 400,
    b"*": 400,
    b"a": 400,
    b"?a": 400,
    b"a/b": 400,
    b"ftp://h/a": 400,
    b"file:///etc/passwd": 400,
    b"http:/a": 400,
    b"http:///a": 400,
    b"http://": 400,
    b"http://u:p@h/a": 400,
    b"http://?": 400,
    b"http://?h/": 400,
    b"http://h@h": 400,
    b"h:443": 400,
    b"/a#b": 400,
    b"/a?b#c": 400,
    b"http://h#a": 400,
    # a broken escape
    b"/%": 400,
    b"/%2": 400,
    b"/%zz": 400,
    b"/%2%30": 400,
    b"/a%": 400,
    b"/%u0041": 400,
    # a NUL
    b"/a%00": 400,
    b"/a%00.txt": 400,
    b"/\0": 400,
    # above the root
    b"/..": 400,
    b"/../a": 400,
    b"/a/../..": 400,
    b"/%2e%2e/a": 400,
    b"/a/../../b": 400,
    b"//..": 400,
    b"http://h/..": 400,
    # a slash that is part of a name
    b"/a%2fb": 404,
    b"/a%2Fb": 404,
    b"/%2f": 404,
    b"/..%2f..%2fa": 404,
    # no name of a file
    b"/" + b"a" * (NAME_MAX + 1): 404,
    b"/" + b"%61" * (NAME_MAX + 1): 404,
    b"/a/" + b"a" * (NAME_MAX + 1) + b"/b": 404,
    # longer than a path can be
    b"/" + b"a" * PATH_MAX: 404,
    b"/" + b"%61" * PATH_MAX: 404,
    b"/" + b"%" * MAX_ENCODED_SIZE: 404,
    b"/" + b"%" * (MAX_ENCODED_SIZE - 1): 400,
    b"/" * (PATH_MAX + 1): 404,
    b"/a" * (MAX_SEGMENTS + 1): 404,
    b"/." * (MAX_SEGMENTS + 1): 404,
    b"/%2e" * (MAX_SEGMENTS + 1): 404,
    b"/a/%2e%2e" * MAX_SEGMENTS + b"/..": 404,
    b"/" * (MAX_SEGMENTS + 1): 404,
    b"http://h" + b"/a" * (MAX_SEGMENTS + 1): 404,
}

# What follows from a request for a directory without the slash.
LOCATIONS = {
    b"/a": b"./a/",
    b"/a/b": b"./b/",
    b"/a?x=y&z": b"./a/?x=y&z",
    b"/a?//evil.example/..": b"./a/?//evil.example/..",
    b"//evil.example": b"./evil.example/",
    b"//evil.example/a": b"./a/",
    b"/http:%5c%5cevil.example": b"./http:%5C%5Cevil.example/",
    b"/javascript:alert(1)": b"./javascript:alert(1)/",
    b"/a b": b"./a%20b/",
    b"/%C3%A4": b"./%C3%A4/",
    b"/%ff": b"./%FF/",
    b"/%c0%ae?x": b"./%C0%AE/?x",
    b"/a%3Fb": b"./a%3Fb/",
    b"/a%23b": b"./a%23b/",
    b"/a%0d%0aX:%20y": b"./a%0D%0AX:%20y/",
    b"/%2561": b"./%2561/",
    b'/"<>': b"./%22%3C%3E/",
    b"http://h/a": b"./a/",
}


def short(value: object) -> str | None:
    """Name the row of a long target by its beginning."""
    return repr(value[:60]) if isinstance(value, bytes) and len(value) > 60 else None


@pytest.mark.parametrize(("target", "path", "is_directory", "query"), ROWS, ids=short)
def test_a_target_names_a_path(
    target: bytes, path: bytes, is_directory: bool, query: bytes
) -> None:
    parsed = parse_target(target)
    assert parsed.path == path.rstrip(b"/")
    assert (parsed.is_directory, parsed.query) == (is_directory, query)


@pytest.mark.parametrize(("target", "status"), REFUSED.items(), ids=short)
def test_what_names_no_path_is_refused(target: bytes, status: int) -> None:
    with pytest.raises(RequestError) as refusal:
        parse_target(target)
    assert refusal.value.status == status


@pytest.mark.parametrize(("target", "location"), LOCATIONS.items())
def test_the_missing_slash_is_added_without_leaving_the_host(
    target: bytes, location: bytes
) -> None:
    assert directory_location(parse_target(target)) == location


def test_the_root_has_no_segments() -> None:
    assert parse_target(b"/").segments == ()
    assert parse_target(b"/a/b").segments == (b"a", b"b")


_ESCAPES = st.lists(st.sampled_from([b"%61", b"%Ff", b"%00", b"\\", b"x", b"=", b"\n", b"\xff"]))


@given(_ESCAPES.map(b"".join))
def test_escapes_are_decoded_as_the_standard_library_does(data: bytes) -> None:
    assert decode_escapes(data) == unquote_to_bytes(data)


# Made of what matters, so that most are not refused at the first byte.
_PIECES = st.sampled_from(
    [b"/", b".", b"..", b"%2e", b"%2F", b"%25", b"%00", b"%C3%A4", b"\xff", b"a", b"~", b"?", b"%"]
)
_TARGETS = st.lists(_PIECES, max_size=12).map(lambda pieces: b"/" + b"".join(pieces))


def _parsed(target: bytes) -> Target | None:
    try:
        return parse_target(target)
    except RequestError:
        return None


@given(st.one_of(_TARGETS, st.binary(max_size=40)))
def test_no_spelling_leaves_the_root(target: bytes) -> None:
    parsed = _parsed(target)
    for segment in parsed.segments if parsed is not None else ():
        assert segment not in {b"", b".", b".."}
        assert b"/" not in segment
        assert b"\0" not in segment


@given(_TARGETS)
def test_a_location_leads_to_the_same_directory(target: bytes) -> None:
    parsed = _parsed(target)
    if parsed is not None and parsed.segments:
        location = directory_location(parsed)
        assert location.startswith(b"./")
        assert b"\r" not in location
        assert b"\n" not in location
        path = location[1:].partition(b"?")[0]
        again = parse_target(path)
        assert (again.segments, again.is_directory) == (parsed.segments[-1:], True)
