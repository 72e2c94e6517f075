"""Conversations with a protocol: what a client sends in pieces, and all that it gets."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from fuzzing.walk import PEER, Ends

from evloop.http.responder import Responder
from evloop.http1.context import Context, Limits
from evloop.http1.headcache import HeadCache
from evloop.http1.protocol import Http1Protocol
from evloop.http1.states import FINAL, State
from evloop.http1.writer import Answer

_MAX_STEPS = 10_000


class Outcome(NamedTuple):
    """All bytes that a client got, and the state of its connection then."""

    got: bytes
    state: State


class Forgetful(HeadCache):
    """A memo that never knows an answer: every request goes the slow way."""

    def recall(self, head: bytes, now: float) -> Answer | None:
        return None


def context_of(
    responder: Responder, memo: HeadCache | None = None, limits: Limits | None = None
) -> Context:
    return Context(
        responder, Ends(logs=False), Forgetful() if memo is None else memo, limits or Limits()
    )


def converse(context: Context, pieces: Iterable[bytes], now: float = 0.0) -> Outcome:
    """Bring *pieces* to a new connection one after the other, and take all it sends."""
    protocol = Http1Protocol(context, PEER, now)
    got = b""
    for piece in pieces:
        while piece and protocol.state not in FINAL:
            room = protocol.room
            protocol.receive_data(piece[:room], now)
            piece = piece[room:]
            got += drain(protocol, now)
    outcome = Outcome(got, protocol.state)
    protocol.receive_eof(now)
    assert protocol.body is None
    return outcome


def drain(protocol: Http1Protocol, now: float) -> bytes:
    """Take all that *protocol* has to send now."""
    got = b""
    for _ in range(_MAX_STEPS):
        if protocol.state is State.WAITING_FILE:
            protocol.resume(now)
        if protocol.state is State.WAITING_DISK:
            protocol.expire(now)
        if protocol.state is not State.SENDING:
            return got
        offered = protocol.outgoing(now)
        assert isinstance(offered, tuple)
        data = b"".join(offered)
        got += data
        protocol.sent(len(data), now)
    raise AssertionError("it never ends")


def cuts(data: bytes) -> Iterator[list[bytes]]:
    """Yield *data* in two pieces, cut at every place."""
    for place in range(1, len(data)):
        yield [data[:place], data[place:]]


def single_bytes(data: bytes) -> list[bytes]:
    return [data[place : place + 1] for place in range(len(data))]
