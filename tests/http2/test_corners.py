"""What seldom happens to a connection, in steps."""

from collections.abc import Callable

import pytest
from fuzzing.http2_client import request_block
from fuzzing.http2_walk import Http2Walk, ParallelStage
from fuzzing.stage import StagedBody, StagedPending, StagedWindow, pattern
from fuzzing.walk import PEER

from evloop.http.basic import user_in_head
from evloop.http.head_fields import field_pattern
from evloop.http.limits import Limits
from evloop.http.pace import Pacing
from evloop.http.request import Request
from evloop.http.response import Response
from evloop.http2 import frames
from evloop.http2.frames import END_HEADERS, END_STREAM, ErrorCode, frame_header
from evloop.http2.hpack import encode_fields
from evloop.http2.session import MAX_HEAVY_BODIES
from evloop.http2.states import State
from evloop.net.protocol import Closing
from evloop.observe.exchange import EndReason


@pytest.fixture
def walk() -> Http2Walk:
    return Http2Walk()


def frame(kind: int, flags: int, stream_id: int, payload: bytes = b"") -> bytes:
    return frame_header(len(payload), kind, flags, stream_id) + payload


# What is kept from one turn to another


def test_what_is_not_sent_at_once_counts_for_its_budget(walk: Http2Walk) -> None:
    asked = [walk.ask("content", 5000) for _ in range(8)]
    walk.receive()
    assert walk.stage.open_bodies == 0
    walk.send(12_000)  # two of them, and a part of the third
    assert walk.stage.open_bodies == 6
    walk.drain()
    assert all(walk.client.asked[stream_id].got == 5000 for stream_id in asked)
    walk.end()


def test_a_socket_that_takes_nothing_lets_all_be_held(walk: Http2Walk) -> None:
    walk.ask("content", 5000)
    walk.receive()
    walk.send(0)
    assert walk.stage.open_bodies == 1
    walk.end()


def test_what_waits_for_a_window_is_held(walk: Http2Walk) -> None:
    walk.change_initial(0)
    walk.receive_all()
    walk.ask("content", 5000)
    walk.receive_all()
    assert walk.stage.open_bodies == 1
    assert walk.client.asked[1].status == b"200"
    walk.end()


def test_a_head_that_was_not_taken_is_sent_though_there_is_no_window(walk: Http2Walk) -> None:
    walk.change_initial(0)
    walk.receive_all()
    walk.ask("body", 5000)
    walk.receive()
    walk.send(0)
    walk.drain()
    assert walk.client.asked[1].status == b"200"
    walk.end()


def test_a_window_that_was_only_planned_with_is_there_again(walk: Http2Walk) -> None:
    slow = walk.ask("body", 30_000)
    walk.receive()
    walk.send()
    left = walk.client.window
    urgent = (b"priority", b"u=0")
    asked = [walk.ask("content", 8192, urgent) for _ in range(left // 8192)]
    asked.append(walk.ask("content", left % 8192, urgent))  # all of the connection's window
    walk.receive()
    walk.send(100)
    for stream_id in asked[1:]:
        walk.reset(stream_id)
    walk.receive_all()
    walk.drain()
    assert walk.client.asked[slow].is_over
    walk.end()


def test_more_than_a_batch_is_sent_in_several(walk: Http2Walk) -> None:
    walk.widen(0, 1_000_000)
    asked = [walk.ask("content", 8000) for _ in range(30)]
    walk.receive_all()
    walk.drain()
    assert all(walk.client.asked[stream_id].is_over for stream_id in asked)
    walk.end()


# Windows of files, and disks, in the midst of a frame


@pytest.mark.parametrize("kind", ["window", "slow", "body", "content"])
@pytest.mark.parametrize("step", [1, 8, 9, 10, 100, 999])
def test_frames_may_be_cut_anywhere(kind: str, step: int) -> None:
    walk = Http2Walk()
    first, second = walk.ask(kind, 2500), walk.ask(kind, 2500)
    walk.receive()
    walk.drain(step)
    assert walk.client.asked[first].got == walk.client.asked[second].got == 2500
    walk.end()


def test_a_window_of_a_file_that_breaks_off_ends_the_connection(walk: Http2Walk) -> None:
    walk.ask("window", 3000)
    walk.receive()
    walk.send()
    assert isinstance(walk.protocol.outgoing(walk.now), StagedWindow)
    walk.protocol.source_lost(OSError(5, "gone"), walk.now)
    assert walk.state is State.ABORTED
    assert walk.observer.ends == [EndReason.READ_ERROR]
    walk.end()


def test_a_source_may_be_lost_when_its_stream_was_reset(walk: Http2Walk) -> None:
    first, second = walk.ask("window", 3000), walk.ask("body", 3000)
    walk.receive()
    walk.send()
    walk.reset(first)
    walk.receive()
    walk.protocol.source_lost(OSError(5, "gone"), walk.now)
    assert walk.state is State.ABORTED
    assert walk.observer.ends == [EndReason.CLIENT_RESET, EndReason.READ_ERROR]
    assert not walk.client.asked[second].status
    walk.end()


# Files that come


class Announced(StagedPending):
    """A file on its way, which tells when it comes."""

    def __init__(self) -> None:
        self.wakes: list[Callable[[float], None]] = []

    def subscribe(self, wake: Callable[[float], None]) -> None:
        self.wakes.append(wake)

    def unsubscribe(self, wake: Callable[[float], None]) -> None:
        self.wakes.remove(wake)


class AnnouncingStage(ParallelStage):
    """Answers `/late/N` when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.pending = Announced()
        self.has_come = False

    def respond(self, request: Request, now: float) -> Response | StagedPending:
        if request.target.startswith(b"/late") and not self.has_come:
            return self.pending
        return super().respond(Request(b"GET", b"/content/50", {}, is_http_11=True), now)


def announcing() -> tuple[Http2Walk, AnnouncingStage, list[float]]:
    walk = Http2Walk()
    stage = AnnouncingStage()
    walk.context.responder = stage
    woken: list[float] = []
    return walk, stage, woken


def test_streams_are_woken_by_their_files_and_the_connection_once() -> None:
    walk, stage, woken = announcing()
    walk.ask("late", 50)
    walk.receive()
    assert not stage.pending.wakes
    walk.protocol.on_wake(woken.append)
    walk.protocol.on_wake(woken.append)
    walk.ask("late", 50)  # while somebody listens
    walk.receive()
    assert len(stage.pending.wakes) == 2
    stage.has_come = True
    for wake in stage.pending.wakes[:]:
        wake(walk.now)
    assert woken == [walk.now]
    walk.protocol.resume(walk.now)
    walk.drain()
    assert [asked.got for asked in walk.client.asked.values()] == [50, 50]
    walk.protocol.resume(walk.now)
    walk.end()


def test_a_stream_that_is_reset_is_not_woken() -> None:
    walk, stage, woken = announcing()
    stream_id = walk.ask("late", 50)
    walk.receive()
    walk.protocol.on_wake(woken.append)
    wake = stage.pending.wakes[0]
    walk.reset(stream_id)
    walk.receive()
    assert not stage.pending.wakes
    wake(walk.now)
    walk.protocol.resume(walk.now)
    assert walk.state is State.IDLE
    walk.lose()
    walk.protocol.resume(walk.now)


# Limits


class HeavyBody(StagedBody):
    """A body that keeps much."""

    @property
    def is_heavy(self) -> bool:
        return True


class HeavyStage(ParallelStage):
    """Has nothing but heavy bodies."""

    def respond(self, request: Request, now: float) -> Response:
        return Response(200, [], length=9000, body=HeavyBody(pattern(9000), "body", self))


def test_few_bodies_of_a_connection_may_keep_much(walk: Http2Walk) -> None:
    walk.stage = HeavyStage()
    walk.context.responder = walk.stage
    asked = [walk.ask("body", 9000) for _ in range(MAX_HEAVY_BODIES + 2)]
    walk.receive()
    assert walk.protocol.is_heavy
    walk.drain()
    statuses = [walk.client.asked[stream_id].status for stream_id in asked]
    assert statuses == [b"200"] * MAX_HEAVY_BODIES + [b"503"] * 2
    walk.end()


def test_a_header_list_over_the_limit_is_431(walk: Http2Walk) -> None:
    stream_id = walk.ask("page", 1, (b"x", b"y" * 17_000))
    data, walk.wire = walk.wire, b""
    block = data[frames.HEADER_SIZE :]
    walk.write(frame(frames.HEADERS, END_STREAM, stream_id, block[:9000]))
    walk.write(frame(frames.CONTINUATION, END_HEADERS, stream_id, block[9000:]))
    walk.receive_all()
    assert walk.client.goaway == ErrorCode.ENHANCE_YOUR_CALM  # the block itself is over it
    walk = Http2Walk()
    stream_id = walk.ask("page", 1, *((b"a%d" % number, b"") for number in range(101)))
    walk.receive_all()
    assert walk.client.asked[stream_id].status == b"431"
    walk.end()


def trailers(stream_id: int, *fields: tuple[bytes, bytes]) -> bytes:
    return frame(frames.HEADERS, END_STREAM | END_HEADERS, stream_id, encode_fields(fields))


def open_stream(walk: Http2Walk) -> int:
    walk.change_initial(0)
    stream_id = walk.ask("body", 1000, flags=0)
    walk.receive_all()
    return stream_id


def test_trailers_over_the_limit_end_their_stream(walk: Http2Walk) -> None:
    stream_id = open_stream(walk)
    walk.write(trailers(stream_id, *((b"a%d" % number, b"") for number in range(101))))
    walk.receive_all()
    assert walk.client.resets == [ErrorCode.ENHANCE_YOUR_CALM]
    # Those of a stream that was reset are read for the table alone, whatever they are.
    walk.write(trailers(stream_id, (b"x", b"y")))
    walk.write(trailers(stream_id, *((b"a%d" % number, b"") for number in range(101))))
    walk.write(frame(frames.DATA, 0, stream_id, b"x"))
    walk.receive_all()
    assert walk.client.goaway is None
    walk.end()


def test_a_stream_over_the_limit_is_still_decoded_for_the_table() -> None:
    walk = Http2Walk(greets=False)
    walk.write(frames.PREFACE + frames.settings_frame({frames.Setting.INITIAL_WINDOW_SIZE: 0}))
    walk.client.change_initial(0)
    walk.client.has_greeted = True
    for _ in range(100):
        walk.ask("body", 1000)
    refused = walk.next_id
    walk.client.ask(refused, b"")
    block = request_block(b"/page/1") + b"\x40\x01x\x01y"
    walk.write(frame(frames.HEADERS, END_STREAM | END_HEADERS, refused, block))
    walk.receive_all()
    assert walk.client.resets == [ErrorCode.REFUSED_STREAM]
    assert not walk.protocol._session.decoder.is_empty
    walk.end()


def test_what_is_no_preface_is_said_so(walk: Http2Walk) -> None:
    walk = Http2Walk(greets=False)
    walk.write(b"GET / HTTP/1.1\r\n\r\n")
    walk.receive_all()
    assert walk.client.goaway == ErrorCode.PROTOCOL_ERROR
    assert walk.state.closing is Closing.LINGER
    walk.end()


# A body without a size


def test_a_body_of_unknown_size_ends_with_a_frame_of_nothing(walk: Http2Walk) -> None:
    class Sizeless:
        def __init__(self) -> None:
            self.left = 3
            self.is_heavy = True

        remaining = None

        @property
        def done(self) -> bool:
            return not self.left

        def peek(self) -> bytes:
            return b"x" * self.left

        def advance(self, count: int) -> None:
            self.left -= count

        def close(self) -> None:
            self.left = 0

    class Stage(ParallelStage):
        def respond(self, request: Request, now: float) -> Response:
            return Response(200, [], body=Sizeless())

    walk.context.responder = Stage()
    stream_id = walk.ask("page", 1)
    walk.client.asked[stream_id].body = b"xxx"
    walk.receive_all()
    assert walk.client.asked[stream_id].is_over
    walk.end()


def test_who_has_no_room_is_told_so(walk: Http2Walk) -> None:
    stream_id = walk.ask("body", 50_000)
    walk.receive()
    walk.send(100)
    walk.refuse()
    assert walk.state.value == "flushing"
    walk.drain()
    assert walk.client.goaway == ErrorCode.ENHANCE_YOUR_CALM
    assert walk.client.is_between_frames
    assert walk.client.asked[stream_id].got < 50_000
    assert walk.state is State.LINGERING
    walk.end()


def test_a_newcomer_who_has_no_room_is_told_so_behind_the_settings() -> None:
    walk = Http2Walk(greets=False)
    walk.refuse()
    walk.drain()
    assert walk.client.goaway == ErrorCode.ENHANCE_YOUR_CALM
    walk.end()


def test_the_end_is_said_once(walk: Http2Walk) -> None:
    walk.ask("late", 10)
    walk.receive()
    walk.finish()
    walk.send()
    walk.finish()
    assert not walk.protocol._session.control
    walk.end()


def test_a_stream_may_become_more_urgent_while_it_waits(walk: Http2Walk) -> None:
    walk.change_initial(0)
    stream_id = walk.ask("body", 1000)
    walk.receive_all()
    walk.write(frame(frames.PRIORITY_UPDATE, 0, 0, b"\0\0\0\1u=0"))
    walk.receive_all()
    assert walk.protocol._session.streams[stream_id].priority.urgency == 0
    walk.end()


def test_times_are_looked_at_while_the_disk_is_slow() -> None:
    walk = Http2Walk(Limits(send_timeout=0.003, file_timeout=0.003, head_timeout=0.003))
    walk.change_initial(0)
    walk.receive_all()
    walk.ask("body", 1000)
    walk.receive_all()
    walk.change_initial(70_000)
    slow = walk.ask("slow", 60_000)
    walk.receive_all()
    assert walk.client.asked[slow].got == 60_000
    walk.end()


def test_streams_share_the_rate_of_their_connection() -> None:
    walk = Http2Walk()
    start = walk.now
    walk.context.pacing = Pacing(10_000, 0, lambda: walk.now)
    asked = [walk.ask(kind, 20_000) for kind in ("body", "content")]
    walk.receive()
    walk.drain()
    assert all(walk.client.asked[stream_id].got == 20_000 for stream_id in asked)
    assert 3.5 < walk.now - start < 4.5
    walk.end()


def test_who_looks_on_sees_through_the_rate() -> None:
    walk = Http2Walk()
    walk.context.pacing = Pacing(10_000, 0, lambda: walk.now)
    walk.ask("body", 20_000)
    walk.ask("nothing", 1)
    walk.receive()
    walk.send()
    assert isinstance(walk.protocol.bodies[0], StagedBody)
    walk.end()


def test_requests_have_their_peer_and_the_log_has_their_user(walk: Http2Walk) -> None:
    peers: list[str] = []

    class Stage(ParallelStage):
        def respond(self, request: Request, now: float) -> Response | StagedPending:
            peers.append(request.peer)
            return super().respond(request, now)

    walk.context.responder = Stage()
    walk.context.user_of = user_in_head
    walk.ask("page", 10, (b"authorization", b"Basic YW5uYTpzZXNhbWU="))
    walk.receive_all()
    assert peers == [PEER]
    assert walk.observer.exchanges[0].user == b"anna"
    walk.end()


def test_more_fields_are_read_where_a_site_asks_for_them(walk: Http2Walk) -> None:
    seen: list[bytes | None] = []

    class Stage(ParallelStage):
        def respond(self, request: Request, now: float) -> Response | StagedPending:
            seen.append(request.fields.get(b"origin"))
            return super().respond(request, now)

    walk.context.responder = Stage()
    walk.ask("page", 10, (b"origin", b"https://a.test"))
    walk.receive_all()
    walk.context.fields = field_pattern(b"origin")
    walk.ask("page", 11, (b"origin", b"https://a.test"))
    walk.receive_all()
    assert seen == [None, b"https://a.test"]
    walk.end()


def test_two_reasons_to_end_are_told_as_one(walk: Http2Walk) -> None:
    walk.write(frame(frames.PING, 0, 1, bytes(8)))
    walk.receive()
    walk.refuse()
    walk.drain()
    assert walk.client.goaway == ErrorCode.PROTOCOL_ERROR
    walk.end()


def test_frames_wait_while_answers_do(walk: Http2Walk) -> None:
    for _ in range(300):
        walk.ping()
    walk.receive()
    assert walk.protocol._receiver.has_more
    assert walk.state.value == "flushing"
    walk.receive_all()
    walk.drain()
    assert walk.client.pings == 300
    walk.end()


def test_what_rests_is_asked_again_as_soon_as_there_is_room(walk: Http2Walk) -> None:
    walk.ask("slow", 3000)
    walk.receive()
    walk.send()
    walk.send()  # the disk has to be waited for
    walk.ping()
    walk.receive()
    walk.now += 0.002
    walk.send()
    assert walk.client.asked[1].got
    walk.drain()
    walk.end()


def test_a_head_may_be_cut_though_no_body_can_follow(walk: Http2Walk) -> None:
    walk.change_initial(0)
    walk.receive_all()
    stream_id = walk.ask("body", 1000)
    walk.receive()
    walk.send(5)
    walk.drain()
    assert walk.client.asked[stream_id].status == b"200"
    assert walk.state is State.WAITING
    walk.end()


def test_a_shutdown_ends_all(walk: Http2Walk) -> None:
    walk.ask("body", 5000)
    walk.receive()
    walk.shut_down()
    assert walk.observer.ends == [EndReason.SHUTDOWN]
    walk.protocol.expire(walk.now)
    assert walk.state is State.ABORTED
    walk.end()


def test_a_defect_ends_all(walk: Http2Walk) -> None:
    walk.ask("body", 5000)
    walk.receive()
    walk.protocol.fail(walk.now)
    assert walk.observer.ends == [EndReason.ERROR]
    for stimulus in (walk.finish, walk.refuse, walk.lose, walk.expire):
        stimulus()
    assert walk.state is State.ABORTED
    walk.end()
