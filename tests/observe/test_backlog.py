"""Bytes that wait to be written: in order, in pieces, and in little memory."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evloop.observe.backlog import SEGMENT_SIZE, Backlog

LINES = b"one\ntwo\nthree\n"


@pytest.mark.parametrize(
    ("limit", "expected"),
    [
        (1, b"o"),
        (3, b"one"),
        (4, b"one\n"),
        (7, b"one\n"),
        (8, b"one\ntwo\n"),
        (13, b"one\ntwo\n"),
        (14, LINES),
        (100, LINES),
    ],
)
def test_lines_are_kept_whole_where_they_fit(limit: int, expected: bytes) -> None:
    backlog = Backlog()
    backlog.append(LINES)
    assert backlog.first(limit) == expected


@given(
    st.lists(
        st.tuples(st.integers(0, SEGMENT_SIZE + 10), st.integers(1, 2 * SEGMENT_SIZE)), max_size=20
    )
)
def test_what_goes_in_comes_out_in_order(steps: list[tuple[int, int]]) -> None:
    backlog, put, taken = Backlog(), b"", b""
    for number, (size, limit) in enumerate(steps):
        line = bytes([number]) * size
        backlog.append(line)
        put += line
        piece = backlog.first(limit)
        assert len(piece) <= limit
        assert piece or not len(backlog)
        if piece:
            backlog.remove(len(piece))
        taken += piece
        assert len(backlog) == len(put) - len(taken)
    assert taken + backlog.clear() == put
    assert len(backlog) == 0
    assert backlog.first(1) == b""
