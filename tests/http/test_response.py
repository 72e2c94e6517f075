"""Responses as values: heads that can't be split, and buffers that are what goes out."""

import pytest
from fuzzing.stage import Stage, StagedContent, pattern

from evloop.http.response import JOINED_SIZE, Response, render_head
from evloop.http1.states import State
from tests.support.bench import read_body

HEAD = b"HTTP/1.1 200 OK\r\n\r\n"

HEADS: dict[tuple[int, tuple[tuple[bytes, bytes], ...]], bytes] = {
    (200, ()): b"HTTP/1.1 200 OK\r\n\r\n",
    (404, ((b"A", b"b"),)): b"HTTP/1.1 404 Not Found\r\nA: b\r\n\r\n",
    (206, ((b"A", b"b"), (b"C", b""))): b"HTTP/1.1 206 Partial Content\r\nA: b\r\nC: \r\n\r\n",
}

LINE_BREAKS = (b"\r\n", b"\n", b"\r", b"\r\n\r\n", b"x\r\nSet-Cookie: y", b"\r\n\r\n<html>")

SMALL, JOINED, LARGE = pattern(300), pattern(JOINED_SIZE), pattern(JOINED_SIZE + 1)


def response_of(data: bytes) -> Response:
    content = StagedContent(data, Stage())
    return Response(200, HEAD, State.IDLE, content=content, prepared=True)


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
    response = Response(404, HEAD, State.IDLE, page=b"page")
    assert response.buffers == (HEAD + b"page",)
    assert (response.head_size, response.size) == (len(HEAD), len(HEAD) + 4)


def test_a_small_prepared_content_is_joined_to_its_head() -> None:
    assert response_of(JOINED).buffers == (HEAD + JOINED,)


def test_a_large_content_is_never_copied() -> None:
    head, view = response_of(LARGE).buffers
    assert (head, view) == (HEAD, LARGE)
    assert isinstance(view, memoryview)


def test_a_content_is_not_copied_for_one_request() -> None:
    content = StagedContent(SMALL, Stage())
    head, view = Response(200, HEAD, State.IDLE, content=content).buffers
    assert (head, view) == (HEAD, SMALL)
    assert isinstance(view, memoryview)


@pytest.mark.parametrize("data", [SMALL, LARGE], ids=["joined", "apart"])
def test_the_rest_is_what_was_not_sent(data: bytes) -> None:
    whole = HEAD + data
    for sent in (0, 1, len(HEAD) - 1, len(HEAD), len(HEAD) + 1, len(whole) - 1):
        response = response_of(data)
        assert response.size == len(whole)
        head, body = response.remainder(sent)
        assert body is not None
        assert head + read_body(body) == whole[sent:]


def test_the_rest_of_a_page_is_bytes() -> None:
    response = Response(404, HEAD, State.IDLE, page=b"page")
    assert response.remainder(len(HEAD)) == (b"page", None)


def test_a_response_is_not_fresh_unless_it_says_so() -> None:
    assert Response(200, HEAD, State.IDLE).fresh_until <= 0
