"""Deadlines: held against a model that looks at all of them all the time."""

import gc
import tracemalloc
from itertools import islice
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evloop.net.timers import MAX_LOOKS, TICK, Call, Slot, Timers


class Task:
    """Has a deadline that may move, and notes when it was told to expire."""

    def __init__(self, deadline: float) -> None:
        self.deadline = deadline
        self.slot: Slot | None = None
        self.expired_at: list[float] = []

    def expire(self, now: float) -> None:
        self.expired_at.append(now)

    def fail(self, error: Exception) -> None:
        raise error


def run(timers: Timers, now: float) -> list[Task]:
    """Expire all that is due and return it."""
    expired = []
    for task in timers.expire(now):
        assert isinstance(task, Task)
        task.expire(now)
        expired.append(task)
    return expired


@pytest.mark.parametrize("deadline", [0.0, 0.01, TICK, 0.3, 1.0, 7.77, 60.0, 86400.0])
def test_a_deadline_is_never_met_early_and_at_most_a_tick_late(deadline: float) -> None:
    timers, task = Timers(), Task(deadline)
    timers.watch(task, 0.0)
    assert run(timers, deadline - 1e-9) == []
    now = deadline
    while not run(timers, now):
        now += TICK / 16
    assert deadline <= now <= deadline + TICK


def test_nothing_is_due_when_nothing_is_watched() -> None:
    timers = Timers()
    assert timers.timeout(5.0) == -1.0
    assert run(timers, 1e9) == []


def test_the_timeout_leads_to_the_deadline() -> None:
    timers, task = Timers(), Task(10.0)
    timers.watch(task, 0.0)
    now = 4.0
    for _ in range(3):  # once or twice it goes into a narrower slot
        now += timers.timeout(now)
        if run(timers, now):
            break
    assert 10.0 <= now <= 10.0 + TICK
    assert timers.timeout(20.0) == -1.0


def test_a_timeout_is_not_negative() -> None:
    timers = Timers()
    timers.watch(Task(10.0), 0.0)
    assert timers.timeout(50.0) == 0.0


def test_a_short_wait_is_met_to_the_precision_of_the_clock() -> None:
    timers, task = Timers(), Task(1.0005)
    timers.watch_closely(task)
    assert timers.timeout(1.0) == pytest.approx(0.0005)
    assert run(timers, 1.0004) == []
    assert run(timers, 1.0005) == [task]
    assert run(timers, 2.0) == []


def test_a_short_wait_that_moved_away_is_dropped() -> None:
    timers, task = Timers(), Task(1.0)
    timers.watch_closely(task)
    task.deadline = 5.0
    assert run(timers, 2.0) == []
    assert timers.timeout(2.0) == -1.0


def test_a_listener_without_a_deadline_can_wait_closely() -> None:
    timers, task = Timers(), Task(1.0)
    timers.watch_closely(task)
    task.deadline = inf
    assert run(timers, 2.0) == []


def test_equal_short_waits_come_in_order() -> None:
    timers = Timers()
    tasks = [Task(1.0) for _ in range(5)]
    for task in tasks:
        timers.watch_closely(task)
    assert run(timers, 1.0) == tasks


def test_a_forgotten_deadline_does_not_come() -> None:
    timers, task = Timers(), Task(1.0)
    timers.watch(task, 0.0)
    timers.forget(task)
    assert task.slot is None
    timers.forget(task)  # once more does no harm
    assert run(timers, 10.0) == []
    assert timers.timeout(10.0) == -1.0


def test_a_deadline_that_moves_away_costs_nothing_until_its_slot_is_due() -> None:
    timers, task = Timers(), Task(1.0)
    timers.watch(task, 0.0)
    slot = task.slot
    assert slot is not None
    for later in range(2, 50):
        task.deadline = float(later)
        timers.watch(task, 0.0)
        assert task.slot is slot  # it stands where it stood
    assert run(timers, 2.0) == []
    assert task.slot is not None
    assert task.slot.due > slot.due  # now it was looked at, and put where it belongs
    assert run(timers, 48.9) == []
    assert run(timers, 49.0 + TICK) == [task]


def test_a_deadline_that_moves_closer_is_met() -> None:
    timers, task = Timers(), Task(60.0)
    timers.watch(task, 0.0)
    task.deadline = 2.0
    timers.watch(task, 0.0)
    assert timers.timeout(0.0) <= 2.0 + TICK
    assert run(timers, 2.0 + TICK) == [task]
    assert run(timers, 100.0) == []


def test_one_that_is_expired_may_be_watched_again() -> None:
    timers, task = Timers(), Task(1.0)
    timers.watch(task, 0.0)
    assert run(timers, 1.0 + TICK) == [task]
    task.deadline = 3.0
    timers.watch(task, 1.0 + TICK)
    assert run(timers, 3.0 + TICK) == [task]


def test_who_is_forgotten_by_another_in_the_same_turn_is_left_alone() -> None:
    timers = Timers()
    tasks = [Task(1.0) for _ in range(10)]
    for task in tasks:
        timers.watch(task, 0.0)
    expired = 0
    for first in timers.expire(5.0):
        expired += 1
        for other in tasks:
            if other is not first:
                timers.forget(other)
    assert expired == 1


def test_who_stops_early_finds_the_rest_at_the_next_call() -> None:
    timers = Timers()
    tasks = [Task(number / 10) for number in range(30)]
    for task in tasks:
        timers.watch(task, 0.0)
    close = [Task(1.0), Task(1.0)]
    for task in close:
        timers.watch_closely(task)
    seen: list[object] = []
    while batch := list(islice(timers.expire(10.0), 7)):
        seen += batch
        assert len(seen) == 32 or timers.timeout(10.0) == 0.0
    assert sorted(map(id, seen)) == sorted(map(id, [*tasks, *close]))


def test_those_who_came_together_are_looked_at_in_several_turns() -> None:
    timers = Timers()
    tasks = [Task(1.0) for _ in range(3 * MAX_LOOKS)]
    for task in tasks:
        timers.watch(task, 0.0)
    slot = tasks[0].slot
    for task in tasks[1:]:
        task.deadline = 9.0  # they have been active since
    left = [len(tasks)]
    expired: list[object] = []
    while slot:
        assert timers.timeout(1.5) == 0.0
        expired += run(timers, 1.5)
        left.append(len(slot))
    assert left == [3 * MAX_LOOKS, 2 * MAX_LOOKS, MAX_LOOKS, 0]
    assert expired == tasks[:1]
    assert timers.timeout(1.5) > 0.0


def test_short_waits_that_come_again_and_again_do_not_stop_the_wheel() -> None:
    timers = Timers()
    resting = [Task(0.0) for _ in range(20)]
    for task in resting:
        timers.watch_closely(task)
    idle = Task(1.0)
    timers.watch(idle, 0.0)
    now = 0.0
    while not idle.expired_at:
        now += 0.01
        for due in islice(timers.expire(now), 5):
            due.expire(now)
            if due is not idle:
                timers.watch_closely(due)
    assert now <= 1.0 + TICK + 0.02


# What the wheel keeps: it grows with those who wait, not with their timeouts


@pytest.mark.parametrize("timeout", [1.0, 60.0, 6 * 3600.0, 24 * 3600.0, 100 * 365 * 86400.0])
def test_slots_are_few_whatever_the_timeout(timeout: float) -> None:
    timers = Timers()
    most = 0
    for number in range(20_000):  # one comes and goes every half second
        now = number * 0.5
        task = Task(now + timeout)
        timers.watch(task, now)
        timers.forget(task)
        list(timers.expire(now))
        timers.timeout(now)
        most = max(most, len(timers._slots), len(timers._dues))
    assert most <= 400


def test_connections_that_wait_for_a_day_take_no_more_than_their_places() -> None:
    timers = Timers()
    tasks = [Task(number * 0.01 + 86400.0) for number in range(20_000)]
    gc.collect()
    tracemalloc.start()
    try:
        for number, task in enumerate(tasks):
            timers.watch(task, number * 0.01)
            if number >= 1000:
                timers.forget(tasks[number - 1000])
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < 200 * 1024


def test_nobody_is_waited_for_when_all_are_gone() -> None:
    timers = Timers()
    for number in range(1000):
        task = Task(60.0 + number * 0.06)
        timers.watch(task, number * 0.06)
        timers.forget(task)
    assert timers.timeout(60.0) == -1.0
    assert len(timers._slots) == len(timers._dues) == 0


@pytest.mark.parametrize("timeout", [5.0, 60.0, 3600.0, 86400.0])
def test_one_who_waits_is_looked_at_a_few_times_only(timeout: float) -> None:
    timers, task = Timers(), Task(timeout)
    timers.watch(task, 0.0)
    now, looks = 0.0, 0
    while not task.expired_at:
        now += timers.timeout(now)
        run(timers, now)
        looks += 1
    assert timeout <= now <= timeout + TICK
    assert looks <= 6


def test_a_call_comes_once_at_its_time_and_not_when_it_was_cancelled() -> None:
    timers = Timers()
    called: list[float] = []
    first, second = Call(5.0, called.append), Call(5.0, called.append)
    for call in (first, second):
        timers.watch_closely(call)
    second.cancel()
    for now in (4.9, 5.0, 6.0):
        for due in timers.expire(now):
            due.expire(now)
    assert called == [5.0]
    first.cancel()


# Mostly close to each other and to the ticks.
times = st.one_of(st.integers(0, 24).map(lambda number: number * TICK / 4), st.floats(0, 20))
moves = st.lists(
    st.one_of(
        st.tuples(st.just("watch"), st.integers(0, 9), times),
        st.tuples(st.just("forget"), st.integers(0, 9), st.just(0.0)),
        st.tuples(st.just("wait"), st.just(0), times),
    ),
    max_size=60,
)


@given(moves)
def test_the_wheel_agrees_with_one_who_looks_at_all(
    moves: list[tuple[str, int, float]],
) -> None:
    timers = Timers()
    tasks = [Task(inf) for _ in range(10)]
    watched: dict[int, float] = {}  # the model: deadlines by number
    now = 0.0
    for action, number, value in moves:
        task = tasks[number]
        if action == "watch":
            # Like a connection: its deadline moves, and then it is watched.
            task.deadline = watched[number] = now + value
            timers.watch(task, now)
        elif action == "forget":
            watched.pop(number, None)
            timers.forget(task)
        else:
            now += value
            for expired in run(timers, now):
                place = tasks.index(expired)
                assert watched.pop(place) <= now, "early, or not watched at all"
            overdue = [number for number, deadline in watched.items() if deadline + TICK <= now]
            assert overdue == []
        wait = timers.timeout(now)
        if watched:
            # Who sleeps for the timeout does not sleep through a deadline.
            assert 0.0 <= wait <= max(0.0, min(watched.values()) + TICK - now)
