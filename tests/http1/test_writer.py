"""Responses on the wire: heads that can't be split, persistence, and buffers that go out."""

import pytest
from fuzzing.stage import REST, Stage, StagedBody, StagedContent, StagedWindow, pattern

from evloop.http.request import Request
from evloop.http.response import NEVER, Response
from evloop.http1.chunked import COPIED, ChunkedBody
from evloop.http1.head import parse_head
from evloop.http1.states import State
from evloop.http1.writer import JOINED_SIZE, WHOLE_SIZE, Answer, render_head, write
from tests.support.bench import read_body

HEADS: dict[tuple[int, tuple[tuple[bytes, bytes], ...]], bytes] = {
    (200, ()): b"HTTP/1.1 200 OK\r\n\r\n",
    (404, ((b"A", b"b"),)): b"HTTP/1.1 404 Not Found\r\nA: b\r\n\r\n",
    (206, ((b"A", b"b"), (b"C", b""))): b"HTTP/1.1 206 Partial Content\r\nA: b\r\nC: \r\n\r\n",
}

LINE_BREAKS = (b"\r\n", b"\n", b"\r", b"\r\n\r\n", b"x\r\nSet-Cookie: y", b"\r\n\r\n<html>")

JOINED, APART = pattern(JOINED_SIZE), pattern(JOINED_SIZE + 1)
WHOLE, PIECES = pattern(WHOLE_SIZE), pattern(WHOLE_SIZE + 1)


def request(version: bytes = b"1.1", fields: bytes = b"") -> Request:
    return parse_head(b"GET / HTTP/%b\r\nHost: a\r\n%b\r\n" % (version, fields))


def answer_of(data: bytes) -> Answer:
    content = StagedContent(data, Stage())
    return write(Response(200, [], length=len(data), content=content), request())


@pytest.mark.parametrize(("parts", "head"), HEADS.items())
def test_a_head_is_lines_and_an_empty_one(
    parts: tuple[int, tuple[tuple[bytes, bytes], ...]], head: bytes
) -> None:
    status, fields = parts
    assert render_head(status, fields) == head


@pytest.mark.parametrize("breaks", LINE_BREAKS)
def test_no_value_breaks_a_line(breaks: bytes) -> None:
    with pytest.raises(ValueError, match="line break"):
        render_head(200, [(b"Location", b"./a" + breaks)])


@pytest.mark.parametrize("breaks", LINE_BREAKS)
def test_no_name_breaks_a_line(breaks: bytes) -> None:
    with pytest.raises(ValueError, match="line break"):
        render_head(200, [(b"X" + breaks, b"y")])


def test_a_page_goes_out_with_its_head() -> None:
    written = write(Response(404, [], length=4, page=b"page"), request())
    head = b"HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\n"
    assert written.buffers == (head + b"page",)
    assert (written.head_size, written.size) == (len(head), len(head) + 4)


# The version, the fields, and what the Connection field says.
PERSISTENCE: dict[tuple[bytes, bytes], bytes] = {
    (b"1.1", b""): b"",
    (b"1.1", b"Connection: close\r\n"): b"Connection: close\r\n",
    (b"1.0", b""): b"Connection: close\r\n",
    (b"1.0", b"Connection: keep-alive\r\n"): b"Connection: keep-alive\r\n",
    (b"1.1", b"Content-Length: 3\r\n"): b"Connection: close\r\n",
}


@pytest.mark.parametrize(("version", "fields"), PERSISTENCE)
@pytest.mark.parametrize("draining", [False, True])
def test_persistence_is_told_and_kept(version: bytes, fields: bytes, draining: bool) -> None:
    response = Response(204, [], fresh_until=5.0)
    written = write(response, request(version, fields), draining=draining)
    told = b"Connection: close\r\n" if draining else PERSISTENCE[version, fields]
    assert written.head == b"HTTP/1.1 204 No Content\r\n" + told + b"\r\n"
    closes = told == b"Connection: close\r\n"
    assert written.after is (State.LINGERING if closes else State.IDLE)
    # The same head asks to close again; a drain is no reason that a head has.
    assert written.fresh_until == (NEVER if draining else 5.0)


def test_a_response_may_ask_to_be_the_last() -> None:
    assert write(Response(400, [], closes=True), request()).after is State.LINGERING
    assert write(Response(400, []), None).after is State.LINGERING


def test_a_small_content_is_joined_to_its_head() -> None:
    written = answer_of(JOINED)
    assert written.buffers == (written.head + JOINED,)
    assert written.own_size == 2 * len(written.head) + len(JOINED)


@pytest.mark.parametrize("data", [APART, WHOLE], ids=["apart", "whole"])
def test_a_larger_content_is_never_copied(data: bytes) -> None:
    written = answer_of(data)
    head, view = written.buffers
    assert (head, view) == (written.head, data)
    assert isinstance(view, memoryview)
    assert written.own_size == len(written.head)


def test_a_large_content_goes_out_in_pieces_to_each_client() -> None:
    written = answer_of(PIECES)
    assert written.buffers == ()
    one, two = written.new_body(), written.new_body()
    assert one is not two
    assert read_body(one, 100_000) == read_body(two, 100_000) == PIECES


@pytest.mark.parametrize("data", [JOINED[:300], APART], ids=["joined", "apart"])
def test_the_remainder_is_what_was_not_sent(data: bytes) -> None:
    head = answer_of(data).head
    whole = head + data
    for sent in (0, 1, len(head) - 1, len(head), len(head) + 1, len(whole) - 1):
        written = answer_of(data)
        assert written.size == len(whole)
        rest, body = written.remainder(sent)
        assert body is not None
        assert rest + read_body(body) == whole[sent:]


def test_the_remainder_of_a_page_is_bytes() -> None:
    written = write(Response(404, [], length=4, page=b"page"), request())
    assert written.remainder(written.head_size) == (b"page", None)


SIZELESS = {
    (b"1.1", b""): (b"Transfer-Encoding: chunked\r\n", b"5\r\nhello\r\n0\r\n\r\n"),
    (b"1.0", b"Connection: keep-alive\r\n"): (b"Connection: close\r\n", b"hello"),
}


class Hello:
    """`hello`, of a size that nobody knows before the end."""

    def __init__(self) -> None:
        self._rest = b"hello"
        self.is_open = True

    @property
    def remaining(self) -> None:
        return None

    @property
    def done(self) -> bool:
        return not self._rest

    @property
    def is_heavy(self) -> bool:
        return False

    def peek(self) -> bytes:
        return self._rest

    def advance(self, count: int) -> None:
        self._rest = self._rest[count:]

    def close(self) -> None:
        self.is_open = False


@pytest.mark.parametrize(("version", "fields"), SIZELESS)
@pytest.mark.parametrize("step", [1, 1000])
def test_a_body_without_a_size_tells_its_end(version: bytes, fields: bytes, step: int) -> None:
    line, wire = SIZELESS[version, fields]
    source = Hello()
    written = write(Response(200, [], body=source), request(version, fields))
    assert written.head == b"HTTP/1.1 200 OK\r\n" + line + b"\r\n"
    body = written.new_body()
    assert read_body(body, step) == wire
    body.close()
    assert not source.is_open
    assert written.after is (State.IDLE if version == b"1.1" else State.LINGERING)


def test_a_chunk_waits_for_the_disk_like_its_source() -> None:
    body = ChunkedBody(StagedBody(b"hello", "slow", Stage()))
    assert (body.remaining, body.is_heavy) == (None, True)
    shown = [body.peek(), body.peek()]
    assert shown == [REST, b"5\r\nhello"]
    assert read_body(body) == b"5\r\nhello\r\n0\r\n\r\n"


def pieces_of(data: bytes, kind: str = "body") -> list[bytes]:
    """Return what a socket that takes everything is offered of *data* in chunks."""
    source = StagedBody(data, kind, Stage())
    body = ChunkedBody(source)
    found = []
    while not body.done:
        piece = body.peek()
        if isinstance(piece, StagedWindow):
            piece = data[-source.remaining :][: piece.size]
        assert isinstance(piece, bytes | memoryview)
        found.append(bytes(piece))
        body.advance(len(piece))
    return found


def test_a_chunk_takes_one_send() -> None:
    whole = b"3e8\r\n" + bytes(1000)  # a staged body shows so much at once
    assert pieces_of(bytes(2500)) == [
        whole,
        b"\r\n" + whole,
        b"\r\n1f4\r\n" + bytes(500),
        b"\r\n0\r\n\r\n",
    ]


def test_what_the_kernel_sends_by_itself_is_not_copied() -> None:
    pieces = pieces_of(bytes(1500), "window")
    assert pieces == [b"3e8\r\n", bytes(1000), b"\r\n1f4\r\n", bytes(500), b"\r\n0\r\n\r\n"]


def test_only_the_beginning_of_a_large_chunk_is_copied() -> None:
    source = Hello()
    source._rest = bytes(3 * COPIED)
    body = ChunkedBody(source)
    line = b"%x\r\n" % (3 * COPIED)
    assert body.peek() == line + bytes(COPIED)
    body.advance(len(line) + 5)
    assert body.peek() is source._rest
    assert read_body(body, COPIED) == bytes(3 * COPIED - 5) + b"\r\n0\r\n\r\n"


def test_a_response_is_not_fresh_unless_it_says_so() -> None:
    assert Response(200, []).fresh_until <= 0
