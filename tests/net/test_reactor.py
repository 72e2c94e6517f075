"""The loop: who raises ends alone, who is gone is left alone, and it never waits too long."""

import os
import socket
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest

from evloop.net.poller import BROKEN
from evloop.net.protocol import NOTHING, READ, WRITE
from evloop.net.reactor import LONGEST_WAIT, MAX_EXPIRED, Reactor, Waker
from evloop.net.timers import Slot
from tests.support.descriptors import no_leaks


class ScriptedPoller:
    """Reports what it is told to, and notes how long it was to wait."""

    def __init__(self, *turns: list[tuple[int, int]]) -> None:
        self._turns = list(turns)
        self.timeouts: list[float] = []

    def register(self, fd: int, interest: int, /) -> None: ...

    def modify(self, fd: int, interest: int, /) -> None: ...

    def forget(self, fd: int, /) -> None: ...

    def unregister(self, fd: int, /) -> None: ...

    def poll(self, timeout: float, max_events: int, /) -> list[tuple[int, int]]:
        self.timeouts.append(timeout)
        return self._turns.pop(0) if self._turns else []

    def close(self) -> None: ...


class Handler:
    """Notes what it is told; *act* is called first."""

    def __init__(self, act: Callable[[], None] = lambda: None, deadline: float = 0.0) -> None:
        self._act = act
        self.deadline = deadline
        self.slot: Slot | None = None
        self.calls: list[tuple[str, float]] = []
        self.errors: list[Exception] = []

    def ready(self, bits: int, now: float) -> None:
        self.calls.append((f"ready {bits}", now))
        self._act()

    def expire(self, now: float) -> None:
        self.calls.append(("expire", now))
        self._act()

    def fail(self, error: Exception) -> None:
        self.errors.append(error)


def broken() -> None:
    raise RuntimeError("a defect")


def scripted(*turns: list[tuple[int, int]], now: float = 50.0) -> tuple[Reactor, ScriptedPoller]:
    poller = ScriptedPoller(*turns)
    return Reactor(poller, lambda: now), poller


def test_handlers_get_their_bits_and_the_time() -> None:
    reactor, _ = scripted([(7, READ), (8, READ | WRITE)])
    one, two = Handler(), Handler()
    reactor.add(7, one, READ)
    reactor.add(8, two, READ)
    reactor.turn()
    assert one.calls == [(f"ready {READ}", 50.0)]
    assert two.calls == [(f"ready {READ | WRITE}", 50.0)]
    assert reactor.crowd == 2
    assert reactor.handlers() == [one, two]


def test_a_handler_that_raises_ends_alone() -> None:
    reactor, _ = scripted([(7, READ), (8, READ)])
    bad, good = Handler(broken), Handler()
    reactor.add(7, bad, READ)
    reactor.add(8, good, READ)
    reactor.turn()
    assert [str(error) for error in bad.errors] == ["a defect"]
    assert good.calls
    assert not good.errors


def test_a_deadline_that_raises_ends_its_owner_alone() -> None:
    reactor, _ = scripted()
    bad, good = Handler(broken, 1.0), Handler(deadline=1.0)
    for handler in (bad, good):
        reactor.timers.watch(handler, reactor.now)
    reactor.turn()
    assert len(bad.errors) == 1
    assert good.calls == [("expire", 50.0)]


def test_who_was_removed_in_the_same_turn_is_left_alone() -> None:
    reactor, _ = scripted([(7, READ), (8, READ)])
    gone = Handler()
    reactor.add(7, Handler(lambda: reactor.remove(8)), READ)
    reactor.add(8, gone, READ)
    reactor.turn()
    assert gone.calls == []


@pytest.mark.parametrize("way", ["remove", "unregister"])
def test_what_was_ready_is_no_news_for_another_one_of_the_same_number(way: str) -> None:
    reactor, _ = scripted([(7, READ), (8, BROKEN)], [(8, READ)])
    gone, newcomer = Handler(), Handler()

    def replace() -> None:
        getattr(reactor, way)(8)
        reactor.add(8, newcomer, READ)

    reactor.add(7, Handler(replace), READ)
    reactor.add(8, gone, READ)
    reactor.turn()
    assert (gone.calls, newcomer.calls) == ([], [])
    reactor.turn()
    assert newcomer.calls == [(f"ready {READ}", 50.0)]


@pytest.mark.parametrize(
    ("deadline", "max_wait", "timeout"),
    [
        (None, -1.0, -1.0),
        (None, 3.0, 3.0),
        (60.0, -1.0, 10.0),
        (60.0, 3.0, 3.0),
        (60.0, 30.0, 10.0),
        (40.0, 30.0, 0.0),
        (60.0, 0.0, 0.0),
        # A poller can't wait for more than 2^31 milliseconds at once.
        (1e9, -1.0, LONGEST_WAIT),
        (None, 1e9, LONGEST_WAIT),
    ],
)
def test_the_wait_ends_with_what_comes_first(
    deadline: float | None, max_wait: float, timeout: float
) -> None:
    reactor, poller = scripted()
    if deadline is not None:
        reactor.timers.watch(Handler(deadline=deadline), reactor.now)
    reactor.turn(max_wait)
    assert poller.timeouts == [timeout]


def test_the_longest_wait_is_one_that_pollers_can_do() -> None:
    reactor = Reactor()
    reader, writer = os.pipe()
    reactor.add(reader, Handler(), READ)
    os.write(writer, b"x")
    reactor.turn(10 * 365 * 86400.0)  # returns, since something is ready
    reactor.remove(reader)
    os.close(reader)
    os.close(writer)
    reactor.close()


def test_a_flood_of_deadlines_is_taken_in_pieces() -> None:
    reactor, poller = scripted()
    handlers = [Handler(deadline=1.0) for _ in range(2 * MAX_EXPIRED + 1)]
    for handler in handlers:
        reactor.timers.watch(handler, reactor.now)
    expired = []
    for _ in range(3):
        reactor.turn()
        expired.append(sum(len(handler.calls) for handler in handlers))
    assert expired == [MAX_EXPIRED, 2 * MAX_EXPIRED, 2 * MAX_EXPIRED + 1]
    assert poller.timeouts == [0.0, 0.0, 0.0]


def test_the_length_of_a_turn_is_the_lag() -> None:
    times = iter([0.0, 5.0, 5.25, 6.0, 6.0])
    reactor = Reactor(ScriptedPoller(), lambda: next(times))
    reactor.turn()
    assert reactor.now == 5.25
    reactor.turn()
    figures = reactor.lag.figures()
    assert (figures.maximum, figures.turns) == (0.25, 2)


class TestWaker:
    @pytest.fixture
    def reactor(self) -> Iterator[Reactor]:
        with no_leaks():
            reactor = Reactor()
            yield reactor
            reactor.close()

    def test_what_is_written_comes_out_in_the_loop(self, reactor: Reactor) -> None:
        heard: list[bytes] = []
        waker = Waker(reactor, lambda data, now: heard.append(data))
        waker.write(b"one")
        waker.writer.send(b"two")  # as a signal does
        reactor.turn()  # does not wait
        assert heard == [b"onetwo"]
        waker.close()
        waker.write(b"nobody hears it")

    def test_a_full_pipe_does_no_harm(self, reactor: Reactor) -> None:
        heard: list[bytes] = []
        waker = Waker(reactor, lambda data, now: heard.append(data))
        with suppress(BlockingIOError):
            while True:
                waker.writer.send(b"x" * 4096)
        waker.write(b"y")
        reactor.turn()
        assert set(heard[0]) == set(b"x")
        waker.close()

    def test_a_command_that_raises_ends_the_loop(self, reactor: Reactor) -> None:
        def obey(data: bytes, now: float) -> None:
            broken()

        waker = Waker(reactor, obey)
        waker.write(b"x")
        with pytest.raises(RuntimeError, match="a defect"):
            reactor.turn()
        waker.close()


def test_a_descriptor_can_wait_for_nothing() -> None:
    reactor = Reactor()
    ours, theirs = socket.socketpair()
    handler = Handler(lambda: reactor.modify(ours.fileno(), NOTHING))
    reactor.add(ours.fileno(), handler, READ)
    theirs.send(b"x")
    reactor.turn(0.0)
    reactor.turn(0.0)
    assert len(handler.calls) == 1
    reactor.modify(ours.fileno(), READ)
    reactor.turn(0.0)
    assert len(handler.calls) == 2
    reactor.remove(ours.fileno())
    ours.close()
    theirs.close()
    reactor.close()
