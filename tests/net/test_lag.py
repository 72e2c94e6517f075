"""The histogram of the loop's turns."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evloop.net.lag import LoopLag


def test_no_turn_no_lag() -> None:
    assert LoopLag().figures() == (0.0, 0.0, 0.0, 0)


def test_the_figures_are_upper_bounds() -> None:
    lag = LoopLag()
    for _ in range(98):
        lag.note(0.000_100)
    for seconds in (0.010, 2.0):
        lag.note(seconds)
    figures = lag.figures()
    assert figures.turns == 100
    assert 0.000_100 <= figures.p50 <= 0.000_200
    assert 0.010 <= figures.p99 <= 0.020
    assert figures.maximum == 2.0


@pytest.mark.parametrize("seconds", [0.0, 1e-7, 30.0, 100.0, 1e6])
def test_no_turn_is_too_short_or_too_long(seconds: float) -> None:
    lag = LoopLag()
    lag.note(seconds)
    assert lag.figures().turns == 1
    assert lag.figures().maximum == seconds
    assert lag.figures().p99 <= seconds


def test_it_can_begin_anew() -> None:
    lag = LoopLag()
    lag.note(1.0)
    lag.reset()
    assert lag.figures() == (0.0, 0.0, 0.0, 0)


@given(st.lists(st.floats(1e-6, 20.0), min_size=1, max_size=200))
def test_the_percentiles_are_right_to_a_factor_of_two(turns: list[float]) -> None:
    lag = LoopLag()
    for seconds in turns:
        lag.note(seconds)
    figures, ordered = lag.figures(), sorted(turns)
    for percentile, share in ((figures.p50, 0.50), (figures.p99, 0.99)):
        at_least = -(-len(turns) * int(share * 100) // 100)  # so many are not longer
        true = ordered[max(0, at_least - 1)]
        assert true * 0.999 <= percentile <= 2 * true + 1e-6
    assert figures.p50 <= figures.p99 <= figures.maximum == ordered[-1]
