"""What a server must do in a case, and how that is seen from outside."""

from collections.abc import Callable
from typing import NamedTuple

from evloop.http2.frames import (
    ACK,
    DATA,
    END_STREAM,
    GOAWAY,
    HEADERS,
    PING,
    RST_STREAM,
    ErrorCode,
)
from tests.http2.raw import Frame, RawClient, frame

_END = b"the end?"

Check = Callable[[RawClient], str]
"""Returns what is wrong; empty: nothing."""


class Case(NamedTuple):
    """*name* begins with the section of RFC 9113. *act* sends, and looks at what comes."""

    name: str
    act: Check
    greets: bool = True


def _until(client: RawClient, wanted: Callable[[Frame], bool]) -> Frame | None:
    try:
        return client.wait_for(wanted)
    except TimeoutError:
        return None


def _is_answer_to_ping(found: Frame) -> bool:
    return found.kind == PING and bool(found.flags & ACK) and found.payload == _END


def connection_error(data: bytes, *codes: ErrorCode) -> Check:
    """Expect GOAWAY with one of *codes*, and the end, after *data*."""

    def act(client: RawClient) -> str:
        client.send(data)
        found = _until(client, lambda each: each.kind == GOAWAY)
        if found is None:
            return "closed without GOAWAY" if client.is_over else "nothing happened"
        if codes and found.code not in codes:
            return f"GOAWAY with {found.code}"
        _until(client, lambda each: False)
        return "" if client.is_over else "not closed"

    return act


def stream_error(data: bytes, stream_id: int, *codes: ErrorCode) -> Check:
    """Expect RST_STREAM with one of *codes*; an error of the connection is right too (5.4.1)."""

    def act(client: RawClient) -> str:
        client.send(data)

        def ends(each: Frame) -> bool:
            is_reset = each.kind == RST_STREAM and each.stream_id == stream_id
            return each.kind == GOAWAY or (is_reset and each.code != ErrorCode.NO_ERROR)

        found = _until(client, ends)
        if found is None:
            return "closed without a word" if client.is_over else "nothing happened"
        return "" if found.code in codes else f"ended with {found.code}"

    return act


def answered(data: bytes, stream_id: int = 1, *statuses: int) -> Check:
    """Expect a response, whole, with one of *statuses* (200 without any)."""

    def act(client: RawClient) -> str:
        client.send(data)
        return expect_answer(client, stream_id, *statuses)

    return act


def expect_answer(client: RawClient, stream_id: int = 1, *statuses: int) -> str:
    """Return what is wrong with the response that comes next on a stream."""
    status = b""
    while True:
        try:
            found = client.receive()
        except TimeoutError:
            return "no answer" if not status else "an answer without an end"
        if found is None:
            return "closed"
        if found.kind == HEADERS:
            fields = dict(client.decoder.decode(found.payload, raw=True))
            if found.stream_id == stream_id:
                status = fields[b":status"]
        if found.kind == GOAWAY:
            return f"GOAWAY with {found.code}"
        if found.stream_id != stream_id:
            continue
        if found.kind == RST_STREAM:
            return f"reset with {found.code}"
        if found.kind in {HEADERS, DATA} and found.flags & END_STREAM:
            return "" if int(status) in (statuses or (200,)) else f"status {int(status)}"


def alive(data: bytes) -> Check:
    """Expect that nothing ends, and that the connection is of use."""

    def act(client: RawClient) -> str:
        client.send(data + frame(PING, payload=_END))
        return expect_alive(client)

    return act


def expect_alive(client: RawClient) -> str:
    """Return what is wrong: the PING behind what was sent is to be answered."""

    def ends(each: Frame) -> bool:
        is_reset = each.kind == RST_STREAM and each.code != ErrorCode.NO_ERROR
        return each.kind == GOAWAY or is_reset or _is_answer_to_ping(each)

    found = _until(client, ends)
    if found is None:
        return "closed" if client.is_over else "nothing happened"
    return "" if found.kind == PING else f"ended with {found.code}"


def probe() -> bytes:
    """Return the PING that expect_alive() waits for."""
    return frame(PING, payload=_END)
