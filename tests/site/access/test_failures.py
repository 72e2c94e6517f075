"""Failed tries slow an address down, for a while, within bounds."""

import pytest

from evloop.site.access.failures import (
    FIRST_DELAY,
    FORGET_AFTER,
    MAX_DELAY,
    MAX_WAIT,
    Failures,
)
from evloop.site.access.sizes import MAX_ADDRESSES


def test_who_has_not_failed_does_not_wait() -> None:
    failures = Failures()
    assert [failures.wait("a", 0.0) for _ in range(100)] == [0.0] * 100


def test_each_failure_doubles_the_delay_up_to_the_most() -> None:
    failures, now, delays = Failures(), 0.0, []
    for _ in range(8):
        failures.note("a", now)
        wait = failures.wait("a", now)
        assert wait is not None
        delays.append(wait)
        now += wait
    assert delays == [0.25, 0.5, 1.0, 2.0, 4.0, 4.0, 4.0, 4.0]
    assert (delays[0], delays[-1]) == (FIRST_DELAY, MAX_DELAY)


def test_tries_at_once_take_turns_and_too_many_are_refused() -> None:
    failures = Failures()
    for _ in range(3):
        failures.note("a", 0.0)
    waits = [failures.wait("a", 0.0) for _ in range(6)]
    assert waits == [1.0, 2.0, 3.0, 4.0, None, None]
    assert max(wait or 0.0 for wait in waits) <= MAX_WAIT
    assert failures.wait("b", 0.0) == 0.0


def test_guesses_in_an_hour_are_few() -> None:
    failures, now, tried = Failures(), 0.0, 0
    while now < 3600.0:
        wait = failures.wait("a", now)
        if wait is None:
            now += 0.01
            continue
        now += wait
        failures.note("a", now)
        tried += 1
    assert tried <= 3600 / MAX_DELAY + 5


def test_it_is_forgotten_after_a_while() -> None:
    failures = Failures()
    for _ in range(10):
        failures.note("a", 0.0)
    assert failures.wait("a", FORGET_AFTER - 0.01) is not None
    assert len(failures) == 1
    assert failures.wait("a", FORGET_AFTER) == 0.0
    assert len(failures) == 0
    failures.note("a", 0.0)
    failures.note("a", FORGET_AFTER)
    assert failures.wait("a", FORGET_AFTER) == FIRST_DELAY


@pytest.mark.parametrize("count", [MAX_ADDRESSES + 1, 3 * MAX_ADDRESSES])
def test_the_table_is_bounded_and_the_oldest_goes_first(count: int) -> None:
    failures = Failures()
    for number in range(count):
        failures.note(str(number), number / 1000)
    assert len(failures) == MAX_ADDRESSES
    assert failures.wait(str(count - 1), count / 1000) != 0.0
    assert failures.wait("0", count / 1000) == 0.0


def test_very_many_failures_are_no_number_too_large() -> None:
    failures = Failures()
    for _ in range(5000):
        failures.note("a", 0.0)
    assert failures.wait("a", 0.0) == MAX_DELAY
