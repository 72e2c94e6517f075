"""Rules of one path: the first that is met counts, and few are compared."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evloop.site.rules.alternatives import Alternatives, Condition
from evloop.site.rules.dialect import NETLIFY
from evloop.site.rules.model import MAX_ALIKE, MAX_RULES
from evloop.site.rules.redirects import parse_redirects, query_fields


def group_of(*rules: list[Condition]) -> Alternatives:
    group = Alternatives(0)
    for number, conditions in enumerate(rules):
        group.add(number, conditions)
    return group


def test_a_rule_is_found_by_one_of_its_conditions() -> None:
    group = group_of([(b"id", b"7")], [(None, b"h.test")], [(b"page", None), (b"id", b"7")], [])
    assert group.candidates({}, b"") == [3]
    assert group.candidates({b"id": b"8"}, b"") == [3]
    assert group.candidates({b"id": b"7"}, b"h.test") == [0, 1, 3]
    assert group.candidates({b"page": b"", b"id": b"7"}, b"") == [0, 2, 3]
    assert (group.first, group.always) == (0, 3)


def test_the_same_conditions_again_are_never_met() -> None:
    twice: list[Condition] = [(b"a", None), (b"b", b"1")]
    group = group_of([], twice, twice[::-1], [])
    assert group.candidates({b"a": b"", b"b": b"1"}, b"") == [0, 1]
    assert group.always == 0


def test_rules_are_spread_over_their_conditions() -> None:
    rules = [[(b"a", b"1"), (b"b", b"%d" % number)] for number in range(MAX_RULES)]
    group = group_of(*(list[Condition](each) for each in rules))
    assert len(group.candidates({b"a": b"1", b"b": b"1500"}, b"")) <= MAX_ALIKE + 1


def test_rules_that_can_not_be_told_apart_are_few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("evloop.site.rules.alternatives.MAX_ALIKE", 2)
    conditions = ["x=1", "x=1 y=1", "x=1 y=1 z=1", "y=1 z=1", "x=1 z=1", "z=1", "y=1", "z=1 y=1"]
    lines = "\n".join(f"/a {each} /to" for each in conditions)
    rules, (ignored,) = parse_redirects(lines.encode(), NETLIFY)
    assert str(ignored) == "_redirects:7: more than 2 rules for this path and the same query field"
    assert len(rules.rules) == len(conditions) - 1


@pytest.mark.parametrize("text", ["/index.php i={} /x\n", "/* i={} /x\n", "/:a/* u=:u i={} /x\n"])
def test_a_miss_among_2000_rules_of_one_path_compares_few(text: str) -> None:
    lines = "".join(text.format(number) for number in range(MAX_RULES))
    rules, ignored = parse_redirects(lines.encode(), NETLIFY)
    assert (len(rules.rules), ignored) == (MAX_RULES, [])
    for path in (b"/index.php", b"/a/b"):
        assert len(rules.index.match(path)) <= 1
        assert rules.match(path, b"?i=none&u=x") is None
        group = rules._groups[0]
        assert isinstance(group, Alternatives)
        assert len(group.candidates(query_fields(b"?i=none&u=x"), b"")) <= 1
    followed = rules.match(b"/index.php" if "php" in text else b"/a/b", b"?u=&i=1999")
    assert followed is not None
    assert followed.rule.line == MAX_RULES


PATHS = ["/a", "/a/", "/*", "/:x", "https://h.test/a", "/a/*"]
CONDITIONS = ["", "i=1", "i=2", "i=:i", "j=1", "i=1 j=1", "j=:j i=1"]
LINES = st.builds(
    lambda path, condition: f"{path} {condition} /to 302", st.sampled_from(PATHS),
    st.sampled_from(CONDITIONS),
)  # fmt: skip


@given(
    st.lists(LINES, max_size=12),
    st.sampled_from([b"/a", b"/a/", b"/b", b"/a/b"]),
    st.sampled_from([b"", b"?i=1", b"?i=2&j=1", b"?j=1&i=1", b"?j=3"]),
    st.sampled_from([b"h.test", b"other.test"]),
)
def test_the_first_that_is_met_counts(
    lines: list[str], path: bytes, query: bytes, host: bytes
) -> None:
    alone = (parse_redirects(line.encode(), NETLIFY)[0] for line in lines)
    met = [number for number, each in enumerate(alone, 1) if each.match(path, query, host)]
    rules, ignored = parse_redirects("\n".join(lines).encode(), NETLIFY)
    assert ignored == []
    followed = rules.match(path, query, host)
    assert (followed and followed.rule.line) == (met[0] if met else None)
