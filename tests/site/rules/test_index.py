"""Patterns and their index: what is captured, and that no path makes it take long."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evloop.site.rules.dialect import CLOUDFLARE, NETLIFY
from evloop.site.rules.index import PathIndex
from evloop.site.rules.model import MAX_ALIKE, MAX_SCANS
from evloop.site.rules.pattern import MAX_STARS, Placeholders, parse_patterns

NUMBER = 2000


def index_of(texts: list[str]) -> PathIndex:
    index = PathIndex(slash_optional=False)
    for number, text in enumerate(texts):
        index.add(parse_patterns(text, CLOUDFLARE), number)
    return index


def as_regex(text: str) -> re.Pattern[bytes]:
    """Return what Cloudflare makes of *text* (generateRulesMatcher)."""
    parts = re.split(r"(\*|:[a-z]+)", text)
    made = [
        b"(.*)" if part == "*" else b"([^/]+)" if part.startswith(":") else re.escape(part.encode())
        for part in parts
    ]
    return re.compile(b"".join(made), re.DOTALL)


SEGMENTS = st.sampled_from(["a", "b", "ab", "a-b", ":x", ":y", "*", "a:x", ":x-:y", "a:x-b", "b*a"])
PATTERNS = st.lists(SEGMENTS, min_size=1, max_size=4).map(lambda parts: "/" + "/".join(parts))
PATHS = st.text("ab-/", max_size=12).map(
    lambda path: re.sub(rb"/+", b"/", b"/" + path.encode())
)  # a target has no empty segments


@given(st.lists(PATTERNS, min_size=1, max_size=8), PATHS)
def test_the_index_finds_what_regular_expressions_find(texts: list[str], path: bytes) -> None:
    usable = []
    for text in texts:
        if text.count("*") > 1:
            continue
        try:
            parse_patterns(text, CLOUDFLARE)
        except ValueError:
            continue
        usable.append(text)
    index = index_of(usable)
    expected = {
        number: found.groups()
        for number, text in enumerate(usable)
        if (found := as_regex(text).fullmatch(path)) is not None
    }
    found_here = index.match(path)
    assert {match.number: match.values for match in found_here} == expected
    assert [match.number for match in found_here] == sorted(expected)
    assert index.steps <= 3 * index.size


KINDS = {
    "static": "/old/{:04}",
    "splat": "/old-{:04}/*",
    "placeholder": "/b{:04}/:y/:s",
    "behind a placeholder": "/blog/:y/{:04}",
    "behind a star": "/*/{:04}",
    "before a star": "/news-{:04}*",
    "around a star": "/n{0:04}*-{0:04}",
    "in a segment": "/a{:04}-:x",
}
WORST = [
    b"/",
    b"/nothing/like/it",
    b"/old",
    b"/blog/2020/x",
    b"/" + b"a/" * 127,
    b"/" + b"a" * 4000,
]


@pytest.mark.parametrize("kind", KINDS)
def test_a_miss_among_2000_rules_is_a_few_steps(kind: str) -> None:
    index = index_of([KINDS[kind].format(number) for number in range(NUMBER)])
    for path in WORST:
        assert index.match(path) == []
        assert index.steps <= 4 + 130


@pytest.mark.parametrize("kind", KINDS)
def test_the_steps_are_bounded_by_the_rules_whatever_the_path_is(kind: str) -> None:
    index = index_of([KINDS[kind].format(number) for number in range(NUMBER)])
    for path in WORST:
        index.match(path)
        assert index.steps <= 3 * index.size


@pytest.mark.parametrize("kind", KINDS)
def test_the_last_of_2000_rules_is_found(kind: str) -> None:
    index = index_of([KINDS[kind].format(number) for number in range(NUMBER)])
    path = KINDS[kind].format(NUMBER - 1).replace("*", "s/t").replace(":x", "v")
    path = path.replace(":y", "w").replace(":s", "u")
    assert [match.number for match in index.match(path.encode())] == [NUMBER - 1]


def test_a_tree_of_placeholders_is_visited_once() -> None:
    texts = ["/" + "/".join(":p" + "x" * at for at in range(depth)) for depth in range(1, 40)]
    index = index_of([f"{text}/{number}" for number, text in enumerate(texts)])
    index.match(b"/" + b"/".join([b"q"] * 39))
    assert index.steps <= 3 * index.size


@pytest.mark.parametrize(
    ("texts", "segment", "values"),
    [
        ((b"", b""), b"abc", (b"abc",)),
        ((b"", b""), b"", None),
        ((b"a", b""), b"a", None),
        ((b"a", b"c"), b"abc", (b"b",)),
        ((b"a", b"a"), b"a", None),
        ((b"aa", b"aa"), b"aaa", None),
        ((b"", b"-", b""), b"a-b-c", (b"a-b", b"c")),
        ((b"", b"-", b""), b"a-", None),
        ((b"", b"-", b""), b"-a", None),
        ((b"", b"", b""), b"abc", (b"ab", b"c")),
        ((b"", b"", b""), b"a", None),
        ((b"", b"--", b""), b"a---b", (b"a-", b"b")),
    ],
)
def test_placeholders_take_as_much_as_they_can(
    texts: tuple[bytes, ...], segment: bytes, values: tuple[bytes, ...] | None
) -> None:
    assert Placeholders(texts).match(segment) == values


def test_patterns_that_must_all_be_tried_are_few() -> None:
    texts = [f"/*/:x/{number}" for number in range(MAX_SCANS)]
    index = index_of(texts)
    index.match(b"/a/b/c")
    assert index.steps <= 4 + MAX_SCANS
    with pytest.raises(ValueError, match=f"more than {MAX_SCANS} patterns"):
        index_of([*texts, "/*/:x/y"])


def test_patterns_that_match_the_same_paths_are_few() -> None:
    for text in ("/{}", "/{}/*", "/{}*", "/a{}-:x", "/{}/b*c"):
        texts = [text.format("a")] * MAX_ALIKE
        assert len(index_of(texts).match(b"/a/bc" if "/" in text[3:] else b"/aa-c")) in {0, 100}
        with pytest.raises(ValueError, match=f"more than {MAX_ALIKE} patterns"):
            index_of([*texts, text.format("a")])
        index_of([*texts, text.format("b")])
    names = [f"/:p{number}/x" for number in range(MAX_ALIKE)]
    with pytest.raises(ValueError, match=f"more than {MAX_ALIKE} patterns"):
        index_of([*names, "/:q/x"])


def test_of_the_patterns_of_one_rule_all_are_added_or_none() -> None:
    index = index_of([f"/{number}*/:x" for number in range(MAX_SCANS - 1)])
    size = index.size
    two = parse_patterns("/*/*/:x", NETLIFY)
    with pytest.raises(ValueError, match="have something behind a star"):
        index.add(two, NUMBER)
    assert (index.size, index.match(b"/a/b/c")) == (size, [])
    index.add(parse_patterns("/*/:x", CLOUDFLARE), NUMBER)
    assert [match.number for match in index.match(b"/a/b/c")] == [NUMBER]


def test_stars_that_may_stand_for_nothing_are_few() -> None:
    assert len(parse_patterns("/*/a/*/b/*", NETLIFY)) == 2**MAX_STARS
    with pytest.raises(ValueError, match="stars"):
        parse_patterns("/*" * (MAX_STARS + 1), NETLIFY)
