"""Deadlines: each state has one, and only what should move it does. The clock is a number."""

from dataclasses import replace

import pytest
from fuzzing.stage import REST
from fuzzing.walk import Walk

from evloop.http1.context import Limits
from evloop.http1.states import FINAL, State
from evloop.observe.exchange import EndReason

LIMITS = Limits(idle_timeout=60.0, head_timeout=10.0, send_timeout=30.0, linger_timeout=2.0)
HOST = b"Host: a\r\n"


def get(target: bytes) -> bytes:
    return b"GET " + target + b" HTTP/1.1\r\n" + HOST + b"\r\n"


def walk_at(now: float, limits: Limits = LIMITS) -> Walk:
    """Return a walk whose connection was accepted at 1000.0, with the clock at *now*."""
    walk = Walk(limits=limits)
    walk.now = now
    return walk


def send_at(walk: Walk, now: float, data: bytes) -> None:
    walk.now = now
    walk.write(data)
    walk.receive()


def take_at(walk: Walk, now: float, count: int) -> None:
    walk.now = now
    walk.send(count)


def test_a_silent_connection_is_closed_without_a_word() -> None:
    walk = Walk(limits=LIMITS)
    assert walk.protocol.deadline == 1060.0
    walk.expire()
    assert (walk.state, bytes(walk.got)) == (State.CLOSED, b"")


def test_the_idle_time_begins_when_the_response_is_taken() -> None:
    walk = walk_at(1001.0)
    send_at(walk, 1001.0, get(b"/page/10"))
    take_at(walk, 1005.0, 1000)
    assert (walk.state, walk.protocol.deadline) == (State.IDLE, 1065.0)


def test_a_slow_head_is_not_excused_by_its_trickle() -> None:
    walk = walk_at(1003.0)
    for seconds, byte in enumerate(get(b"/page/10")[:9]):
        send_at(walk, 1003.0 + seconds, bytes([byte]))
        assert (walk.state, walk.protocol.deadline) == (State.HEAD, 1013.0)
    walk.expire()
    walk.drain()
    assert walk.now == 1013.0
    assert walk.got.startswith(b"HTTP/1.1 408 ")
    assert walk.state is State.LINGERING
    assert walk.observer.ends == [EndReason.REFUSED]
    assert walk.observer.refusals == 1


def test_empty_lines_do_not_excuse_a_silent_client() -> None:
    walk = walk_at(1003.0)
    for seconds in range(9):
        send_at(walk, 1003.0 + seconds, b"\r\n")
        assert (walk.state, walk.protocol.deadline) == (State.IDLE, 1060.0)


def test_empty_lines_in_halves_do_not_excuse_one_either() -> None:
    walk = walk_at(1003.0)
    for seconds in range(9):
        send_at(walk, 1003.0 + seconds, b"\r")
        assert (walk.state, walk.protocol.deadline) == (State.EMPTY_LINE, 1060.0)
        send_at(walk, 1003.5 + seconds, b"\n")
        assert (walk.state, walk.protocol.deadline) == (State.IDLE, 1060.0)
    send_at(walk, 1020.0, b"\r")
    send_at(walk, 1021.0, b"\n\r")
    assert (walk.state, walk.protocol.deadline) == (State.EMPTY_LINE, 1060.0)
    send_at(walk, 1022.0, b"\nG")
    assert (walk.state, walk.protocol.deadline) == (State.HEAD, 1032.0)


def test_half_of_an_empty_line_ends_in_silence() -> None:
    walk = walk_at(1003.0)
    send_at(walk, 1003.0, b"\r")
    walk.expire()
    assert (walk.state, bytes(walk.got)) == (State.CLOSED, b"")


def test_an_empty_line_after_a_request_is_no_slow_head() -> None:
    walk = walk_at(1003.0)
    send_at(walk, 1003.0, get(b"/page/10") + b"\r\n")
    take_at(walk, 1004.0, 1000)
    assert (walk.state, walk.protocol.deadline) == (State.IDLE, 1064.0)
    send_at(walk, 1005.0, get(b"/page/10") + b"\r")
    take_at(walk, 1006.0, 1000)
    assert (walk.state, walk.protocol.deadline) == (State.EMPTY_LINE, 1066.0)


def test_a_pipelined_head_has_its_time_from_the_end_of_the_response_before() -> None:
    walk = walk_at(1001.0)
    send_at(walk, 1001.0, get(b"/page/10") + b"GET /")
    take_at(walk, 1020.0, 1000)
    assert (walk.state, walk.protocol.deadline) == (State.HEAD, 1030.0)


def test_the_send_deadline_begins_with_the_response() -> None:
    walk = walk_at(1000.0)
    send_at(walk, 1000.0, get(b"/page/10")[:-1])
    send_at(walk, 1005.0, b"\n")
    assert (walk.state, walk.protocol.deadline) == (State.SENDING, 1035.0)


def test_a_response_may_take_for_ever_while_it_moves() -> None:
    walk = walk_at(1000.0)
    send_at(walk, 1000.0, get(b"/body/5000"))
    assert walk.protocol.deadline == 1030.0
    for step in range(1, 100):
        take_at(walk, 1000.0 + 29.0 * step, 1)
        assert walk.protocol.deadline == walk.now + 30.0
    assert walk.state is State.SENDING


@pytest.mark.parametrize("kind", ["page", "content", "body", "window"])
def test_without_progress_the_send_deadline_stays(kind: str) -> None:
    walk = walk_at(1000.0)
    send_at(walk, 1000.0, get(b"/%b/5000" % kind.encode()))
    take_at(walk, 1002.0, 300)
    for now in (1003.0, 1020.0, 1031.0):
        take_at(walk, now, 0)
        assert walk.protocol.deadline == 1032.0
    walk.expire()
    assert walk.state is State.ABORTED
    assert walk.observer.ends == [EndReason.STALLED]
    walk.end()


def test_a_rest_is_short_and_then_goes_on() -> None:
    walk = walk_at(1000.0)
    send_at(walk, 1000.0, get(b"/slow/3000"))
    for now in (1001.0, 1002.0, 1003.0):  # the head, a piece, nothing
        take_at(walk, now, 10_000)
    assert (walk.state, walk.protocol.deadline) == (State.WAITING_DISK, 1003.0 + REST)
    walk.expire()
    assert (walk.state, walk.protocol.deadline) == (State.SENDING, 1003.0 + REST + 30.0)
    walk.drain()
    assert walk.got == walk.stage.promised


# What is in memory is watched from the first send that left something over.
@pytest.mark.parametrize(
    ("kind", "end"), [("body", 1010.0), ("window", 1010.0), ("slow", 1012.0), ("content", 1011.0)]
)
def test_a_client_below_the_rate_is_cut(kind: str, end: float) -> None:
    walk = walk_at(1000.0, replace(LIMITS, min_rate=100, min_rate_grace=10.0))
    send_at(walk, 1000.0, get(b"/%b/5000" % kind.encode()))
    now = 1000.0
    while walk.state not in FINAL:
        now += 1.0
        take_at(walk, now, 50)
        if walk.state is State.WAITING_DISK:
            walk.expire()
    assert (walk.state, now) == (State.ABORTED, end)
    assert walk.observer.ends == [EndReason.BELOW_RATE]
    walk.end()


def test_a_rest_is_not_the_fault_of_the_client() -> None:
    walk = walk_at(1000.0, replace(LIMITS, min_rate=100, min_rate_grace=10.0))
    send_at(walk, 1000.0, get(b"/slow/1500"))
    now = 1000.0
    while walk.state in {State.SENDING, State.WAITING_DISK}:
        now += 1.0
        take_at(walk, now, 300)
        if walk.state is State.WAITING_DISK:
            now += 60.0
            walk.now = now
            walk.protocol.expire(now)
    assert walk.got == walk.stage.promised


def test_a_client_at_the_rate_is_not_cut() -> None:
    walk = walk_at(1000.0, replace(LIMITS, min_rate=100, min_rate_grace=10.0))
    send_at(walk, 1000.0, get(b"/body/5000") + get(b"/body/1000"))
    now = 1000.0
    while walk.state is State.SENDING:
        now += 1.0
        take_at(walk, now, 110)
    assert walk.state is State.IDLE
    assert walk.got == walk.stage.promised
