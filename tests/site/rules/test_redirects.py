"""`_redirects`, line by line, as each of the two hosts reads it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evloop.site.rules.dialect import CLOUDFLARE, NETLIFY, Dialect
from evloop.site.rules.model import MAX_FILE_SIZE, MAX_RULES, RuleError
from evloop.site.rules.redirects import MAX_QUERY_FIELDS, parse_redirects, query_fields
from evloop.site.rules.template import MAX_FILLED_SIZE, TooLongError

SIMPLE = "a status and where it leads"


def read(text: str, dialect: Dialect) -> tuple[list[tuple[int, str, bool]], list[str]]:
    """Return status, destination and force of the rules in *text*, and why others are none."""
    rules, ignored = parse_redirects(text.encode(), dialect)
    shown = [(rule.status, rule.to.text, rule.goes_first) for rule in rules.rules]
    return shown, [str(each) for each in ignored]


def follow(text: str, target: str, dialect: Dialect, host: str = "") -> str | None:
    """Return status and address that a request for *target* gets."""
    rules, _ = parse_redirects(text.encode(), dialect)
    path, mark, query = target.partition("?")
    followed = rules.match(path.encode(), (mark + query).encode(), host.encode())
    if followed is None:
        return None
    location = followed.rule.to.location(followed.values, (mark + query).encode())
    return f"{followed.rule.status} {location.decode()}"


# The lines of both parsers' own tests: what it is for Netlify and for Cloudflare, as a status
# and a destination, or a part of the reason why it is ignored.
LINES: dict[str, tuple[str, str]] = {
    "/home /": ("301 /", "302 /"),
    "/a /b # note": ("301 /b", "302 /b"),
    "/a /b#frag # note": ("301 /b#frag", "302 /b#frag"),
    "/a /b##x": ("301 /b##x", "302 /b##x"),
    "   /a\t\t/b   ": ("301 /b", "302 /b"),
    "/a /b 302": ("302 /b", "302 /b"),
    "/a /b 303": ("303 /b", "303 /b"),
    "/a /b 307": ("307 /b", "307 /b"),
    "/a /b 308": ("308 /b", "308 /b"),
    "/a /b 200": ("200 /b", "200 /b"),
    "/a /b 404": ("404 /b", "status 404 is none of 200, 301"),
    "/a /b 410": ("410 /b", "status 410 is none of"),
    "/a /b 451": ("451 /b", "status 451 is none of"),
    "/a /b 401": ("status 401 is none of", "status 401 is none of"),
    "/a /b 301!": ("301! /b", "invalid status 301!"),
    "/admin/* 200": ("200 /admin/:splat", "the destination must begin with"),
    "/admin/* 200!": ("200! /admin/:splat", "the destination must begin with"),
    "/from /to not_a_status": ("invalid status not_a_status", "invalid status not_a_status"),
    "/x 301": ("no destination", "the destination must begin with"),
    "/x": ("no destination", "1 parts; two or three"),
    "/x # /y": ("no destination", "the destination must begin with"),
    "/blog blog.html": ("the destination must begin with", "the destination must begin with"),
    "/.netlify/from /to": ("/.netlify belongs to the host", "302 /to"),
    "http:// /to": ("no host that could be meant", "only a path is possible"),
    "http://a.test/x /to": ("301 /to", "only a path is possible"),
    "yeah.com /to": ("the path must begin with", "302 /to"),
    "/a?x=1 /to": ("301 /to", "302 /to"),
    "/ page=news /news": ("301 /news", "the destination must begin with"),
    "/d /e 302 !important": ("302 /e", "4 parts"),
    "/some page /somewhere else": ("invalid status else", "4 parts"),
    "    Basic-Auth: a:b": ("the destination must begin with", "the destination must begin with"),
    "/a https://b.test/c": ("301 https://b.test/c", "302 https://b.test/c"),
    "/a https://b.test:8443/c": ("301 https://b.test:8443/c", "302 https://b.test:8443/c"),
    "/a http://b.test/c": ("301 http://b.test/c", "the destination must begin with"),
    "/a https://b.test/c 200": ("proxying", "proxying"),
    "/a https://b.test/c 404": ("proxying", "status 404 is none of"),
    "/a /b 302 Country=de,fr": ("condition Country", "4 parts"),
    "/a /b 302 language=de": ("condition language", "4 parts"),
    "/a /b 200! Role=admin": ("condition Role", "4 parts"),
    "/a /b 302 Cookie=x": ("condition Cookie", "4 parts"),
    "/a /b 200 Sign=KEY": ("condition Sign", "4 parts"),
    "/* /index.html": ("it leads to itself", "it leads to itself"),
    "/* /index.html 200": ("200 /index.html", "200 /index.html"),
    "/a/* /a/:splat": ("it leads to itself", "it leads to itself"),
    "/a /a/": ("it leads to itself", "302 /a/"),
    "/a/:x/:x /b": (":x comes twice", ":x comes twice"),
    "/a/*/b/*/c/*/d/* /b": ("more than 3 stars", "more than 3 stars"),
    "/a/../b /c": ("a dot segment", "a dot segment"),
    "/a%2fb /c": ("an encoded slash", "an encoded slash"),
    "/a https://:h/x": ("no host", "no host"),
    "/a/:h https://:h.b.test/": ("no host", "no host"),
    "/a/* https://b.test:splat": ("no host", "no host"),
    "/a/* https://b.test.:splat": ("no host", "no host"),
    "/a https://u@b.test/": ("no host", "no host"),
    "/a https://": ("no host", "no host"),
}


def shown(rules: list[tuple[int, str, bool]], dialect: Dialect) -> list[str]:
    mark = {True: "" if dialect.rules_first else "!", False: ""}
    return [f"{status}{mark[first]} {to}" for status, to, first in rules]


@pytest.mark.parametrize("line", LINES)
@pytest.mark.parametrize(("dialect", "column"), [(NETLIFY, 0), (CLOUDFLARE, 1)])
def test_a_line_is_read_as_its_host_reads_it(line: str, dialect: Dialect, column: int) -> None:
    expected = LINES[line][column]
    rules, ignored = read(f"# a comment\n\n{line}\n", dialect)
    if expected[0].isdigit() and expected[3] in " !":
        assert shown(rules, dialect) == [expected]
        assert ignored == (
            ["_redirects:3: !important is no condition"] if "!important" in line else []
        )
    else:
        assert rules == []
        (reason,) = ignored
        assert reason.startswith("_redirects:3: ")
        assert expected in reason


def test_a_line_that_ends_in_cr_is_a_line() -> None:
    assert read("/a /b\r\n/c /d\r\n", NETLIFY) == ([(301, "/b", False), (301, "/d", False)], [])


def test_the_first_rule_of_a_path_counts_and_a_second_one_is_told_where_it_is_dropped() -> None:
    text = "/a /b\n/a /c\n"
    assert follow(text, "/a", NETLIFY) == "301 /b"
    assert read(text, NETLIFY)[1] == []
    assert follow(text, "/a", CLOUDFLARE) == "302 /b"
    assert read(text, CLOUDFLARE)[1] == ["_redirects:2: /a has a rule already"]


def test_a_long_line_is_ignored_where_the_host_does() -> None:
    line = "/a /" + "b" * 1997
    assert len(read(line, NETLIFY)[0]) == 1
    assert read(line, CLOUDFLARE)[1] == ["_redirects:1: longer than 2000 characters"]


def test_only_the_scheme_can_not_be_redirected() -> None:
    text = "http://a.test/* https://a.test/:splat 301!"
    assert "only the scheme differs" in read(text, NETLIFY)[1][0]


def test_an_index_that_leads_back_to_its_directory_is_a_circle() -> None:
    for clean_urls, count in ((True, 0), (False, 1)):
        rules, _ = parse_redirects(b"/ /index.html", CLOUDFLARE, clean_urls=clean_urls)
        assert len(rules.rules) == count


# Rules, a target, and the answers of both dialects; None: no rule matches.
MATCHES: dict[tuple[str, str], tuple[str | None, str | None]] = {
    ("/home /", "/home"): ("301 /", "302 /"),
    ("/home /", "/home/"): ("301 /", None),
    ("/home/ /", "/home"): ("301 /", None),
    ("/home /", "/Home"): (None, None),
    ("/home /", "/home/x"): (None, None),
    ("/old/* /new/:splat", "/old/a/b"): ("301 /new/a/b", "302 /new/a/b"),
    ("/old/* /new/:splat", "/old/"): ("301 /new/", "302 /new/"),
    ("/old/* /new/:splat", "/old"): ("301 /new/", None),
    ("/old/* /new/:splat", "/older"): (None, None),
    ("/* /x/:splat", "/"): ("301 /x/", "302 /x/"),
    ("/a*b /x/:splat", "/a/1/2/b"): ("301 /x/1/2/", "302 /x/1/2/"),
    ("/a*b /:splat", "/a/evil.test/b"): ("301 /evil.test/", "302 /evil.test/"),
    ("/*/b /x/:splat", "/a/a/b"): ("301 /x/a/a", "302 /x/a/a"),
    ("/b/:y/:m /b?y=:y&m=:m", "/b/2020/01"): ("301 /b?y=2020&m=01", "302 /b?y=2020&m=01"),
    ("/b/:y/:m /b/:y-:m", "/b/2020/01"): ("301 /b/2020-01", "302 /b/2020-01"),
    ("/b/:y /c", "/b/"): (None, None),
    ("/b/:y /c", "/b/x/y"): (None, None),
    ("/b/:y /c/:unknown/:y2", "/b/x"): ("301 /c/:unknown/:y2", "302 /c/:unknown/:y2"),
    ("/b/:s.html /c/:s", "/b/x.html"): ("301 /c/:s", "302 /c/x"),
    ("/b/:y-:m /c/:y/:m", "/b/1-2-3"): ("301 /c/:y/:m", "302 /c/1-2/3"),
    ("/a /b", "/a?x=1&y"): ("301 /b?x=1&y", "302 /b?x=1&y"),
    ("/a /b#f", "/a?x=1"): ("301 /b?x=1#f", "302 /b?x=1#f"),
    ("/a /b?z=2", "/a?x=1"): ("301 /b?z=2", "302 /b?z=2"),
    ("/a https://b.test", "/a?x=1"): ("301 https://b.test/?x=1", "302 https://b.test/?x=1"),
    ("/a https://b.test?y#z", "/a"): ("301 https://b.test/?y#z", "302 https://b.test/?y#z"),
    ("/a/* https://b.test/:splat", "/a/x y"): (
        "301 https://b.test/x%20y",
        "302 https://b.test/x%20y",
    ),
    ("/a/* /b/:splat", "/a/\r\nX: y"): ("301 /b/%0D%0AX:%20y", "302 /b/%0D%0AX:%20y"),
    ("/a/* /:splat", "/a/\\evil.test"): ("301 /%5Cevil.test", "302 /%5Cevil.test"),
    ("/a/* /b?u=:splat", "/a/x&y=z#w"): ("301 /b?u=x%26y%3Dz%23w", "302 /b?u=x%26y%3Dz%23w"),
    ("/a //evil.test/x", "/a"): ("301 /evil.test/x", "302 /evil.test/x"),
    ("/a /\\evil.test", "/a"): ("301 /%5Cevil.test", "302 /%5Cevil.test"),
    ("/a /100%", "/a"): ("301 /100%25", "302 /100%25"),
    ("/a /b%20c", "/a"): ("301 /b%20c", "302 /b%20c"),
    ("/ü /ö", "/ü"): ("301 /%C3%B6", "302 /%C3%B6"),
    ("/%C3%BC /b", "/ü"): ("301 /b", "302 /b"),
    ("/a/b /1\n/a/:x /2\n/a/* /3", "/a/b"): ("301 /1", "302 /1"),
    ("/a/:x /2\n/a/b /1", "/a/b"): ("301 /2", "302 /2"),
    ("/a/* /3\n/a/:x /2", "/a/b"): ("301 /3", "302 /3"),
    ("//a//b// /c", "/a/b/"): ("301 /c", "302 /c"),
}


@pytest.mark.parametrize(("text", "target"), MATCHES)
@pytest.mark.parametrize(("dialect", "column"), [(NETLIFY, 0), (CLOUDFLARE, 1)])
def test_a_request_meets_the_rule_that_its_host_finds(
    text: str, target: str, dialect: Dialect, column: int
) -> None:
    assert follow(text, target, dialect) == MATCHES[text, target][column]


QUERIES = {
    "/store?id=7": "301 /blog/7?id=7",
    "/store?x=1&id=7": "301 /blog/7?x=1&id=7",
    "/store?id=a%20b+c": "301 /blog/a%20b%20c?id=a%20b+c",
    "/store": "302 /shop",
    "/store?ID=7": "302 /shop?ID=7",
    "/store?id": "301 /blog/?id",
    "/news?page=2": "301 /second?page=2",
    "/news?page=3": None,
    "/news?page=2&page=3": "301 /second?page=2&page=3",
}


@pytest.mark.parametrize("target", QUERIES)
def test_query_fields_decide_for_netlify(target: str) -> None:
    text = "/store id=:id /blog/:id 301\n/store /shop 302\n/news page=2 /second"
    assert follow(text, target, NETLIFY) == QUERIES[target]


def test_a_bounded_number_of_query_fields_is_read() -> None:
    query = b"?" + b"&".join(b"f%d=1" % number for number in range(10_000))
    assert len(query_fields(query)) == MAX_QUERY_FIELDS


def test_a_rule_for_a_host_is_for_that_host() -> None:
    text = "https://Blog.test:8080/* https://www.test/blog/:splat\n/* /other/:splat 302\n"
    assert follow(text, "/x", NETLIFY, "blog.test") == "301 https://www.test/blog/x"
    assert follow(text, "/x", NETLIFY, "www.test") == "302 /other/x"


def test_an_address_is_bounded_before_it_is_made() -> None:
    rules, _ = parse_redirects(("/a/* /" + ":splat/" * 9000).encode(), NETLIFY)
    followed = rules.match(b"/a/" + b"x" * 4000)
    assert followed is not None
    with pytest.raises(TooLongError):
        followed.rule.to.location(followed.values, b"")


def test_a_file_that_is_too_large_is_refused_with_its_line() -> None:
    line = b"/a /b\n"
    with pytest.raises(RuleError, match=r"^_redirects:\d+: the file is larger than 64 KiB$"):
        parse_redirects(line * (MAX_FILE_SIZE // len(line) + 1), NETLIFY)


@pytest.mark.parametrize("dialect", [NETLIFY, CLOUDFLARE])
def test_too_many_rules_are_refused_with_their_line(dialect: Dialect) -> None:
    lines = "".join(f"/{number} /\n" for number in range(MAX_RULES))
    assert len(parse_redirects(lines.encode(), dialect)[0].rules) == MAX_RULES
    with pytest.raises(RuleError, match=r"^_redirects:2001: more than 2,000 rules$"):
        parse_redirects((lines + "/x /y\n").encode(), dialect)


def test_what_is_not_utf_8_is_refused_with_its_line() -> None:
    with pytest.raises(RuleError, match=r"^_redirects:2: the file is not UTF-8$"):
        parse_redirects(b"/a /b\n/\xff /c\n", NETLIFY)


PARTS = st.sampled_from(
    ["/a", "/*", "/:x", "*", ":splat", "/", "#", "!", " ", "\n", "\r", "\0", "=", "?", "%0a", "%",
     "200", "301!",
     "http://", "https://h.test", "//", "\\", "@", ":8080", "id=:id", "\u2028", "\x85"]
)  # fmt: skip
TEXTS = st.one_of(st.text(), st.lists(PARTS, max_size=40).map("".join))
PATHS = st.one_of(
    st.binary(max_size=50),
    st.lists(st.sampled_from([b"a", b"/", b"\r\n", b"\\", b"..", b":", b"@h.test", b"\xff"])).map(
        b"".join
    ),
).map(lambda path: b"/" + path)


@given(TEXTS, PATHS, st.binary(max_size=20), st.sampled_from([NETLIFY, CLOUDFLARE]))
def test_any_text_is_rules_or_a_rule_error_and_no_address_is_unsafe(
    text: str, path: bytes, query: bytes, dialect: Dialect
) -> None:
    try:
        rules, _ = parse_redirects(text.encode("utf-8", "surrogatepass"), dialect)
    except RuleError:
        return
    followed = rules.match(path, b"?" + query)
    assert rules.index.steps <= 3 * rules.index.size
    if followed is None:
        return
    location = followed.rule.to.location(followed.values, b"?" + query)
    assert not {*location} - {*range(0x21, 0x7F)}
    host = followed.rule.to.host
    assert location.startswith(host + b"/")
    if host:
        assert host.decode() in text
    else:
        assert not location.startswith((b"//", b"/\\"))
    assert len(location) <= MAX_FILLED_SIZE + 3 * len(query) + 300
