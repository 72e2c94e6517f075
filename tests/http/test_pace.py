"""The ceiling on a connection's rate, on a clock that is a number."""

from collections.abc import Iterator

import pytest
from fuzzing.stage import Stage
from fuzzing.walk import PEER, Ends

from evloop.http.pace import QUANTUM, PacedBody, Pacing
from evloop.http.response import Buffer, Window
from evloop.http1.context import Context, Limits
from evloop.http1.headcache import HeadCache
from evloop.http1.protocol import Http1Protocol
from evloop.http1.states import State

SECONDS = 10.0


class WholeWindow:
    def __init__(self) -> None:
        self.size = 256 * 1024

    def send_to(self, descriptor: int) -> int:
        raise AssertionError("nobody sends here")


class Endless:
    """A body that has bytes for ever; with *pause*, every other time they are not at hand."""

    def __init__(self, pause: float = 0.0, *, is_window: bool = False) -> None:
        self.is_window = is_window
        self.sent = 0
        self.pauses = iter((pause, 0.0) * 10**6 if pause else ())
        self.is_closed = False
        self.remaining = None
        self.done = False
        self.is_heavy = True

    def peek(self) -> Buffer | Window | float:
        return next(self.pauses, 0.0) or (WholeWindow() if self.is_window else bytes(32 * 1024))

    def advance(self, count: int) -> None:
        self.sent += count

    def close(self) -> None:
        self.is_closed = True


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def download(body: PacedBody, clock: Clock, until: float, late: float = 0.0) -> Iterator[float]:
    """Take all that is shown until the clock is at *until*; yield the seconds of each wait."""
    while clock.now < until:
        piece = body.peek()
        if isinstance(piece, float):
            yield piece
            clock.now += piece + late
        else:
            body.advance(len(piece) if isinstance(piece, bytes | memoryview) else piece.size)


@pytest.mark.parametrize("rate", [1, 7, 1000, 33_000, 1024**2, 10**9])
@pytest.mark.parametrize("is_window", [False, True])
def test_the_rate_is_exact_to_a_twentieth_over_ten_seconds(rate: int, is_window: bool) -> None:
    clock, source = Clock(), Endless(is_window=is_window)
    body = PacedBody(source, Pacing(rate, 0, clock).new_pace())
    waits = list(download(body, clock, clock.now + SECONDS))
    assert source.sent == pytest.approx(rate * SECONDS, rel=0.05, abs=1)
    if rate >= 1000:  # slower than that a byte takes longer than QUANTUM
        assert len(waits) <= SECONDS / QUANTUM + 2


def test_a_loop_that_is_late_does_not_slow_it_down() -> None:
    clock, source = Clock(), Endless()
    body = PacedBody(source, Pacing(100_000, 0, clock).new_pace())
    for _ in download(body, clock, clock.now + SECONDS, late=0.05):
        pass
    assert source.sent == pytest.approx(100_000 * SECONDS, rel=0.05)


def test_what_the_source_waits_for_is_waited_for() -> None:
    clock, source = Clock(), Endless(pause=0.002)
    body = PacedBody(source, Pacing(100_000, 0, clock).new_pace())
    assert 0.002 in list(download(body, clock, clock.now + SECONDS))
    assert source.sent == pytest.approx(100_000 * SECONDS, rel=0.05)


def test_the_first_bytes_of_a_connection_are_free_once() -> None:
    clock = Clock()
    pace = Pacing(1000, 50_000, clock).new_pace()
    first = PacedBody(Endless(), pace)
    next(download(first, clock, clock.now + 1))
    second = Endless()
    next(download(PacedBody(second, pace), clock, clock.now + 1))
    assert isinstance(first.source, Endless)
    assert first.source.sent == pytest.approx(50_000 + 1000 * QUANTUM, abs=1)
    assert second.sent == 0


def test_a_rest_is_followed_by_a_short_burst_only() -> None:
    clock, source = Clock(), Endless()
    body = PacedBody(source, Pacing(100_000, 0, clock).new_pace())
    next(download(body, clock, clock.now + 1))
    clock.now += 3600.0
    before = source.sent
    next(download(body, clock, clock.now + 1))
    assert source.sent - before <= 100_000 * 2 * QUANTUM


def test_it_is_its_source_in_everything_else() -> None:
    source = Endless()
    body = PacedBody(source, Pacing(1, 0, Clock()).new_pace())
    assert (body.remaining, body.done, body.is_heavy) == (None, False, True)
    body.close()
    assert source.is_closed


# A connection whose responses are paced: nothing is lost, and all of them count.

RATE = 1000
ASKED = b"".join(
    b"GET /%b HTTP/1.1\r\nHost: a\r\n\r\n" % target
    for target in (b"page/100", b"content/5000", b"content/5000", b"body/4000", b"slow/1000")
)


def test_paced_responses_are_whole_and_share_the_rate() -> None:
    clock, stage = Clock(), Stage()
    begin = clock.now
    pacing = Pacing(RATE, 0, clock)
    context = Context(stage, Ends(), HeadCache(), Limits(send_timeout=1e9), pacing=pacing)
    protocol = Http1Protocol(context, PEER, clock.now)
    protocol.receive_data(ASKED, clock.now)
    got = b""
    while protocol.state is not State.IDLE:
        if protocol.state is State.WAITING_DISK:
            clock.now = protocol.deadline
            assert protocol.body is None or not isinstance(protocol.body, PacedBody)
            protocol.expire(clock.now)
        offered = protocol.outgoing(clock.now)
        if offered:
            assert isinstance(offered, tuple)
            got += b"".join(offered)
            protocol.sent(sum(map(len, offered)), clock.now)
    assert got == stage.promised
    assert stage.open_bodies == 0
    assert clock.now - begin == pytest.approx(15_000 / RATE, rel=0.05)  # a page is not paced


def test_the_name_in_a_head_goes_with_the_exchange() -> None:
    ends = Ends()
    context = Context(Stage(), ends, HeadCache(), Limits(), user_of=lambda head: head[5:9])
    protocol = Http1Protocol(context, PEER, 0.0)
    protocol.receive_data(ASKED[: ASKED.index(b"GET", 3)], 0.0)
    offered = protocol.outgoing(0.0)
    assert isinstance(offered, tuple)
    protocol.sent(sum(map(len, offered)), 0.0)
    assert [exchange.user for exchange in ends.exchanges] == [b"page"]
