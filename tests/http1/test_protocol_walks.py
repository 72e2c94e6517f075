"""Random walks: whatever happens in whatever order, the table of states and the promises hold.

The checks themselves are in fuzzing.walk, which makes them after each step.
"""

import random
from collections.abc import Callable

import pytest
from fuzzing.stage import KINDS, ProtocolViolationError, Stage
from fuzzing.walk import TracedProtocol, Walk
from hypothesis import given, settings
from hypothesis import strategies as st

from evloop.http.request import Request
from evloop.http.response import Response
from evloop.http1.context import Limits
from evloop.http1.states import FINAL, TRANSITIONS, State

LIMITS = Limits(max_head_size=400, min_rate=50, min_rate_grace=60.0)
SIZES = (0, 1, 999, 1000, 1001, 3000, 20_000)
HOST = b"Host: a\r\n"

Stimulus = tuple[str, Callable[[Walk], object]]


def writes(data: bytes) -> Stimulus:
    return f"write {data!r}", lambda walk: walk.write(data)


def receives(limit: int | None) -> Stimulus:
    return f"receive {limit}", lambda walk: walk.receive(limit)


def sends(limit: int | None) -> Stimulus:
    return f"send {limit}", lambda walk: walk.send(limit)


def waits(seconds: float) -> Stimulus:
    def wait(walk: Walk) -> None:
        walk.now += seconds

    return f"wait {seconds}", wait


def get(kind: str, size: int, *, method: bytes = b"GET", fields: bytes = b"") -> bytes:
    return b"%b /%b/%d HTTP/1.1\r\n%b%b\r\n" % (method, kind.encode(), size, HOST, fields)


REQUESTS = [
    *(get(kind, size) for kind in KINDS for size in SIZES),
    *(get(kind, 3000, fields=b"Connection: close\r\n") for kind in KINDS),
    *(get(kind, 3000, fields=b"Content-Length: 30\r\n") for kind in KINDS),
    get("body", 3000, method=b"HEAD"),
    get("body", 3000, method=b"BREW"),
    get("page", 10, method=b"POST", fields=b"Transfer-Encoding: chunked\r\n") + b"0\r\n\r\n",
    get("page", 10, fields=b"X : y\r\n"),
    get("page", 10, fields=b"X: y\n"),
    get("page", 10, fields=b"X: " + b"x" * 300 + b"\r\n"),
    get("page", 10, fields=b"X: " + b"x" * 500 + b"\r\n"),
    b"\r\n\r\n" + get("content", 3000),
    get("page", 10) + b"\r",
    get("slow", 3000) + get("late", 10) + get("window", 3000),
    b"GET /body/3000 HTTP/1.0\r\n\r\n",
    b"GET /body/3000 HTTP/2.0\r\n\r\n",
]
ORDINARY: list[Stimulus] = [
    *(writes(request) for request in REQUESTS),
    *(receives(limit) for limit in (None, None, None, None, 1, 30, 100) for _ in range(6)),
    *(sends(limit) for limit in (None, None, None, None, 0, 1, 90, 1000) for _ in range(9)),
    *(("drain", Walk.drain) for _ in range(9)),
    *(waits(seconds) for seconds in (0.001, 1.0, 61.0)),
    *(("expire", Walk.expire) for _ in range(9)),
    *(("resume", Walk.resume) for _ in range(9)),
]
RARE: list[Stimulus] = [
    *(writes(noise) for noise in (b"\r\n", b"\r", b"\n", b"G", b"\r\n\r\n", b"\x16\x03\x01\0")),
    *(writes(b"x" * size) for size in (10, 500, 300_000)),
    ("eof", Walk.receive_eof),
    *(("refuse", Walk.refuse) for _ in range(3)),
    ("finish", Walk.finish),
    ("lose", Walk.lose),
    ("shut down", Walk.shut_down),
]
STIMULI = ORDINARY * 2 + RARE


def walk_through(stimuli: list[Stimulus], walk: Walk) -> None:
    """Apply *stimuli*, and see that the connection comes to an end."""
    for _, stimulus in stimuli:
        stimulus(walk)
    walk.end()


@settings(max_examples=400)
@given(st.lists(st.sampled_from(STIMULI), max_size=60))
def test_whatever_happens_the_promises_hold(stimuli: list[Stimulus]) -> None:
    walk_through(stimuli, Walk(limits=LIMITS))


def test_every_way_in_the_table_is_taken_and_no_other() -> None:
    chance = random.Random(9112)
    taken: set[tuple[State, State]] = set()
    for _ in range(4000):
        walk = Walk(limits=LIMITS)
        walk_through(chance.choices(STIMULI, k=chance.randrange(60)), walk)
        taken |= walk.protocol.edges
    assert taken == {(source, to) for source, after in TRANSITIONS.items() for to in after}


@settings(max_examples=200)
@given(
    st.lists(st.tuples(st.sampled_from(KINDS[:5]), st.sampled_from(SIZES)), max_size=8),
    st.lists(st.sampled_from(ORDINARY[len(REQUESTS) :]), max_size=60),
)
def test_pipelined_responses_come_in_order(
    wishes: list[tuple[str, int]], stimuli: list[Stimulus]
) -> None:
    expected = Walk()
    for kind, size in wishes:
        expected.exchange(get(kind, size))
    walk = Walk()
    walk.write(b"".join(get(kind, size) for kind, size in wishes))
    for name, stimulus in stimuli:
        if name != "expire" or walk.state is State.WAITING_DISK:  # nobody is late here
            stimulus(walk)
    assert expected.got.startswith(walk.got)
    walk.exchange(b"")
    walk.drain()
    assert walk.got == expected.got


# The checks are no better than what they find.


class Denying(Stage):
    """Promises nothing, and sends it all the same."""

    def _promise(self, response: Response, request: Request | None) -> Response:
        return response


def test_a_byte_that_was_not_promised_is_found() -> None:
    walk = Walk(Denying())
    with pytest.raises(ProtocolViolationError, match="not promised"):
        walk.exchange(get("page", 1))


def test_a_way_that_is_not_in_the_table_is_found() -> None:
    walk = Walk()
    with pytest.raises(ProtocolViolationError, match="IDLE -> ABORTED"):
        walk.protocol.state = State.ABORTED


def test_a_body_that_was_not_closed_is_found() -> None:
    walk = Walk()
    walk.write(get("body", 5000))
    walk.receive()
    walk.stage.open_bodies += 1
    with pytest.raises(ProtocolViolationError, match="never closed"):
        walk.end()


def test_an_answer_after_the_last_one_is_found() -> None:
    walk = Walk()
    walk.exchange(get("page", 1, method=b"POST", fields=b"Content-Length: 3\r\n"))
    again = TracedProtocol(walk.context, "192.0.2.2", walk.now)
    with pytest.raises(ProtocolViolationError, match="after the last"):
        again.receive_data(get("page", 1), walk.now)


def test_a_walk_ends_where_nothing_follows() -> None:
    walk = Walk()
    walk_through([("", lambda walk: walk.exchange(get("body", 3000)))], walk)
    assert walk.state in FINAL
