"""`_headers`: blocks, fields, and what several blocks come to, in both dialects."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evloop.http1.writer import render_head
from evloop.site.rules.changes import MAX_SHARED_SIZE, with_vary
from evloop.site.rules.dialect import CLOUDFLARE, NETLIFY, Dialect
from evloop.site.rules.headers import COMBINED_SIZE, PROTECTED, parse_headers
from evloop.site.rules.model import MAX_FILE_SIZE, MAX_RULES, MAX_SCANS, RuleError
from evloop.site.rules.template import MAX_FILLED_SIZE

OWN = [
    (b"Server", b"s"),
    (b"ETag", b'"e"'),
    (b"Cache-Control", b"max-age=1"),
    (b"Content-Type", b"text/html"),
]


def fields(text: str, path: str, dialect: Dialect, host: str = "") -> dict[str, str]:
    """Return the fields that a response at *path* gets, with our own where nothing is said."""
    rules, _ = parse_headers(text.encode(), dialect)
    changes = rules.changes((path.encode(),), host.encode())
    sent = OWN if changes is None else changes.apply(OWN)
    return {name.decode().lower(): value.decode() for name, value in sent}


def said(text: str, path: str, dialect: Dialect) -> str | None:
    return fields(text, path, dialect).get("x-a")


# Pattern, path, and whether it matches for Netlify (for-regexp.test.ts) and for Cloudflare.
MATCHES: dict[tuple[str, str], tuple[bool, bool]] = {
    ("/", "/"): (True, True),
    ("/", "/a"): (False, False),
    ("/a", "/a"): (True, True),
    ("/a", "/a/"): (True, False),
    ("/a/", "/a"): (True, False),
    ("/a/", "/a/"): (True, True),
    ("/a", "/A"): (True, False),
    ("/A", "/a"): (True, False),
    ("/a", "/ab"): (False, False),
    ("/a/:b", "/a/x"): (True, True),
    ("/a/:b", "/a/x/"): (True, False),
    ("/a/:b", "/a/"): (False, False),
    ("/a/:b", "/a/x/y"): (False, False),
    ("/*", "/"): (True, True),
    ("/*", "/a/b"): (True, True),
    ("/a/*", "/a"): (True, False),
    ("/a/*", "/a/"): (True, True),
    ("/a/*", "/a/b/c"): (True, True),
    ("/a/*", "/abc"): (False, False),
    ("/*/a", "/x/a"): (True, True),
    ("/*/a", "/x/y/a"): (True, True),
    ("/*/a", "/a"): (True, False),
    ("/*/a", "/xa"): (False, False),
    ("/a/*/b", "/a/x/b"): (True, True),
    ("/a/*/b", "/a/b"): (True, False),
    ("/a/b*c", "/a/bc"): (True, True),
    ("/a/b*c", "/a/bxxc"): (True, True),
    ("/a/b*c", "/a/bx/yc"): (True, True),
    ("/a/b*c", "/a/bx"): (False, False),
    ("/*.js", "/x/y.js"): (True, True),
    ("/*.js", "/x/y.jsx"): (False, False),
    ("/a.", "/a."): (True, True),
    ("/a.", "/ab"): (False, False),
    ("//a//b//", "/a/b"): (True, False),
    ("/a*b*c", "/aXbYc"): (True, False),
    ("/*/b/*", "/a/b/c"): (True, False),
    ("/*/b/*", "/a/b"): (True, False),
    ("/*/b/*", "/a/bc"): (False, False),
    ("/:x/*/:y", "/a/b/c"): (True, True),
    ("/:x/*/:y", "/a/c"): (True, False),
}


@pytest.mark.parametrize(("pattern", "path"), MATCHES)
@pytest.mark.parametrize(("dialect", "column"), [(NETLIFY, 0), (CLOUDFLARE, 1)])
def test_a_block_is_for_the_paths_that_its_host_finds(
    pattern: str, path: str, dialect: Dialect, column: int
) -> None:
    expected = MATCHES[pattern, path][column]
    assert said(f"{pattern}\n  X-A: 1", path, dialect) == ("1" if expected else None)


# What a file says, and X-A of a response at /a/b for Netlify and for Cloudflare.
SAID: dict[str, tuple[str | None, str | None]] = {
    "/a/b\n  X-A: 1": ("1", "1"),
    "/a/b\nX-A: 1": ("1", "1"),
    "# note\n/a/b\n\n\t# note\n X-A:1": ("1", "1"),
    "/a/b\r\n  X-A: 1\r\n": ("1", "1"),
    "/a/b\n X-A: 1\n X-A: 2": ("1, 2", "1, 2"),
    "/a/b\n x-a: 1\n X-A: 2": ("1, 2", "1, 2"),
    "/*\n X-A: 1\n/a/*\n X-A: 2": ("2", "1, 2"),
    "/*\n X-A: 1\n/c\n X-A: 2": ("1", "1"),
    "/*\n X-A: 1\n/a/*\n ! X-A": ("1", None),
    "/*\n X-A: 1\n/a/*\n ! X-A\n X-A: 2": ("2", "2"),
    "/*\n ! X-A\n/a/*\n X-A: 2": ("2", "2"),
    "/a/*\n X-A: :splat": (":splat", "b"),
    "/:p/:q\n X-A: <:q/:p/:r>": ("<:q/:p/:r>", "<b/a/:r>"),
    "/a/b\n X-A: http://x:80": ("http://x:80", "http://x:80"),
    "X-A: 1\n/a/b\n X-B: 2": (None, None),
    "/a/b\n X-A 1\n X-B: 2": (None, None),
    "/a/b\n X-A:\n X-B: 2": (None, None),
    "/a/b\n X A: 1\n X-B: 2": (None, None),
    "/a/b\n X-A: 1\x00\n X-B: 2": (None, None),
    "/a/b\n X-A: 1\rX-C: 2\n X-B: 2": (None, None),
    "/a/b\n X-A: ü": ("ü", "ü"),
}


@pytest.mark.parametrize("text", SAID)
@pytest.mark.parametrize(("dialect", "column"), [(NETLIFY, 0), (CLOUDFLARE, 1)])
def test_a_file_says_what_its_host_reads_in_it(text: str, dialect: Dialect, column: int) -> None:
    assert said(text, "/a/b", dialect) == SAID[text][column]


def test_our_own_field_is_replaced_and_not_joined() -> None:
    for dialect in (NETLIFY, CLOUDFLARE):
        sent = fields("/*\n cache-control: no-cache\n Content-Type: x/y", "/a", dialect)
        assert (sent["cache-control"], sent["content-type"]) == ("no-cache", "x/y")
        assert sent["etag"] == '"e"'
    text = "/*\n Cache-Control: public\n/a\n Cache-Control: no-cache"
    assert fields(text, "/a", CLOUDFLARE)["cache-control"] == "public, no-cache"
    assert "cache-control" not in fields("/a\n ! Cache-Control", "/a", CLOUDFLARE)


def test_vary_is_added_to_ours_and_cookies_are_lines_of_their_own() -> None:
    rules, _ = parse_headers(b"/a\n Vary: Origin\n Set-Cookie: a=1\n Set-Cookie: b=2", NETLIFY)
    changes = rules.changes((b"/a",))
    assert changes is not None
    assert changes.apply([(b"Vary", b"Accept")]) == [
        (b"Set-Cookie", b"a=1"),
        (b"Set-Cookie", b"b=2"),
        (b"Vary", b"Accept, Origin"),
    ]


@pytest.mark.parametrize(
    ("own", "said_of_it", "sent"),
    [
        (b"Accept", b"accept, Origin", b"Accept, Origin"),
        (b"Accept-Encoding, Accept", b" ACCEPT ,, x", b"Accept-Encoding, Accept, x"),
        (b"Accept", b"*", b"Accept, *"),
    ],
)
def test_each_name_is_once_in_vary(own: bytes, said_of_it: bytes, sent: bytes) -> None:
    assert with_vary([(b"Vary", own), (b"A", b"1")], said_of_it) == [(b"A", b"1"), (b"Vary", sent)]


IGNORED: dict[str, tuple[str, str]] = {
    "/a": ("1: nothing is said about /a", "1: nothing is said about /a"),
    "X-A: 1": ("1: no path before it", "1: no path before it"),
    "/a\n X-A: 1\n nonsense": ("3: a field without a colon", "3: a field without a colon"),
    "/a\n X-A: 1\n : v": ("3: a field without a name", "3: a field without a name"),
    "/a\n X-A: 1\n X-B:": ("3: a field without a value", "3: a field without a value"),
    "/a\n X-A: 1\n X B: 1": ("3: no name of a field", "3: no name of a field"),
    "/a\n X-A: 1\n X-B: \x01": ("3: a control character", "3: a control character"),
    "/a\n X-A: 1\n ! X-B": ("3: a field without a colon", ""),
    "/a\n X-A: 1\n ! ETag": ("3: a field without a colon", "3: etag can't be taken away"),
    "/a\n X-A: 1\n ! Vary": ("3: a field without a colon", "3: vary can't be taken away"),
    "! X-B": ("1: a field without a colon", "1: no path before it"),
    "/a/*/*\n X-A: 1": ("", "1: more than one *"),
    "/a/*/:splat\n X-A: 1": ("1: :splat comes twice", "1: more than one *"),
    "/a/:x/:x\n X-A: 1": ("1: :x comes twice", "1: :x comes twice"),
    "https://h.test/a\n X-A: 1": ("1: no path before it", ""),
    "https://h.test:80/a\n X-A: 1": ("1: no path before it", "1: a host must be https://"),
    "http://h.test/a\n X-A: 1": ("1: no path before it", "1: a host must be https://"),
    "/a\n X-A: 1\n X-B:https://x": ("", "3: the path must begin with"),
}


@pytest.mark.parametrize("text", IGNORED)
@pytest.mark.parametrize(("dialect", "column"), [(NETLIFY, 0), (CLOUDFLARE, 1)])
def test_what_has_no_effect_is_told(text: str, dialect: Dialect, column: int) -> None:
    _, ignored = parse_headers(text.encode(), dialect)
    expected = IGNORED[text][column]
    if not expected:
        assert ignored == []
        return
    assert str(ignored[0]).startswith(f"_headers:{expected}")


@pytest.mark.parametrize("name", sorted(PROTECTED))
def test_what_is_the_servers_own_can_not_be_set(name: bytes) -> None:
    text = f"/a\n X-A: 1\n {name.decode().title()}: x"
    _, (ignored,) = parse_headers(text.encode(), NETLIFY)
    assert ignored.line == 3
    assert "is the server's own" in ignored.reason
    assert fields(text, "/a", NETLIFY).get(name.decode()) != "x"


def test_a_block_may_be_for_one_host_only() -> None:
    text = "https://H.test/a\n X-A: 1"
    assert fields(text, "/a", CLOUDFLARE, "h.test")["x-a"] == "1"
    assert "x-a" not in fields(text, "/a", CLOUDFLARE, "other.test")


def test_passwords_that_would_protect_nothing_are_refused() -> None:
    with pytest.raises(RuleError, match=r"^_headers:2: Basic-Auth"):
        parse_headers(b"/secret/*\n  Basic-Auth: a:b", NETLIFY)


def test_a_filled_value_is_encoded_and_bounded() -> None:
    text = "/a/*\n X-A: :splat\n X-B: " + ":splat" * 300
    assert said(text, "/a/x\r\ny z", CLOUDFLARE) == "x%0D%0Ay%20z"
    sent = fields(text, "/a/" + "x" * 4000, CLOUDFLARE)
    assert "x-a" in sent
    assert "x-b" not in sent


def test_the_same_blocks_give_the_same_changes() -> None:
    rules, _ = parse_headers(b"/*\n X-A: 1\n/a/*\n X-B: 2\n/f/*\n X-C: :splat", CLOUDFLARE)
    first, second = (rules.changes((path,)) for path in (b"/a/x", b"/a/y"))
    assert first is second
    assert first is not None
    assert first.is_shared
    filled = rules.changes((b"/f/x",))
    assert filled is not None
    assert not filled.is_shared


def test_what_is_kept_of_combined_blocks_is_bounded() -> None:
    value = "v" * 3000
    blocks = "".join(f"/*{letter}*\n X-{letter}: {value}\n" for letter in "abcdefgh")
    rules, _ = parse_headers(blocks.encode(), NETLIFY)
    for _ in range(3):
        for number in range(1, 32):
            path = "/" + "".join(each for bit, each in enumerate("abcde") if number >> bit & 1)
            rules.changes((path.encode(),))
            kept = {id(each): each for each in (*rules._kept.values(), *rules._by_paths.values())}
            sizes = [each.size for each in kept.values() if each is not None]
            assert sum(sizes) <= COMBINED_SIZE
    whole = rules.changes((b"/abcdefgh",))
    assert whole is not None
    assert whole.size > MAX_SHARED_SIZE
    assert not whole.is_shared
    for number in range(3 * 512):
        rules.changes((b"/%d" % number,))
    assert len(rules._by_paths) <= 512


def test_a_block_for_the_address_and_the_file_is_applied_once() -> None:
    rules, _ = parse_headers(b"/*\n X-A: 1\n/index.html\n X-B: 2", CLOUDFLARE)
    changes = rules.changes((b"/", b"/index.html"))
    assert changes is not None
    assert changes.apply([]) == [(b"X-A", b"1"), (b"X-B", b"2")]


def test_files_that_are_too_large_are_refused_with_their_line() -> None:
    with pytest.raises(RuleError, match=r"^_headers:\d+: the file is larger than 64 KiB$"):
        parse_headers(b"/a\nX-A: 1\n" * (MAX_FILE_SIZE // 10 + 1), NETLIFY)
    many = b"".join(b"/%d\nX-A: 1\n" % number for number in range(MAX_RULES + 1))
    with pytest.raises(RuleError, match=r"^_headers:4001: more than 2,000 rules$"):
        parse_headers(many, NETLIFY)


def test_patterns_that_must_all_be_tried_are_few() -> None:
    text = b"".join(b"/*a%d*\n X-A: 1\n" % number for number in range(MAX_SCANS + 1))
    rules, (ignored,) = parse_headers(text, NETLIFY)
    assert len(rules.blocks) == MAX_SCANS
    assert f"more than {MAX_SCANS} patterns" in ignored.reason


PARTS = st.sampled_from(
    ["/a", "/*", "/:x", ":splat", "*", "\n", "\r", "\0", "X-A", ": ", ":", "!", " ", "https://h.test",
     "ETag: x", "1", "#", "\x85", "\u2028", "Vary: y", "Set-Cookie: z", "Content-Length: 5"]
)  # fmt: skip


@given(
    st.one_of(st.text(), st.lists(PARTS, max_size=40).map("".join)),
    st.binary(max_size=40),
    st.sampled_from([NETLIFY, CLOUDFLARE]),
)
def test_any_text_is_rules_or_a_rule_error_and_no_head_is_split(
    text: str, path: bytes, dialect: Dialect
) -> None:
    try:
        rules, _ = parse_headers(text.encode("utf-8", "surrogatepass"), dialect)
    except RuleError:
        return
    changes = rules.changes((b"/" + path,))
    assert rules.index.steps <= 3 * rules.index.size
    if changes is None:
        return
    sent = changes.apply(OWN)
    render_head(200, sent)  # raises for a line break
    names = [name.lower() for name, _ in sent]
    assert [name for name in names if name in PROTECTED] == [b"server", b"etag"]
    assert all(len(value) <= MAX_FILE_SIZE + MAX_FILLED_SIZE for _, value in sent)
