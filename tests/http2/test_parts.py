"""Frames, windows, priorities, patience, answers and what is remembered: tables of literals."""

import tracemalloc
from itertools import pairwise

import hpack
import pytest
from fuzzing.stage import Stage, StagedContent

from evloop.http.response import Response
from evloop.http2 import frames
from evloop.http2.budget import CAPACITY, PER_SECOND, Budget
from evloop.http2.flow import RETURNED_SIZE, WindowError, Windows, widened
from evloop.http2.frames import (
    END_HEADERS,
    END_STREAM,
    INITIAL_WINDOW,
    MAX_FRAME_SIZE,
    MAX_WINDOW,
    ConnectionFaultError,
    ErrorCode,
)
from evloop.http2.memo import MAX_BLOCK_SIZE, MAX_BYTES, Known, Memo
from evloop.http2.schedule import Schedule, parse_priority
from evloop.http2.streams import (
    PLAIN,
    PROGRESS,
    STREAM_TRANSITIONS,
    Event,
    Priority,
    Progress,
    Stream,
    StreamState,
)
from evloop.http2.writer import JOINED_SIZE, NOT_WHOLE, write
from tests.http2.raw import split

# Frames


def test_a_header_is_read_as_it_is_written() -> None:
    for length in (0, 1, 255, 65_536, 2**24 - 1):
        header = frames.frame_header(length, 7, 0xFF, 2**31 - 1)
        assert frames.read_header(b"x" + header, 1) == (length, 7, 0xFF, 2**31 - 1)
        prefix = frames.frame_prefix(length, 7, 0xFF)
        assert prefix + frames.stream_id_bytes(2**31 - 1) == header


PADDING = {
    (0, b"abc"): b"abc",
    (frames.PADDED, b"\0abc"): b"abc",
    (frames.PADDED, b"\x02abc"): b"a",
    (frames.PADDED, b"\x03abc"): b"",
    (frames.PADDED, b"\0"): b"",
}


@pytest.mark.parametrize(("flags", "payload"), PADDING)
def test_padding_is_taken_off(flags: int, payload: bytes) -> None:
    assert frames.without_padding(flags, payload) == PADDING[flags, payload]


@pytest.mark.parametrize("payload", [b"", b"\x01", b"\x04abc", b"\xff"])
def test_more_padding_than_payload_is_wrong(payload: bytes) -> None:
    with pytest.raises(ConnectionFaultError):
        frames.without_padding(frames.PADDED, payload)


@pytest.mark.parametrize("size", [1, MAX_FRAME_SIZE, MAX_FRAME_SIZE + 1, 3 * MAX_FRAME_SIZE])
def test_a_large_head_is_continued(size: int) -> None:
    found, rest = split(frames.header_frames(bytes(size), 5, END_STREAM))
    assert not rest
    assert b"".join(each.payload for each in found) == bytes(size)
    assert found[0].kind == frames.HEADERS
    assert found[0].flags & END_STREAM
    assert all(each.kind == frames.CONTINUATION for each in found[1:])
    assert [bool(each.flags & END_HEADERS) for each in found] == [False] * (len(found) - 1) + [True]


# Windows


def test_a_window_has_an_end() -> None:
    assert widened(-5, MAX_WINDOW) == MAX_WINDOW - 5
    assert widened(0, MAX_WINDOW) == MAX_WINDOW
    with pytest.raises(WindowError):
        widened(1, MAX_WINDOW)


def test_what_was_received_is_given_back_in_large_pieces() -> None:
    windows = Windows()
    assert windows.receive(RETURNED_SIZE - 1) == 0
    assert windows.receive(1) == RETURNED_SIZE
    assert windows.receive(RETURNED_SIZE - 1) == 0
    assert RETURNED_SIZE + MAX_FRAME_SIZE < INITIAL_WINDOW


# Priorities

PRIORITIES = {
    b"": Priority(3, False),
    b"u=0": Priority(0, False),
    b"u=7, i": Priority(7, True),
    b"i,u=1": Priority(1, True),
    b"i=?1": Priority(3, True),
    b"i=?0": Priority(3, False),
    b"u=5;x=1, i;y": Priority(5, True),
    b"u=1, u=2": Priority(2, False),
    b"u=8": Priority(3, False),
    b"u=-1": Priority(3, False),
    b"u=1.0": Priority(3, False),
    b"U=1, I": Priority(3, False),
    b"xu=1": Priority(3, False),
    b"\xff": Priority(3, False),
    b"a, " * 30 + b"u=1": Priority(3, False),
}


@pytest.mark.parametrize("value", PRIORITIES)
def test_what_a_priority_says(value: bytes) -> None:
    assert parse_priority(value) == PRIORITIES[value]


def stream(number: int, priority: Priority = PLAIN) -> Stream:
    return Stream(number, StreamState.HALF_CLOSED, 100, priority)


def turns(priorities: dict[int, Priority], count: int) -> list[int]:
    """Return who is first, *count* times."""
    schedule = Schedule()
    for number, priority in priorities.items():
        schedule.put(stream(number, priority))
    order = []
    for _ in range(count):
        first = schedule.ready[0]
        order.append(first.id)
        schedule.served(first)
    return order


def test_those_who_say_nothing_take_turns() -> None:
    assert turns({1: PLAIN, 3: PLAIN, 5: PLAIN}, 6) == [1, 3, 5, 1, 3, 5]


def test_the_more_urgent_go_first() -> None:
    assert turns({1: PLAIN, 3: Priority(1, True), 5: Priority(1, True)}, 4) == [3, 5, 3, 5]


def test_one_that_is_not_incremental_keeps_its_turn() -> None:
    assert turns({1: Priority(3, False), 3: Priority(3, False)}, 3) == [1, 1, 1]
    assert turns({1: PLAIN, 3: Priority(3, False)}, 4) == [1, 3, 3, 3]


# States


def test_the_tables_lead_from_the_start_to_the_end_and_nowhere_else() -> None:
    assert set(STREAM_TRANSITIONS) == set(StreamState)
    assert set(PROGRESS) == set(Progress)
    for events in STREAM_TRANSITIONS.values():
        assert set(events) <= set(Event)
        assert set(events.values()) <= set(StreamState)
    assert not STREAM_TRANSITIONS[StreamState.CLOSED]
    assert not PROGRESS[Progress.OVER]


@pytest.mark.parametrize("event", Event)
def test_nothing_moves_a_stream_that_is_closed(event: Event) -> None:
    one = stream(1)
    one.apply(Event.RESET)
    with pytest.raises(KeyError):
        one.apply(event)


# Patience


def test_patience_comes_back_with_time_and_has_an_end() -> None:
    budget = Budget(0.0)
    assert budget.spend(CAPACITY, 0.0)
    assert not budget.spend(1.0, 0.0)
    assert budget.spend(PER_SECOND * 2 - 1.0, 2.0)
    assert not budget.spend(CAPACITY + 1, 1e9)
    budget.earn(1e9)
    assert budget.spend(CAPACITY, 1e9)
    assert not budget.spend(1.0, 1e9)


# Answers


def test_a_small_answer_is_one_buffer_with_the_stream_in_it() -> None:
    content = StagedContent(b"x" * 100, Stage())
    answer = write(Response(200, [(b"ETag", b'"a"')], length=100, content=content))
    for number in (1, 2**31 - 1):
        found, rest = split(answer.whole(number))
        assert not rest
        assert [(each.kind, each.stream_id) for each in found] == [
            (frames.HEADERS, number),
            (frames.DATA, number),
        ]
        fields = hpack.Decoder().decode(found[0].payload, raw=True)
        assert [tuple(field) for field in fields] == [
            (b":status", b"200"),
            (b"etag", b'"a"'),
            (b"content-length", b"100"),
        ]
        assert found[1].payload == b"x" * 100
        assert found[1].flags == END_STREAM


@pytest.mark.parametrize(
    ("size", "is_whole"), [(0, True), (1, True), (JOINED_SIZE, True), (JOINED_SIZE + 1, False)]
)
def test_a_large_answer_is_sent_in_pieces(size: int, is_whole: bool) -> None:
    answer = write(Response(200, [], length=size, page=bytes(size)))
    assert (answer.whole_size != NOT_WHOLE) == is_whole
    assert answer.has_payload == (size > 0)
    body = answer.new_body()
    assert (body.remaining, body.is_heavy, body.peek()) == (size, False, bytes(size))
    body.close()
    assert body.done


def test_an_answer_without_a_body_ends_with_its_head() -> None:
    answer = write(Response(304, [(b"ETag", b'"a"')]))
    for data in (answer.whole(1), answer.head(1)):
        (found,), _ = split(data)
        assert found.flags == END_STREAM | END_HEADERS
        assert found.kind == frames.HEADERS


@pytest.mark.parametrize("value", [b"a\r\nb", b"a\nb", b"a\0b"])
def test_a_line_break_in_a_field_is_a_defect(value: bytes) -> None:
    with pytest.raises(ValueError, match="line break"):
        write(Response(200, [(b"Location", value)]))


# What is remembered


def known(number: int = 0, fresh_until: float = 2.0) -> Known:
    response = Response(200, [(b"X", b"%0300d" % number)], page=b"p", fresh_until=fresh_until)
    return Known(write(response), b"", PLAIN)


def test_a_block_is_known_while_its_answer_is_fresh() -> None:
    memo = Memo()
    memo.remember(b"a", known(), 1.0)
    assert memo.recall(b"a", 1.9) is not None
    assert memo.recall(b"a", 2.0) is None
    assert memo.recall(b"b", 1.0) is None
    memo.remember(b"c", known(), 2.0)
    memo.remember(b"x" * (MAX_BLOCK_SIZE + 1), known(), 1.0)
    assert len(memo) == 1


def test_what_was_written_goes_with_its_response() -> None:
    memo = Memo()
    response = Response(200, [], page=b"p", is_shared=True)
    memo.keep(response, write(response))
    assert memo.written(response) is not None
    memo.forget(response)
    assert memo.written(response) is None
    memo.keep(response, write(response))
    memo.clear()
    assert memo.written(response) is None


def test_all_that_is_remembered_has_an_end() -> None:
    memo = Memo()
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        sizes = []
        for number in range(5000):
            memo.remember(b"%0100d" % number, known(number), 1.0)
            sizes.append(tracemalloc.get_traced_memory()[0] - before)
    finally:
        tracemalloc.stop()
    assert any(later < earlier // 2 for earlier, later in pairwise(sizes))  # it was emptied
    assert MAX_BYTES // 4 < max(sizes) <= MAX_BYTES


def test_error_codes_are_those_of_the_rfc() -> None:
    assert [code.value for code in ErrorCode] == list(range(14))
