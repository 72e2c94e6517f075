"""Attacks: each ends with ENHANCE_YOUR_CALM after a bounded number of frames, and keeps little."""

from collections.abc import Callable, Iterator
from itertools import count

import pytest
from fuzzing.http2_client import request_block
from fuzzing.http2_walk import Http2Walk

from evloop.http.limits import Limits
from evloop.http2 import frames
from evloop.http2.budget import CAPACITY, RESET_COST
from evloop.http2.context import MAX_STREAMS
from evloop.http2.frames import END_HEADERS, END_STREAM, ErrorCode, Setting, frame_header
from evloop.http2.session import MAX_REMEMBERED_RESETS
from evloop.observe.exchange import EndReason

CALM = ErrorCode.ENHANCE_YOUR_CALM
ENOUGH = 20_000
"""Rounds of an attack; each is stopped long before."""
BLOCK = request_block(b"/body/90000")


def frame(kind: int, flags: int, stream_id: int, payload: bytes = b"") -> bytes:
    return frame_header(len(payload), kind, flags, stream_id) + payload


def headers(stream_id: int, flags: int = END_STREAM | END_HEADERS) -> bytes:
    return frame(frames.HEADERS, flags, stream_id, BLOCK)


def streams() -> Iterator[int]:
    return count(1, 2)


def rapid_reset() -> Iterator[bytes]:
    for stream_id in streams():
        yield headers(stream_id) + frames.rst_stream(stream_id, ErrorCode.CANCEL)


def made_you_reset(breach: Callable[[int], bytes]) -> Callable[[], Iterator[bytes]]:
    def attack() -> Iterator[bytes]:
        for stream_id in streams():
            yield headers(stream_id) + breach(stream_id)

    return attack


def again_and_again(*pieces: bytes) -> Callable[[], Iterator[bytes]]:
    def attack() -> Iterator[bytes]:
        while True:
            yield from pieces

    return attack


def continuation() -> Iterator[bytes]:
    yield frame(frames.HEADERS, END_STREAM, 1, BLOCK)
    while True:
        yield frame(frames.CONTINUATION, 0, 1)


def large_continuation() -> Iterator[bytes]:
    yield frame(frames.HEADERS, END_STREAM, 1, BLOCK)
    while True:
        yield frame(frames.CONTINUATION, 0, 1, b"\x00\x01x\x7f\x81\x1e" + b"y" * 4000)


def more_streams_than_allowed() -> Iterator[bytes]:
    yield frames.settings_frame({Setting.INITIAL_WINDOW_SIZE: 0})
    for stream_id in streams():
        yield headers(stream_id)


def one_byte_windows() -> Iterator[bytes]:
    yield frames.settings_frame({Setting.INITIAL_WINDOW_SIZE: 0}) + headers(1)
    while True:
        yield frames.window_update(1, 1)


def endless_body() -> Iterator[bytes]:
    yield headers(1, END_HEADERS)
    while True:
        yield frame(frames.DATA, 0, 1, bytes(16_000))


ATTACKS: dict[str, tuple[Callable[[], Iterator[bytes]], int]] = {
    # What is sent, and after how many rounds it is over, at most.
    "rapid reset (CVE-2023-44487)": (rapid_reset, 250),
    "MadeYouReset by WINDOW_UPDATE of 0 (CVE-2025-8671)": (
        made_you_reset(lambda stream_id: frames.window_update(stream_id, 0)),
        250,
    ),
    "MadeYouReset by DATA behind END_STREAM (CVE-2025-8671)": (
        made_you_reset(lambda stream_id: frame(frames.DATA, 0, stream_id, b"x")),
        250,
    ),
    "MadeYouReset by PRIORITY of a wrong size (CVE-2025-8671)": (
        made_you_reset(lambda stream_id: frame(frames.PRIORITY, 0, stream_id, b"x")),
        250,
    ),
    "MadeYouReset by HEADERS behind END_STREAM (CVE-2025-8671)": (
        made_you_reset(headers),
        250,
    ),
    "MadeYouReset by a window that is too large (CVE-2025-8671)": (
        made_you_reset(lambda stream_id: frames.window_update(stream_id, 2**31 - 1)),
        250,
    ),
    "requests that are none": (
        lambda: (frame(frames.HEADERS, 5, stream_id, b"\x82") for stream_id in streams()),
        250,
    ),
    "CONTINUATION of nothing (CVE-2024-27316)": (continuation, 1100),
    "CONTINUATION without an end (CVE-2024-27316)": (large_continuation, 10),
    "PING (CVE-2019-9512)": (again_and_again(frame(frames.PING, 0, 0, bytes(8))), 1100),
    "PING that are answers": (again_and_again(frame(frames.PING, 1, 0, bytes(8))), 1100),
    "SETTINGS (CVE-2019-9515)": (again_and_again(frames.settings_frame({})), 1100),
    "SETTINGS of many parameters": (
        again_and_again(frame(frames.SETTINGS, 0, 0, b"\x00\x63\0\0\0\0" * 2700)),
        5,
    ),
    "SETTINGS that are answers": (again_and_again(frames.SETTINGS_ACK), 1100),
    "DATA of nothing (CVE-2019-9518)": (
        again_and_again(headers(1, END_HEADERS), *(frame(frames.DATA, 0, 1),) * ENOUGH),
        1100,
    ),
    "a body without an end": (endless_body, 80),
    "PRIORITY (CVE-2019-9513)": (
        again_and_again(frame(frames.PRIORITY, 0, 1, bytes(3) + b"\x03\x10")),
        1100,
    ),
    "PRIORITY_UPDATE": (again_and_again(frame(16, 0, 0, bytes(3) + b"\1u=1")), 1100),
    "WINDOW_UPDATE of the connection": (again_and_again(frames.window_update(0, 1)), 1100),
    "windows of one byte (CVE-2019-9511)": (one_byte_windows, 1100),
    "RST_STREAM of what is over": (
        again_and_again(
            headers(1) + frames.rst_stream(1, ErrorCode.CANCEL),
            *(frames.rst_stream(1, ErrorCode.CANCEL),) * ENOUGH,
        ),
        1100,
    ),
    "GOAWAY": (again_and_again(frames.goaway(0, ErrorCode.NO_ERROR)), 1100),
    "unknown frames": (again_and_again(frame(0x99, 0, 0)), 1100),
    "more streams than allowed": (more_streams_than_allowed, 350),
    "requests behind GOAWAY": (lambda: (headers(stream_id) for stream_id in count(3, 2)), 1200),
}


@pytest.mark.parametrize("name", ATTACKS)
@pytest.mark.parametrize("takes", [True, False], ids=["reads", "never reads"])
def test_an_attack_is_over_soon_and_keeps_little(name: str, takes: bool) -> None:
    attack, most = ATTACKS[name]
    walk = Http2Walk(Limits(idle_timeout=1e6))
    if name == "requests behind GOAWAY":
        walk.ask("late", 10)
        walk.receive()
        walk.finish()
        walk.next_id = 3
    for stream_id in range(1, 2 * ENOUGH, 2):
        walk.client.ask(stream_id, b"")
    sent = 0
    for piece in attack():
        walk.write(piece)
        sent += 1
        # One that takes nothing is not read for long: then nothing more can come of it.
        while walk.receive():
            if takes:
                flush(walk)
        if walk.wire or walk.protocol._session.is_failed or sent > ENOUGH:
            break
    assert sent <= most + 1
    if takes:
        flush(walk)
        assert walk.client.goaway == CALM
    walk.end()
    assert walk.observer.ends.count(EndReason.COMPLETE) <= sent


def flush(walk: Http2Walk) -> None:
    """Let the client take what there is, without looking at bodies: it has not asked for them."""
    while walk.state.interest & 4:
        offered = walk.protocol.outgoing(walk.now)
        if not offered:
            return
        assert isinstance(offered, tuple)
        data = b"".join(offered)
        walk.protocol.sent(len(data), walk.now)
        place = 0
        while place + 9 <= len(data):
            length, kind, _, _ = frames.read_header(data, place)
            if kind == frames.GOAWAY:
                walk.client.goaway = frames.read_long(data[place + 13 :])
            place += 9 + length


def test_a_client_that_breaks_off_now_and_then_is_served_on() -> None:
    walk = Http2Walk()
    for _ in range(1000):
        stream_id = walk.ask("body", 90_000)
        walk.receive()
        walk.reset(stream_id)
        walk.receive_all()
        walk.now += 0.2
    assert walk.client.goaway is None
    walk.end()


def test_as_many_resets_at_once_as_streams_may_be_open_are_twice_allowed() -> None:
    assert CAPACITY / RESET_COST == 2 * MAX_STREAMS


def test_a_client_that_takes_much_may_widen_its_windows_for_each_frame() -> None:
    walk = Http2Walk()
    for _ in range(400):
        stream_id = walk.ask("body", 90_000)
        walk.receive_all()
        while not walk.client.asked[stream_id].is_over:
            before = walk.client.asked[stream_id].got
            walk.widen(0, 16_384)
            walk.widen(stream_id, 16_384)
            walk.receive_all()
            assert walk.client.asked[stream_id].got > before or walk.client.asked[stream_id].is_over
    walk.end()


def test_what_is_remembered_of_resets_has_an_end() -> None:
    walk = Http2Walk()
    for _ in range(500):
        walk.ask("page", 1, (b"X", b"upper case"))
        walk.receive()
        walk.now += 1.0
    assert len(walk.protocol._session._resets) == MAX_REMEMBERED_RESETS
    walk.end()


def test_the_table_of_a_client_goes_when_it_has_read_the_settings() -> None:
    walk = Http2Walk(greets=False)
    walk.write(frames.PREFACE + frames.settings_frame({}))
    block = request_block(b"/page/1") + b"\x40\x01x" + b"\x7f\x81\x1e" + b"y" * 3968
    walk.client.ask(1, b"0")
    walk.write(frame(frames.HEADERS, END_STREAM | END_HEADERS, 1, block))
    walk.receive_all()
    assert walk.protocol.is_heavy
    walk.write(frames.SETTINGS_ACK)
    walk.receive_all()
    assert not walk.protocol.is_heavy
    walk.end()
