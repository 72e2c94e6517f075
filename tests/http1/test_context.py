"""What all connections share: limits by state, and the rate that a client must keep."""

from math import inf

import pytest
from fuzzing.stage import Stage
from fuzzing.walk import Ends

from evloop.http1.context import Context, Limits, MinRate
from evloop.http1.headcache import HeadCache
from evloop.http1.states import FINAL, State

LIMITS = Limits(
    idle_timeout=60.0,
    head_timeout=10.0,
    send_timeout=30.0,
    linger_timeout=2.0,
    min_rate=100,
    min_rate_grace=10.0,
)

# Sends of one response, as (seconds since its start, bytes), the last of which ends badly?
PACES: list[tuple[list[tuple[float, int]], bool]] = [
    ([(9.9, 0)], False),  # within the grace period nothing is asked
    ([(10.0, 0)], True),
    ([(10.0, 999)], True),
    ([(10.0, 1000)], False),
    ([(5.0, 1000), (10.0, 0)], False),
    ([(1.0, 500), (2.0, 499), (10.0, 0)], True),
    ([(20.0, 1999)], True),  # a window that ends late asks for more
    ([(20.0, 2000)], False),
    # What was taken in one window does not count in the next.
    ([(10.0, 100_000), (19.9, 0)], False),
    ([(10.0, 100_000), (20.0, 999)], True),
    ([(10.0, 1000), (20.0, 1000), (30.0, 999)], True),
]


def context_of(limits: Limits) -> Context:
    return Context(Stage(), Ends(), HeadCache(), limits)


def test_every_state_but_the_final_ones_has_a_deadline() -> None:
    timeouts = context_of(LIMITS).timeouts
    assert (timeouts[State.IDLE], timeouts[State.HEAD]) == (60.0, 10.0)
    assert (timeouts[State.SENDING], timeouts[State.WAITING_FILE]) == (30.0, 10.0)
    # How long the disk is given is said each time.
    timed = {state for state, seconds in timeouts.items() if seconds < inf}
    assert timed == set(State) - FINAL - {State.WAITING_DISK}


def test_no_rate_is_asked_for_unless_it_is_set() -> None:
    assert context_of(Limits()).new_min_rate(0.0) is None
    assert context_of(LIMITS).new_min_rate(0.0) is not None


def test_bytes_that_were_taken_before_count_too() -> None:
    assert not MinRate(LIMITS, 500.0, count=1000).is_too_slow(0, 510.0)
    assert MinRate(LIMITS, 500.0, count=999).is_too_slow(0, 510.0)


@pytest.mark.parametrize(("sends", "is_too_slow"), PACES)
def test_a_rate_is_averaged_over_windows(sends: list[tuple[float, int]], is_too_slow: bool) -> None:
    pace = MinRate(LIMITS, 500.0)
    *earlier, (last, count) = sends
    for seconds, earlier_count in earlier:
        assert not pace.is_too_slow(earlier_count, 500.0 + seconds)
    assert pace.is_too_slow(count, 500.0 + last) is is_too_slow
