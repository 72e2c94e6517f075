"""Where a request head ends: the same place, and the same verdict, however it was cut."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evloop.http.request import RequestError
from evloop.http1.framing import split_head
from evloop.http1.head import is_hopeless

MAX_SIZE = 40
HEAD = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"

# What has come, the first head in it, and what follows that.
SPLIT = {
    b"": (b"", b""),
    b"G": (b"", b"G"),
    b"GET / HTTP/1.1\r\nHost: a\r\n": (b"", b"GET / HTTP/1.1\r\nHost: a\r\n"),
    b"GET / HTTP/1.1\r\nHost: a\r\n\r": (b"", b"GET / HTTP/1.1\r\nHost: a\r\n\r"),
    HEAD: (HEAD, b""),
    HEAD + b"x": (HEAD, b"x"),
    HEAD + HEAD: (HEAD, HEAD),
    HEAD + b"\r\n": (HEAD, b"\r\n"),
    HEAD + b"\0": (HEAD, b"\0"),  # the next head is judged in its turn
    b"\r": (b"", b"\r"),
    b"\r\n": (b"", b""),
    b"\r\n\r\n": (b"", b""),
    b"\r\n\r": (b"", b"\r"),
    b"\r\n" + HEAD: (HEAD, b""),
    b"\r\n" * 500 + HEAD + b"x": (HEAD, b"x"),
    b"\r\nG": (b"", b"G"),
    b"no request\r\n\r\nx": (b"no request\r\n\r\n", b"x"),  # that is for the parser to say
    b"x" * MAX_SIZE: (b"", b"x" * MAX_SIZE),
    b"x" * (MAX_SIZE - 4) + b"\r\n\r\n": (b"x" * (MAX_SIZE - 4) + b"\r\n\r\n", b""),
}

REFUSED = {
    # what can't become a request
    b"\0": 400,
    b"\n": 400,
    b"\r\n\n": 400,
    b"\rG": 400,
    b" GET": 400,
    b"G\n": 400,
    b"GET / HTTP/1.1\nHost": 400,
    b"GET / HTTP/1.1\r\n\nHost": 400,
    b"\x16\x03\x01": 400,
    # too large, before the end has come and after
    b"x" * (MAX_SIZE + 1): 414,
    b"x" * (MAX_SIZE - 1) + b"\r\n": 414,
    b"x" * (MAX_SIZE - 2) + b"\r\n" + b"x": 431,
    b"GET / HTTP/1.1\r\n" + b"x" * MAX_SIZE: 431,
    b"x" * MAX_SIZE + b"\r\n\r\n": 414,
    b"x" * (MAX_SIZE - 3) + b"\r\n\r\n": 431,
    b"GET / HTTP/1.1\r\n" + b"x" * MAX_SIZE + b"\r\n\r\n": 431,
    # both: what is foul within the limit is foul, behind it nobody has looked
    b"x\n" + b"x" * MAX_SIZE: 400,
    b"x\n" + b"x" * MAX_SIZE + b"\r\n\r\n": 400,
    b" " * (MAX_SIZE + 1): 400,
    b"x" * MAX_SIZE + b"\n": 400,
    b"x" * (MAX_SIZE + 1) + b"\n": 414,
}


def verdict(received: bytes) -> tuple[bytes, bytes] | int:
    """Return the head and what follows, or the status of the refusal.

    A whole head that is hopeless is refused by the parser, in parts it is refused here.
    """
    try:
        head, rest = split_head(received, 0, MAX_SIZE)
    except RequestError as refusal:
        return refusal.status
    return 400 if head and is_hopeless(head) else (head, rest)


def verdict_byte_by_byte(data: bytes) -> tuple[bytes, bytes] | int:
    """Like verdict(), of bytes that come one after the other."""
    kept = b""
    try:
        for place in range(len(data)):
            searched = len(kept)
            head, kept = split_head(kept + data[place : place + 1], searched, MAX_SIZE)
            if head:
                return head, data[place + 1 :]
    except RequestError as refusal:
        return refusal.status
    return b"", kept


@pytest.mark.parametrize(("received", "expected"), SPLIT.items())
def test_a_head_ends_with_its_empty_line(received: bytes, expected: tuple[bytes, bytes]) -> None:
    assert verdict(received) == expected


@pytest.mark.parametrize(("received", "status"), REFUSED.items())
def test_what_is_foul_or_too_large_is_refused(received: bytes, status: int) -> None:
    assert verdict(received) == status


@pytest.mark.parametrize("data", [*SPLIT, *REFUSED])
def test_a_table_holds_byte_by_byte(data: bytes) -> None:
    assert verdict_byte_by_byte(data) == verdict(data)


_PIECES = st.sampled_from(
    [b"\r\n", b"\r", b"\n", b"\r\n\r\n", b"G", b" ", b"\0", b"x" * 20, b"x" * 39, HEAD]
)


@given(st.lists(_PIECES, max_size=8).map(b"".join))
def test_the_verdict_holds_byte_by_byte(data: bytes) -> None:
    assert verdict_byte_by_byte(data) == verdict(data)


@pytest.mark.parametrize("place", range(1, len(HEAD)))
def test_an_end_that_was_cut_is_found(place: int) -> None:
    assert split_head(HEAD, place, MAX_SIZE) == (HEAD, b"")
