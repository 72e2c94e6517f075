"""The protocol's part in a connection: what goes out, what is remembered, how it ends."""

import errno
from collections.abc import Callable

import pytest
from fuzzing.stage import KINDS, Stage, StagedBody, StagedPending, StagedWindow, pattern
from fuzzing.walk import PEER, READING, Ends, Walk

from evloop.http.request import Request
from evloop.http.response import Response
from evloop.http1.context import Context, Limits
from evloop.http1.headcache import HeadCache
from evloop.http1.protocol import Http1Protocol
from evloop.http1.states import FINAL, State
from evloop.observe.exchange import EndReason

HOST = b"Host: a\r\n"
WHOLE_KINDS = [kind for kind in KINDS if kind not in {"broken", "gone"}]


def get(target: bytes, *fields: bytes, version: bytes = b"1.1") -> bytes:
    lines = b"".join(field + b"\r\n" for field in (HOST[:-2], *fields))
    return b"GET " + target + b" HTTP/" + version + b"\r\n" + lines + b"\r\n"


def walk_to(state: State) -> Walk:
    """Return a walk that stands in *state*, with a response under way where there is one."""
    walk = Walk()
    if state is State.HEAD:
        walk.write(b"GET / HT")
        walk.receive()
    elif state is State.EMPTY_LINE:
        walk.write(b"\r")
        walk.receive()
    elif state is State.SENDING:
        walk.write(get(b"/body/5000"))
        walk.receive()
        walk.send(300)
    elif state is State.WAITING_FILE:
        walk.write(get(b"/late/5000"))
        walk.receive()
    elif state is State.WAITING_DISK:
        walk.write(get(b"/slow/5000"))
        walk.receive()
        while walk.send():
            pass
    elif state is State.LINGERING:
        walk.exchange(b"\n")
    elif state is State.CLOSED:
        walk.receive_eof()
    elif state is State.ABORTED:
        walk = walk_to(State.SENDING)
        walk.lose()
    assert walk.state is state
    return walk


# What goes out


@pytest.mark.parametrize("size", [0, 1, 999, 1000, 1001, 9000])
@pytest.mark.parametrize("kind", WHOLE_KINDS)
def test_every_kind_of_response_arrives_whole(kind: str, size: int) -> None:
    walk = Walk()
    walk.exchange(get(b"/%b/%d" % (kind.encode(), size)))
    assert walk.got == walk.stage.promised
    assert walk.got.endswith(b"\r\n\r\n" + pattern(size))
    assert walk.state is State.IDLE
    assert walk.observer.bytes_sent == len(walk.got)
    walk.end()


@pytest.mark.parametrize("step", [1, 7, 100, 4096])
@pytest.mark.parametrize("kind", WHOLE_KINDS)
def test_a_socket_may_take_as_little_as_it_wants(kind: str, step: int) -> None:
    walk = Walk()
    walk.write(get(b"/%b/2500" % kind.encode()))
    walk.receive()
    walk.drain(step)
    assert walk.got == walk.stage.promised
    walk.end()


@pytest.mark.parametrize("kind", WHOLE_KINDS)
def test_a_full_socket_costs_no_byte(kind: str) -> None:
    walk = Walk()
    walk.write(get(b"/%b/2500" % kind.encode()))
    walk.receive()
    for limit in (0, 1, 0, 500, 0, 0):
        if not walk.send(limit):
            walk.expire()
    walk.drain()
    assert walk.got == walk.stage.promised
    walk.end()


def test_head_and_first_piece_leave_together() -> None:
    walk = Walk()
    walk.write(get(b"/body/5000"))
    walk.receive()
    walk.send()
    assert walk.got.endswith(pattern(1000))


def test_the_kernel_gets_a_window_only_behind_the_head() -> None:
    walk = Walk()
    walk.write(get(b"/window/5000"))
    walk.receive()
    assert isinstance(walk.protocol.outgoing(walk.now), tuple)
    walk.send()
    assert isinstance(walk.protocol.outgoing(walk.now), StagedWindow)


def test_a_stalled_response_in_memory_is_an_offset_not_a_copy() -> None:
    walk = Walk()
    walk.write(get(b"/content/100000"))
    walk.receive()
    walk.send(0)
    walk.send(50_000)
    assert walk.protocol.buffered == 0
    assert walk.protocol.body is not None
    assert walk.stage.open_bodies == 1


@pytest.mark.parametrize("state", [state for state in State if state is not State.SENDING])
def test_there_is_nothing_to_send_in_other_states(state: State) -> None:
    walk = walk_to(state)
    assert walk.protocol.outgoing(walk.now) == ()


# Requests


def test_answers_come_in_the_order_of_the_requests() -> None:
    walk = Walk()
    sizes = [3000, 1, 0, 700, 2000]
    kinds = [b"slow", b"page", b"content", b"late", b"window"]
    walk.exchange(b"".join(get(b"/%b/%d" % pair) for pair in zip(kinds, sizes, strict=True)))
    bodies = [part.partition(b"\r\n\r\n")[2] for part in bytes(walk.got).split(b"HTTP/1.1 ")[1:]]
    assert bodies == [pattern(size) for size in sizes]


def test_the_next_request_waits_until_the_response_is_taken() -> None:
    walk = Walk()
    walk.write(get(b"/page/10") + get(b"/page/20"))
    walk.receive()
    assert walk.stage.request_count == 1
    walk.send(5)
    assert walk.stage.request_count == 1
    walk.drain()
    assert walk.stage.request_count == 2


def test_a_request_waits_until_its_file_is_in_memory() -> None:
    walk = walk_to(State.WAITING_FILE)
    states = [walk.state]
    while walk.state is State.WAITING_FILE:
        walk.resume()
        states.append(walk.state)
    assert states == [State.WAITING_FILE, State.WAITING_FILE, State.SENDING]
    assert walk.stage.request_count == 1


def test_a_file_that_changes_all_the_time_does_not_put_the_end_off() -> None:
    walk = walk_to(State.WAITING_FILE)
    deadline = walk.protocol.deadline
    walk.now += 1.0
    walk.resume()
    assert walk.state is State.WAITING_FILE
    assert walk.protocol.deadline == deadline


def test_a_request_that_waits_is_not_parsed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    walk = walk_to(State.WAITING_FILE)
    monkeypatch.delattr("evloop.http1.answering.parse_head")
    walk.drain()
    assert walk.got == walk.stage.promised


def test_a_client_that_goes_away_while_its_request_waits_ends_no_response() -> None:
    walk = walk_to(State.WAITING_FILE)
    walk.lose()
    assert (walk.state, walk.observer.ends) == (State.CLOSED, [])
    walk.end()


class Subscriptions(StagedPending):
    """A file on its way into memory, with account of those who wait for it."""

    def __init__(self) -> None:
        self.wakes: list[Callable[[float], None]] = []

    def subscribe(self, wake: Callable[[float], None]) -> None:
        self.wakes.append(wake)

    def unsubscribe(self, wake: Callable[[float], None]) -> None:
        self.wakes.remove(wake)


class Waiting(Stage):
    """Has no file at hand, ever."""

    def __init__(self) -> None:
        super().__init__()
        self.pending = Subscriptions()

    def respond(self, request: Request, now: float) -> Subscriptions:
        return self.pending


@pytest.mark.parametrize("end", [Walk.lose, Walk.shut_down, Walk.expire, Walk.refuse])
def test_nobody_is_woken_after_the_end_of_the_wait(end: Callable[[Walk], None]) -> None:
    stage = Waiting()
    walk = Walk(stage)
    walk.write(get(b"/late/10"))
    walk.receive()
    walk.protocol.on_wake(lambda now: None)
    assert len(stage.pending.wakes) == 1
    end(walk)
    assert stage.pending.wakes == []


def test_a_file_that_never_comes_is_given_up() -> None:
    walk = Walk(Waiting(), Limits(file_timeout=10.0))
    walk.write(get(b"/late/10"))
    walk.receive()
    assert walk.protocol.deadline == walk.now + 10.0
    walk.expire()
    walk.drain()
    assert walk.got.startswith(b"HTTP/1.1 503 ")
    assert walk.state is State.IDLE
    (exchange,) = walk.observer.exchanges
    assert exchange.request_head == get(b"/late/10")


@pytest.mark.parametrize("state", [State.IDLE, State.WAITING_DISK])
def test_nobody_is_to_be_woken_but_for_a_file(state: State) -> None:
    walk = walk_to(state)
    walk.protocol.on_wake(lambda now: pytest.fail("woken"))
    walk.expire()
    walk.drain()


class Large(StagedBody):
    """A body that keeps more than a light connection may."""

    @property
    def is_heavy(self) -> bool:
        return True


class Heavy(Stage):
    """Has only large bodies."""

    def _response(self, kind: str, size: int, request: Request) -> Response:
        return Response(200, [], length=size, body=Large(pattern(size), kind, self))


# A stage, the bytes that have come, how many were sent of the answer: whether that is heavy.
WEIGHTS: dict[str, tuple[type[Stage], bytes, int, bool]] = {
    "nothing": (Stage, b"", 0, False),
    "part of a head": (Stage, b"GET / HT", 0, True),
    "a request that waits for its file": (Waiting, get(b"/"), 0, True),
    "an answer that was not sent": (Stage, get(b"/page/10"), 0, True),
    "a streamed body": (Stage, get(b"/body/5000"), 300, False),
    "a body with buffers of its own": (Heavy, get(b"/body/5000"), 300, True),
    "a streamed body, and the next request": (Stage, get(b"/body/5000") + get(b"/"), 300, True),
}


@pytest.mark.parametrize("case", WEIGHTS)
def test_heavy_is_what_keeps_more_than_an_offset(case: str) -> None:
    stage, received, sent, is_heavy = WEIGHTS[case]
    walk = Walk(stage())
    walk.write(received)
    walk.receive()
    if sent:
        walk.send(sent)
    assert walk.protocol.is_heavy is is_heavy


def test_a_wait_for_the_disk_is_light() -> None:
    assert not walk_to(State.WAITING_DISK).protocol.is_heavy


def test_a_request_being_planned_is_counted_as_buffered() -> None:
    walk = Walk()
    head = get(b"/late/10")
    walk.write(head)
    walk.receive()
    assert walk.protocol.buffered == len(head)


def test_there_is_always_room_for_one_byte_more_than_the_limit() -> None:
    walk = Walk(limits=Limits(max_head_size=300))
    assert walk.protocol.room == 301
    walk.write(b"GET /" + b"x" * 295)
    walk.receive()
    assert (walk.state, walk.protocol.room) == (State.HEAD, 1)
    walk.write(b"x")
    walk.receive()
    assert walk.state is State.SENDING


def test_a_refused_peer_gets_an_answer_before_it_asks() -> None:
    walk = Walk()
    walk.refuse()
    walk.drain()
    assert walk.got.startswith(b"HTTP/1.1 503 ")
    assert walk.state is State.LINGERING
    assert walk.observer.refusals == 1


def test_empty_lines_are_not_kept() -> None:
    walk = Walk()
    for _ in range(100):
        walk.write(b"\r\n" * 1000)
        walk.receive()
    assert (walk.state, walk.protocol.buffered) == (State.IDLE, 0)
    walk.exchange(get(b"/page/1"))
    assert walk.state is State.IDLE


# Ends


@pytest.mark.parametrize("state", [state for state in State if state in READING])
def test_a_peer_that_has_closed_is_let_go(state: State) -> None:
    walk = walk_to(state)
    walk.receive_eof()
    assert walk.state is State.CLOSED


@pytest.mark.parametrize("state", [State.SENDING, State.WAITING_FILE, State.WAITING_DISK])
def test_a_peer_that_only_listens_still_gets_its_response(state: State) -> None:
    walk = walk_to(state)
    walk.protocol.receive_eof(walk.now)
    walk.drain()
    assert walk.got == walk.stage.promised
    assert walk.state is State.IDLE


@pytest.mark.parametrize(
    ("state", "end"),
    [
        (State.IDLE, State.CLOSED),
        (State.EMPTY_LINE, State.CLOSED),
        (State.HEAD, State.CLOSED),
        (State.SENDING, State.ABORTED),
        (State.WAITING_FILE, State.CLOSED),
        (State.WAITING_DISK, State.ABORTED),
        (State.LINGERING, State.LINGERING),
        (State.CLOSED, State.CLOSED),
        (State.ABORTED, State.ABORTED),
    ],
)
def test_only_a_short_response_ends_in_a_reset(state: State, end: State) -> None:
    walk = walk_to(state)
    walk.lose()
    assert walk.state is end
    walk.end()


@pytest.mark.parametrize("state", [state for state in State if state in FINAL])
def test_late_events_are_ignored(state: State) -> None:
    walk = walk_to(state)
    before = len(walk.observer.ends)
    walk.protocol.receive_data(get(b"/page/1"), walk.now)
    walk.protocol.receive_eof(walk.now)
    walk.protocol.expire(walk.now)
    walk.protocol.finish(walk.now)
    walk.protocol.resume(walk.now)
    walk.protocol.refuse(walk.now)
    walk.protocol.fail(walk.now)
    assert walk.protocol.outgoing(walk.now) == ()
    assert (walk.state, len(walk.observer.ends)) == (state, before)
    assert walk.protocol.buffered == 0


def test_a_file_that_has_shrunk_ends_in_a_reset() -> None:
    walk = Walk()
    walk.exchange(get(b"/broken/4000") + get(b"/page/1"))
    assert walk.got.endswith(b"\r\n\r\n" + pattern(2000))
    assert walk.state is State.ABORTED
    assert walk.observer.ends == [EndReason.FILE_CHANGED]
    walk.end()


def test_a_file_that_is_gone_when_the_disk_has_come_to_it_is_refused() -> None:
    walk = Walk()
    walk.exchange(get(b"/gone/10") + get(b"/page/1"))
    assert walk.got.startswith(b"HTTP/1.1 404 ")
    assert walk.got == walk.stage.promised
    assert walk.state is State.IDLE


# The server stops


@pytest.mark.parametrize(
    ("state", "end"),
    [
        (State.IDLE, State.LINGERING),
        (State.EMPTY_LINE, State.LINGERING),
        (State.HEAD, State.HEAD),
        (State.SENDING, State.LINGERING),
        (State.WAITING_FILE, State.LINGERING),
        (State.WAITING_DISK, State.LINGERING),
        (State.LINGERING, State.LINGERING),
        (State.CLOSED, State.CLOSED),
        (State.ABORTED, State.ABORTED),
    ],
)
def test_what_is_being_answered_is_the_last(state: State, end: State) -> None:
    walk = walk_to(state)
    walk.finish()
    walk.drain()
    assert walk.state is end
    assert state in FINAL or walk.got == walk.stage.promised


def test_a_request_that_was_begun_is_still_answered() -> None:
    walk = walk_to(State.HEAD)
    walk.finish()
    walk.exchange(b"TP/1.1\r\n" + HOST + b"\r\n" + get(b"/page/1"))
    assert walk.stage.request_count == 1
    assert walk.state is State.LINGERING


def test_pipelined_requests_behind_the_last_are_dropped() -> None:
    walk = Walk()
    walk.write(get(b"/body/5000") + get(b"/page/1"))
    walk.receive()
    walk.finish()
    walk.drain()
    assert walk.stage.request_count == 1
    assert (walk.state, walk.protocol.buffered) == (State.LINGERING, 0)


def test_a_client_that_asked_to_close_may_still_be_reading() -> None:
    walk = Walk()
    walk.exchange(get(b"/body/5000", b"Connection: close"))
    assert walk.state is State.LINGERING


@pytest.mark.parametrize("stop", [Walk.finish, Walk.expire])
@pytest.mark.parametrize(("seconds", "end"), [(1.9, State.LINGERING), (2.1, State.CLOSED)])
def test_the_last_response_of_an_idle_connection_is_not_cut(
    stop: Callable[[Walk], None], seconds: float, end: State
) -> None:
    walk = Walk(limits=Limits(idle_timeout=seconds, linger_timeout=2.0))
    walk.exchange(get(b"/page/10"))
    walk.now += seconds
    stop(walk)
    assert walk.state is end


@pytest.mark.parametrize("state", [State.IDLE, State.EMPTY_LINE, State.HEAD, State.WAITING_FILE])
def test_where_there_is_no_room_a_client_is_told(state: State) -> None:
    walk = walk_to(state)
    walk.refuse()
    walk.drain()
    assert walk.got.startswith(b"HTTP/1.1 503 ")
    assert walk.state is State.LINGERING


@pytest.mark.parametrize("state", [State.SENDING, State.WAITING_DISK])
def test_where_there_is_no_room_a_response_is_cut(state: State) -> None:
    walk = walk_to(state)
    walk.refuse()
    assert (walk.state, walk.observer.ends) == (State.ABORTED, [EndReason.REFUSED])


# Who looks on


def test_an_exchange_tells_what_was_asked_and_sent() -> None:
    walk = Walk()
    walk.exchange(get(b"/body/5000"))
    (exchange,) = walk.observer.exchanges
    assert exchange.request_head == get(b"/body/5000")
    assert exchange.started == walk.now
    assert (exchange.status, exchange.body_sent, exchange.refusal) == (200, 5000, "")
    assert walk.observer.ends == [EndReason.COMPLETE]


def test_an_idle_connection_keeps_nothing_of_its_last_exchange() -> None:
    walk = Walk()
    walk.exchange(get(b"/body/5000"))
    assert (walk.protocol._exchange, walk.protocol.body) == (None, None)
    assert walk.protocol.buffered == 0


def test_a_cut_response_tells_how_far_it_came() -> None:
    walk = Walk()
    walk.write(get(b"/content/5000"))
    walk.receive()
    walk.send(1)
    walk.send(10)
    walk.shut_down()
    (exchange,) = walk.observer.exchanges
    assert exchange.sent == 11
    assert walk.observer.ends == [EndReason.SHUTDOWN]


@pytest.mark.parametrize(
    ("sent", "status", "end"),
    [
        (get(b"/nothing"), 404, EndReason.COMPLETE),
        (get(b"/page/1", b"X : y"), 400, EndReason.COMPLETE),
        (b"GET /" + b"x" * 20_000, 414, EndReason.REFUSED),
        (get(b"/page/1", b"X: " + b"x" * 20_000), 431, EndReason.REFUSED),
    ],
)
def test_a_refusal_tells_why(sent: bytes, status: int, end: EndReason) -> None:
    walk = Walk()
    walk.exchange(sent)
    (exchange,) = walk.observer.exchanges
    assert exchange.status == status
    assert exchange.refusal
    assert walk.observer.ends == [end]
    assert walk.observer.refusals == (end is EndReason.REFUSED)


def test_every_response_is_counted_without_a_log_too() -> None:
    walk = Walk(logs=False)
    walk.exchange(get(b"/page/10") + get(b"/nothing") + get(b"/body/3000") + b"\n")
    assert walk.observer.responses == 4
    assert walk.observer.bytes_sent == len(walk.got)
    assert walk.observer.ends == []


def test_an_end_before_its_time_is_told_without_a_log_too() -> None:
    walk = Walk(logs=False)
    walk.write(get(b"/body/5000"))
    walk.receive()
    walk.lose()
    assert walk.observer.ends == [EndReason.CLIENT_RESET]


def test_a_remembered_response_is_counted_and_logged_like_any_other() -> None:
    observer = Ends()
    cache = HeadCache()
    context = Context(Stage(fresh_until=100.0), observer, cache, Limits())
    head = get(b"/content/10")
    for _ in range(3):
        protocol = Http1Protocol(context, PEER, 50.0)
        protocol.receive_data(head, 50.0)
        outgoing = protocol.outgoing(50.0)
        assert isinstance(outgoing, tuple)
        protocol.sent(sum(map(len, outgoing)), 50.0)
        assert protocol.state is State.IDLE
    assert (len(cache), observer.responses) == (1, 3)
    assert [exchange.request_head for exchange in observer.exchanges] == [head] * 3


def test_a_body_that_can_not_be_read_at_all_is_closed() -> None:
    class Unreadable(StagedBody):
        def peek(self) -> memoryview:
            raise OSError(errno.EIO, "the disk is gone")

    class Broken(Stage):
        def respond(self, request: Request, now: float) -> Response:
            return Response(200, [], length=4, body=Unreadable(b"data", "body", self))

    walk = Walk(Broken())
    walk.exchange(get(b"/"))
    assert walk.state is State.ABORTED
    walk.end()


def test_who_looks_on_sees_one_body_at_most_and_no_streams() -> None:
    walk = walk_to(State.SENDING)
    assert [body is walk.protocol.body for body in walk.protocol.bodies] == [True]
    assert walk.protocol.streams == 0
    walk.end()
    assert not walk.protocol.bodies
