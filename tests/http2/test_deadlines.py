"""What takes too long ends, and only that."""

import pytest
from fuzzing.http2_walk import Http2Walk
from fuzzing.stage import StagedBody

from evloop.http.limits import Limits
from evloop.http2 import frames
from evloop.http2.frames import ErrorCode
from evloop.http2.states import State
from evloop.observe.exchange import EndReason

LIMITS = Limits(idle_timeout=60.0, head_timeout=10.0, send_timeout=30.0, file_timeout=20.0)


@pytest.fixture
def walk() -> Http2Walk:
    return Http2Walk(LIMITS)


def expire_until(walk: Http2Walk, when: float) -> None:
    """Let all deadlines up to *when* pass, each at its time."""
    while walk.protocol.deadline <= when:
        walk.expire()
        walk.drain()
    walk.now = when


def test_an_idle_connection_is_told_of_its_end(walk: Http2Walk) -> None:
    start = walk.now
    walk.ask("page", 10)
    walk.receive_all()
    assert walk.protocol.deadline == start + 60.0
    walk.expire()
    walk.drain()
    assert (walk.client.goaway, walk.state) == (ErrorCode.NO_ERROR, State.LINGERING)


def test_a_preface_that_does_not_come(walk: Http2Walk) -> None:
    walk = Http2Walk(LIMITS, greets=False)
    assert walk.protocol.deadline == walk.now + 10.0
    walk.write(frames.PREFACE)
    walk.receive_all()
    walk.now += 5.0
    assert (walk.state, walk.protocol.deadline) == (State.PREFACE, walk.now + 5.0)
    walk.expire()
    walk.drain()
    assert (walk.client.goaway, walk.state) == (ErrorCode.ENHANCE_YOUR_CALM, State.LINGERING)
    assert walk.observer.refusals == 1


@pytest.mark.parametrize("whole", [b"\0", frames.frame_header(9, 1, 5, 1) + b"\x82"])
def test_a_part_of_a_frame_has_its_time_and_bytes_do_not_extend_it(
    walk: Http2Walk, whole: bytes
) -> None:
    walk.write(whole)
    walk.receive()
    due = walk.now + 10.0
    assert (walk.state, walk.protocol.deadline) == (State.PARTIAL, due)
    walk.now += 5.0
    walk.write(b"\0")
    walk.receive()
    assert walk.protocol.deadline == due
    walk.expire()
    walk.drain()
    assert (walk.client.goaway, walk.state) == (ErrorCode.ENHANCE_YOUR_CALM, State.LINGERING)


def test_a_header_block_without_its_end_is_over_though_a_response_is_sent(walk: Http2Walk) -> None:
    walk.ask("body", 90_000)  # more than the window
    walk.write(frames.frame_header(1, frames.HEADERS, 1, 3) + b"\x82")
    walk.receive_all()
    assert walk.state is State.WAITING
    expire_until(walk, walk.now + 10.0)
    assert walk.client.goaway == ErrorCode.ENHANCE_YOUR_CALM


def test_a_stream_without_a_window_is_reset_alone(walk: Http2Walk) -> None:
    first = walk.ask("body", 90_000)
    walk.receive_all()
    start = walk.now
    expire_until(walk, start + 15.0)
    walk.widen(0, 1_000_000)
    second = walk.ask("body", 70_000)
    walk.receive_all()
    expire_until(walk, start + 29.9)
    assert not walk.client.resets
    expire_until(walk, start + 30.0)
    assert walk.client.asked[first].is_over
    assert walk.client.resets == [ErrorCode.CANCEL]
    assert walk.observer.ends == [EndReason.STALLED]
    walk.widen(second, 100_000)
    walk.receive_all()
    assert walk.client.asked[second].got == 70_000
    walk.end()


def test_progress_gives_a_stream_its_time_again(walk: Http2Walk) -> None:
    stream_id = walk.ask("body", 90_000)
    walk.receive_all()
    for _ in range(5):
        expire_until(walk, walk.now + 25.0)
        walk.widen(0, 1)
        walk.widen(stream_id, 1)
        walk.receive_all()
    assert not walk.client.asked[stream_id].is_over
    expire_until(walk, walk.now + 30.0)
    assert walk.client.asked[stream_id].is_over


def test_a_socket_that_takes_nothing_ends_all(walk: Http2Walk) -> None:
    walk.ask("body", 50_000)
    walk.ask("content", 50_000)
    walk.receive()
    walk.send(100)
    start = walk.now
    while walk.state is State.SENDING:
        walk.expire()
    assert walk.now == start + 30.0
    assert walk.state is State.ABORTED
    assert walk.observer.ends == [EndReason.STALLED] * 2


def test_a_file_that_does_not_come_is_503_and_others_go_on(walk: Http2Walk) -> None:
    late = walk.ask("late", 50)
    walk.receive()
    start = walk.now
    while walk.now < start + 20.0:
        walk.expire()
    walk.drain()
    assert walk.client.asked[late].status == b"503"
    assert walk.state is State.IDLE
    other = walk.ask("page", 50)
    walk.receive_all()
    assert walk.client.asked[other].status == b"200"


def test_a_disk_is_asked_again_soon(walk: Http2Walk) -> None:
    walk.ask("slow", 3000)
    walk.receive()
    while walk.send():
        pass
    assert (walk.state, walk.protocol.deadline) == (State.RESTING, walk.now + 0.002)
    walk.drain()
    assert walk.client.asked[1].got == 3000


def test_a_connection_below_the_rate_is_ended() -> None:
    walk = Http2Walk(Limits(min_rate=1000, min_rate_grace=10.0))
    walk.ask("body", 50_000)
    walk.receive()
    for _ in range(11):
        walk.now += 1.0
        walk.send(100)
    assert walk.state is State.ABORTED
    assert walk.observer.ends == [EndReason.BELOW_RATE]


# The end of the server, and of files


def test_a_drain_tells_the_last_stream_and_finishes_what_is_under_way(walk: Http2Walk) -> None:
    stream_id = walk.ask("body", 50_000)
    walk.receive()
    walk.send(100)
    walk.finish()
    behind = walk.ask("page", 1)
    walk.receive()
    walk.drain()
    assert walk.protocol._session.last_promised == stream_id
    assert walk.client.goaway == ErrorCode.NO_ERROR
    assert walk.client.asked[stream_id].got == 50_000
    assert not walk.client.asked[behind].status
    assert walk.state is State.LINGERING
    walk.end()


def test_a_file_that_changes_ends_its_stream_alone(walk: Http2Walk) -> None:
    broken = walk.ask("broken", 20_000)
    walk.receive_all()
    assert walk.client.asked[broken].is_over
    assert walk.client.resets == [ErrorCode.INTERNAL_ERROR]
    assert walk.observer.ends == [EndReason.FILE_CHANGED]
    assert walk.state is State.IDLE
    walk.end()


def test_a_file_that_changes_in_the_midst_of_a_frame_ends_the_connection(walk: Http2Walk) -> None:
    walk.ask("body", 30_000)
    walk.receive()
    walk.send(500)
    cut = walk.protocol._session.cut
    assert cut is not None
    assert isinstance(cut.body, StagedBody)
    cut.body._data = b""
    walk.send()
    assert walk.state is State.ABORTED
    assert walk.observer.ends == [EndReason.FILE_CHANGED]
    walk.end()


def test_a_stream_that_is_reset_in_the_midst_of_a_frame_leaves_the_frame_whole(
    walk: Http2Walk,
) -> None:
    first, second = walk.ask("body", 30_000), walk.ask("body", 3000)
    walk.receive()
    walk.send(500)
    walk.reset(first)
    walk.receive()
    walk.drain()
    assert walk.client.asked[second].got == 3000
    assert walk.client.is_between_frames
    walk.end()


def test_the_most_urgent_is_sent_first(walk: Http2Walk) -> None:
    slow = walk.ask("body", 20_000, (b"priority", b"u=5"))
    quick = walk.ask("body", 20_000, (b"priority", b"u=1"))
    walk.receive()
    while not walk.client.asked[quick].is_over:
        assert walk.client.asked[slow].got == 0
        walk.send()
    payload = frames.frame_header(7, frames.PRIORITY_UPDATE, 0, 0) + b"\0\0\0\5u=0"
    third = walk.ask("body", 20_000)
    walk.write(payload)
    walk.receive()
    walk.drain()
    assert walk.client.asked[third].is_over


def test_the_end_of_the_client_s_side_lets_what_has_room_finish(walk: Http2Walk) -> None:
    stream_id = walk.ask("body", 30_000)
    walk.receive()
    walk.receive_eof()
    assert walk.protocol.state.value == "flushing"
    walk.drain()
    assert walk.client.asked[stream_id].got == 30_000
    assert walk.state is State.CLOSED


def test_the_end_of_the_client_s_side_ends_what_waits_for_a_window(walk: Http2Walk) -> None:
    walk.ask("body", 90_000)
    walk.receive_all()
    walk.receive_eof()
    assert walk.state is State.CLOSED
    assert walk.observer.ends == [EndReason.CLIENT_CLOSED]


def test_each_stream_has_a_line_in_the_log(walk: Http2Walk) -> None:
    for kind, size in (("page", 10), ("body", 3000), ("nothing", 1)):
        walk.ask(kind, size)
    walk.receive_all()
    lines = [
        (each.request_head.split(b"\r\n")[0], each.status, each.body_sent)
        for each in walk.observer.exchanges
    ]
    assert lines == [
        (b"GET /page/10 HTTP/2.0", 200, 10),
        (b"GET /nothing/1 HTTP/2.0", 404, 13),
        (b"GET /body/3000 HTTP/2.0", 200, 3000),
    ]
    assert walk.observer.responses == 3
