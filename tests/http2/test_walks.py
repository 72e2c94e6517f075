"""Random walks: whatever happens in whatever order, the table of states and the promises hold."""

import random
from collections.abc import Callable

import pytest
from fuzzing.http2_walk import Http2Walk
from fuzzing.stage import KINDS, ProtocolViolationError, pattern
from hypothesis import given, settings
from hypothesis import strategies as st

from evloop.http.limits import Limits
from evloop.http2 import frames
from evloop.http2.states import FINAL, TRANSITIONS, State

LIMITS = Limits(max_head_size=400, min_rate=50, min_rate_grace=60.0)
SIZES = (0, 1, 999, 5000, 20_000, 70_000, 100_000)
Stimulus = tuple[str, Callable[[Http2Walk], object]]


def asks(kind: str, size: int, *more: tuple[bytes, bytes]) -> Stimulus:
    return f"ask {kind} {size} {more}", lambda walk: walk.ask(kind, size, *more)


def sends(limit: int | None) -> Stimulus:
    return f"send {limit}", lambda walk: walk.send(limit)


def receives(limit: int | None) -> Stimulus:
    return f"receive {limit}", lambda walk: walk.receive(limit)


def resets(back: int) -> Stimulus:
    """Reset one of the last streams."""

    def reset(walk: Http2Walk) -> None:
        if walk.next_id > back:
            walk.receive_all()
            walk.reset(walk.next_id - back)
            walk.receive_all()

    return f"reset {back}", reset


def widens(back: int | None, increment: int) -> Stimulus:
    def widen(walk: Http2Walk) -> None:
        if back is None:
            walk.widen(0, increment)
        elif walk.next_id > back:
            walk.widen(walk.next_id - back, increment)

    return f"widen {back} {increment}", widen


def pings(count: int) -> Stimulus:
    def ping(walk: Http2Walk) -> None:
        for _ in range(count):
            walk.ping()

    return f"{count} pings", ping


def breaks_off(walk: Http2Walk) -> None:
    """Reset all streams, and begin a frame."""
    for stream_id in walk.client.asked:
        walk.reset(stream_id)
    walk.write(b"\0")


def waits(seconds: float) -> Stimulus:
    def wait(walk: Http2Walk) -> None:
        walk.now += seconds

    return f"wait {seconds}", wait


ORDINARY: list[Stimulus] = [
    *(asks(kind, size) for kind in KINDS for size in SIZES),
    *(asks("body", 20_000, (b"priority", value)) for value in (b"u=1", b"u=5, i", b"i")),
    *(asks("nothing", 1) for _ in range(3)),
    *(receives(limit) for limit in (None, None, None, 1, 30, 100) for _ in range(6)),
    *(sends(limit) for limit in (None, None, 0, 1, 5, 90, 1000, 20_000) for _ in range(6)),
    *(("drain", Http2Walk.drain) for _ in range(5)),
    *(("receive all", Http2Walk.receive_all) for _ in range(5)),
    *(widens(back, size) for back in (None, 2, 4, 6) for size in (1, 5000, 1_000_000)),
    *(resets(back) for back in (2, 4, 6, 8)),
    *(waits(seconds) for seconds in (0.001, 1.0)),
    *(("expire", Http2Walk.expire) for _ in range(5)),
    *(("resume", Http2Walk.resume) for _ in range(5)),
    *(pings(count) for count in (1, 100)),
    *(
        (f"initial {size}", lambda walk, size=size: walk.change_initial(size))
        for size in (0, 9, 70_000)
    ),
]
RARE: list[Stimulus] = [
    ("break off", breaks_off),
    *(
        (f"write {noise!r}", lambda walk, noise=noise: walk.write(noise))
        for noise in (
            b"\0",
            bytes(9),
            b"x" * 50,
            frames.goaway(0, frames.ErrorCode.NO_ERROR),
            frames.frame_header(20_000, 0, 0, 1),
            frames.frame_header(5, frames.HEADERS, 0, 999) + b"part!",
        )
    ),
    ("eof", Http2Walk.receive_eof),
    ("refuse", Http2Walk.refuse),
    ("finish", Http2Walk.finish),
    ("lose", Http2Walk.lose),
    ("shut down", Http2Walk.shut_down),
    waits(61.0),
]
STIMULI = ORDINARY * 2 + RARE


def walk_through(stimuli: list[Stimulus], walk: Http2Walk) -> None:
    for _, stimulus in stimuli:
        stimulus(walk)
    walk.end()


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(STIMULI), max_size=60), st.booleans())
def test_whatever_happens_the_promises_hold(stimuli: list[Stimulus], greets: bool) -> None:
    walk = Http2Walk(LIMITS, greets=greets)
    if not greets:
        walk.write(frames.PREFACE + frames.settings_frame({}))
    walk_through(stimuli, walk)


def until(walk: Http2Walk, state: State) -> None:
    """Receive and send until the connection is in *state*."""
    while walk.state is not state:
        assert walk.receive() or walk.send(), f"{walk.state}, and not {state}"


def resting(walk: Http2Walk) -> None:
    walk.ask("slow", 5000)
    until(walk, State.RESTING)


def waiting(walk: Http2Walk) -> None:
    walk.ask("late", 5000)
    until(walk, State.WAITING)


def with_answers(walk: Http2Walk, more: bytes = b"") -> None:
    """Have more answers to send than may wait while frames are read."""
    pings(61)[1](walk)
    walk.write(more)
    walk.receive()
    assert walk.state is State.FLUSHING
    walk.send()


def reset_all(walk: Http2Walk, more: bytes = b"") -> None:
    for stream_id in walk.client.asked:
        walk.reset(stream_id)
    walk.write(more)
    walk.receive()


# Ways that chance seldom takes: what leads there, and what goes it.
RARE_WAYS: dict[tuple[State, State], tuple[Stimulus, ...]] = {
    (State.FLUSHING, State.IDLE): (("answers", with_answers),),
    (State.FLUSHING, State.PARTIAL): (("answers", lambda walk: with_answers(walk, b"\0")),),
    (State.FLUSHING, State.WAITING): (("wait", waiting), ("answers", with_answers)),
    (State.FLUSHING, State.RESTING): (("rest", resting), ("answers", with_answers)),
    (State.RESTING, State.IDLE): (("rest", resting), ("reset", reset_all)),
    (State.RESTING, State.PARTIAL): (
        ("rest", resting),
        ("reset", lambda walk: reset_all(walk, b"\0")),
    ),
    (State.RESTING, State.LINGERING): (
        ("rest", resting),
        ("finish", Http2Walk.finish),
        ("tell", lambda walk: until(walk, State.RESTING)),
        ("reset", reset_all),
    ),
    (State.RESTING, State.WAITING): (
        ("wait", waiting),
        ("rest", resting),
        resets(2),
        ("expire", Http2Walk.expire),
    ),
    (State.WAITING, State.LINGERING): (
        ("wait", waiting),
        ("finish", Http2Walk.finish),
        ("tell", lambda walk: until(walk, State.WAITING)),
        ("reset", reset_all),
    ),
    (State.FLUSHING, State.DEAF_RESTING): (
        ("rest", resting),
        ("eof", Http2Walk.receive_eof),
        ("expire", Http2Walk.expire),
        ("send", Http2Walk.send),
        ("rest again", Http2Walk.send),
    ),
    (State.DEAF_RESTING, State.FLUSHING): (
        ("rest", resting),
        ("eof", Http2Walk.receive_eof),
        ("expire", Http2Walk.expire),
    ),
}


@pytest.mark.parametrize("way", RARE_WAYS, ids=lambda way: f"{way[0].name}-{way[1].name}")
def test_a_way_that_is_seldom_taken(way: tuple[State, State]) -> None:
    walk = Http2Walk(LIMITS)
    walk_through(list(RARE_WAYS[way]), walk)
    assert way in walk.states


@pytest.mark.slow
def test_every_way_in_the_table_is_taken_and_no_other() -> None:
    chance = random.Random(9113)
    taken = set(RARE_WAYS)
    for _ in range(3000):
        walk = Http2Walk(LIMITS, greets=chance.random() < 0.8)
        if chance.random() < 0.5:
            walk.write(frames.PREFACE + frames.settings_frame({}))
        walk_through(chance.choices(STIMULI, k=chance.randrange(40)), walk)
        taken |= walk.states
    assert taken == {(source, to) for source, after in TRANSITIONS.items() for to in after}


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(KINDS[:5]), st.sampled_from(SIZES)), max_size=8),
    st.lists(st.sampled_from(ORDINARY[len(KINDS) * len(SIZES) + 6 : -12]), max_size=60),
)
def test_every_response_arrives_whole(
    wishes: list[tuple[str, int]], stimuli: list[Stimulus]
) -> None:
    walk = Http2Walk()
    asked = [walk.ask(kind, size) for kind, size in wishes]
    for name, stimulus in stimuli:
        if not name.startswith(("reset", "expire")):  # nobody breaks off or is late here
            stimulus(walk)
    walk.widen(0, 10_000_000)
    for stream_id in asked:
        walk.widen(stream_id, 1_000_000)
    walk.receive_all()
    walk.drain()
    for stream_id, (_, size) in zip(asked, wishes, strict=True):
        got = walk.client.asked[stream_id]
        assert (got.status, got.is_over, got.got) == (b"200", True, size)
    assert walk.state is State.IDLE
    walk.end()


# The checks are no better than what they find.


def test_wrong_bytes_are_found() -> None:
    walk = Http2Walk()
    stream_id = walk.ask("body", 3000)
    walk.client.asked[stream_id].body = pattern(3000)[::-1]
    with pytest.raises(ProtocolViolationError, match="wrong bytes"):
        walk.receive_all()


def test_data_without_a_window_is_found() -> None:
    walk = Http2Walk()
    walk.client.asked[walk.ask("body", 3000)].window = 10
    with pytest.raises(ProtocolViolationError, match="stream's window"):
        walk.receive_all()


def test_a_body_that_was_not_closed_is_found() -> None:
    walk = Http2Walk()
    walk.stage.open_bodies += 1
    with pytest.raises(ProtocolViolationError, match="never closed"):
        walk.end()
    assert walk.state in FINAL
