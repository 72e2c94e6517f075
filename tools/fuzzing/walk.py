"""One Http1Protocol on its way through stimuli of any kind, and what must hold after each.

A walk carries bytes as a connection does: it reads only in the states that wait for bytes
and no more than there is room for, and sends what is offered, in whatever pieces it is told.
"""

from evloop.http.response import Buffer, Window
from evloop.http1.context import Context, Limits
from evloop.http1.headcache import HeadCache
from evloop.http1.protocol import Http1Protocol
from evloop.http1.states import FINAL, TRANSITIONS, State
from evloop.net.protocol import READ
from evloop.observe.exchange import EndReason, Exchange
from fuzzing.stage import ProtocolViolationError, Stage, StagedWindow

PEER = "192.0.2.1"
READING = frozenset(state for state in State if state.interest == READ)

# Beside the request, which is limited by itself: the head and the page of one response.
_MAX_RESPONSE_HEAD = 120 * 1024
_MAX_SENDS = 100_000


class Ends:
    """An observer that remembers how responses ended."""

    def __init__(self, *, logs: bool = True) -> None:
        self.logs = logs
        self.responses = 0
        self.refusals = 0
        self.bytes_sent = 0
        self.tls_hellos = 0
        self.exchanges: list[Exchange] = []
        self.ends: list[EndReason] = []

    def ended(
        self, peer: str, exchange: Exchange | None, end: EndReason, now: float, why: str
    ) -> None:
        self.ends.append(end)
        if exchange is not None:
            self.exchanges.append(exchange)


class TracedProtocol(Http1Protocol):
    """A protocol whose every change of state is held against the table."""

    __slots__ = ("edges", "traced")

    def __init__(self, context: Context, peer: str, now: float) -> None:
        self.edges: set[tuple[State, State]] = set()
        self.traced: State | None = None
        super().__init__(context, peer, now)

    @property
    def state(self) -> State:
        assert self.traced is not None
        return self.traced

    @state.setter
    def state(self, state: State) -> None:
        if self.traced is not None:
            self.note(self.traced, state)
        self.traced = state

    def note(self, before: State, after: State) -> None:
        """Remember an edge that was taken."""
        if after not in TRANSITIONS[before]:
            raise ProtocolViolationError(f"{before.name} -> {after.name} is not in the table")
        self.edges.add((before, after))


class Walk:
    """Drives a protocol. `got` is what its client has received, `wire` what is on its way."""

    def __init__(
        self,
        stage: Stage | None = None,
        limits: Limits | None = None,
        memo: HeadCache | None = None,
        *,
        logs: bool = True,
    ) -> None:
        self.stage = stage or Stage()
        self.limits = limits or Limits()
        self.observer = Ends(logs=logs)
        memo = HeadCache() if memo is None else memo
        self.context = Context(self.stage, self.observer, memo, self.limits)
        self.now = 1000.0
        self.protocol = TracedProtocol(self.context, PEER, self.now)
        self.wire = b""
        self.got = bytearray()

    @property
    def state(self) -> State:
        return self.protocol.state

    # Stimuli

    def write(self, data: bytes) -> None:
        """Put *data* on the wire; receive() takes it off."""
        self.wire += data

    def receive(self, limit: int | None = None) -> None:
        """Let the protocol have up to *limit* bytes of the wire, if it reads now."""
        protocol = self.protocol
        before = protocol.state
        count = min(protocol.room if limit is None else limit, protocol.room)
        data, self.wire = self.wire[:count], self.wire[count:]
        if not data or before not in READING:
            self.wire = data + self.wire
            return
        deadline, responses = protocol.deadline, self.observer.responses
        protocol.receive_data(data, self.now)
        waits_on = before is protocol.state and responses == self.observer.responses
        if before is not State.IDLE and waits_on and protocol.deadline != deadline:
            raise ProtocolViolationError(f"a trickle has moved the deadline of {before.name}")
        self._check(before)

    def receive_eof(self) -> None:
        before = self.state
        if before in READING:
            self.protocol.receive_eof(self.now)
        self._check(before)

    def send(self, limit: int | None = None) -> bool:
        """Let the client have up to *limit* bytes; return whether anything was offered."""
        protocol, before = self.protocol, self.state
        if before is not State.SENDING:
            return False
        offered = protocol.outgoing(self.now)
        if offered == ():
            if protocol.state is State.SENDING:
                raise ProtocolViolationError("sending, and nothing to send")
            self._check(before)
            return False
        data = _bytes_of(offered)
        if not data:
            raise ProtocolViolationError("an empty piece was offered: the loop would spin")
        taken = data if limit is None else data[:limit]
        deadline = protocol.deadline
        self.got += taken
        protocol.sent(len(taken), self.now)
        if not taken and protocol.state is State.SENDING and protocol.deadline != deadline:
            raise ProtocolViolationError("a deadline moved without progress")
        self._check(before)
        return True

    def expire(self) -> None:
        """Let the clock reach the deadline of the present state."""
        before = self.state
        self.now = max(self.now, self.protocol.deadline)
        self.protocol.expire(self.now)
        self._check(before)

    def resume(self) -> None:
        """Tell that the file has come that a request waits for."""
        before = self.state
        self.protocol.resume(self.now)
        self._check(before)

    def refuse(self) -> None:
        """Have no room for the connection, as a full server does."""
        before = self.state
        self.protocol.refuse(self.now)
        self._check(before)

    def finish(self) -> None:
        """Let the server stop."""
        before = self.state
        self.stage.draining = True
        self.context.drain()
        self.protocol.finish(self.now)
        self._check(before)

    def lose(self) -> None:
        """Let the peer be gone."""
        before = self.state
        self.protocol.lost(ConnectionResetError(), self.now)
        self._check(before)

    def shut_down(self) -> None:
        before = self.state
        self.protocol.shut_down(self.now)
        self._check(before)

    # Longer ways

    def drain(self, limit: int | None = None) -> None:
        """Send, and rest, until the client has all that is to be had for now."""
        for _ in range(_MAX_SENDS):
            if not self.send(limit):
                if self.state is State.WAITING_FILE:
                    self.resume()
                elif self.state is State.WAITING_DISK:
                    self.expire()
                else:
                    return
        raise ProtocolViolationError("it never ends")

    def exchange(self, data: bytes, step: int | None = None) -> None:
        """Bring *data* across, at most *step* bytes at a time, and all that it leads to."""
        self.write(data)
        while self.wire and self.state not in FINAL:
            self.receive(step)
            self.drain()

    def end(self) -> None:
        """Bring the connection to its end, and see that nothing is left of it."""
        self.receive_eof()
        self.lose()
        protocol = self.protocol
        if protocol.state not in FINAL:
            raise ProtocolViolationError("there is no end")
        if self.stage.open_bodies or protocol.body is not None:
            raise ProtocolViolationError(f"{self.stage.open_bodies} bodies were never closed")
        if protocol.buffered:
            raise ProtocolViolationError(f"{protocol.buffered} bytes are kept after the end")

    # What must hold

    def _check(self, before: State) -> None:
        protocol = self.protocol
        room = 2 * (self.limits.max_head_size + 1) + _MAX_RESPONSE_HEAD
        if protocol.buffered > room:
            raise ProtocolViolationError(f"{protocol.buffered} bytes are buffered")
        if protocol.room < (protocol.state in READING):
            raise ProtocolViolationError("unanswered requests beyond the limit")
        if not self.stage.promised.startswith(self.got):
            raise ProtocolViolationError("the client got what was not promised")
        if protocol.state in FINAL and protocol.outgoing(self.now) != ():
            raise ProtocolViolationError("something to send after the end")


def _bytes_of(offered: tuple[Buffer, ...] | Window) -> bytes:
    if isinstance(offered, tuple):
        return b"".join(offered)
    assert isinstance(offered, StagedWindow)
    return offered.data
