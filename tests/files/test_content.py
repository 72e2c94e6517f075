"""The budget of preloaded bytes, and who keeps them from being given back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evloop.files.content import Budget, Preloaded
from tests.support.bench import read_body

DATA = bytes(range(256)) * 4096  # 1 MiB


def test_a_budget_gives_nothing_rather_than_too_much() -> None:
    budget = Budget(100)
    assert budget.reserve(60)
    assert not budget.reserve(41)
    assert budget.used == 60
    assert budget.reserve(40)
    assert not budget.reserve(1)
    assert budget.reserve(0)
    budget.release(60)
    assert budget.used == 40


def test_the_bytes_are_given_back_by_the_last_who_holds_them() -> None:
    budget = Budget(1000)
    budget.reserve(500)
    content = Preloaded(memoryview(DATA[:400]), budget, 500)
    assert not content.is_in_flight
    bodies = [content.body(0, 400) for _ in range(3)]
    assert content.is_in_flight
    content.release()
    for body in bodies:
        assert budget.used == 500
        body.close()
        body.close()  # once more does no harm
    assert budget.used == 0


@pytest.mark.parametrize(("start", "stop"), [(0, 0), (0, 1), (5, 10), (0, len(DATA)), (7, 300_000)])
def test_a_body_is_its_range_of_the_bytes(start: int, stop: int) -> None:
    body = Preloaded(memoryview(DATA), Budget(0), 0).body(start, stop)
    assert body.remaining == stop - start
    assert read_body(body, 100_000) == DATA[start:stop]


def test_a_body_offers_views_and_no_copies() -> None:
    view = memoryview(DATA)
    piece = Preloaded(view, Budget(0), 0).body(10, len(DATA)).peek()
    assert piece.obj is DATA
    assert 0 < len(piece) < len(DATA)  # and not more than a socket may want at once


def test_a_closed_body_has_nothing_left() -> None:
    body = Preloaded(memoryview(DATA), Budget(0), 0).body(10, 20)
    body.close()
    assert body.remaining == 0
    assert bytes(body.peek()) == b""


@given(
    st.lists(st.tuples(st.integers(0, 1000), st.integers(0, 1000)).map(sorted), max_size=5),
    st.integers(1, 400),
)
def test_a_body_can_be_aimed_anew(ranges: list[list[int]], step: int) -> None:
    body = Preloaded(memoryview(DATA), Budget(0), 0).body(0, 1000)
    for start, stop in ranges:
        body.seek(range(start, stop))
        assert read_body(body, step) == DATA[start:stop]
