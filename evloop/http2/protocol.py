"""The server side of one HTTP/2 connection, without the connection (see net/protocol.py)."""

from collections.abc import Callable
from math import inf
from typing import Final

from evloop.http.limits import MinRate
from evloop.http.pace import PacedBody
from evloop.http.response import Body, Buffer, Window
from evloop.http2.context import Context
from evloop.http2.frames import ErrorCode
from evloop.http2.receiving import Receiver
from evloop.http2.sending import Sender, lose_source
from evloop.http2.session import Session
from evloop.http2.states import FINAL, TRANSITIONS, WITH_STREAMS, State
from evloop.http2.streams import Progress
from evloop.http2.waiting import Waiting
from evloop.net.protocol import Security
from evloop.observe.exchange import EndReason

# Names of the module are quicker to reach than members of an enum.
_PREFACE, _IDLE, _PARTIAL = State.PREFACE, State.IDLE, State.PARTIAL
_SENDING, _FLUSHING = State.SENDING, State.FLUSHING
_RESTING, _DEAF_RESTING = State.RESTING, State.DEAF_RESTING
_LINGERING, _CLOSED, _ABORTED = State.LINGERING, State.CLOSED, State.ABORTED

FLUSH_SIZE: Final = 1024
"""Bytes of answers that the socket did not take, beyond which nothing is read before it does."""


class Http2Protocol:
    """One connection's streams.

    `since` is when the present state was entered or, while sending, when the socket last took
    something.
    """

    __slots__ = (
        "_check_at",
        "_context",
        "_has_ended",
        "_min_rate",
        "_receiver",
        "_sender",
        "_session",
        "_waiting",
        "peer",
        "since",
        "state",
    )

    def __init__(
        self, context: Context, peer: str, now: float, security: Security | None = None
    ) -> None:
        self._context = context
        self._session = Session(context, peer, now, security)
        self._waiting = Waiting(self._session)
        self._receiver = Receiver(self._session, self._waiting, now)
        self._sender = Sender(self._session)
        self.peer = peer
        self.state = _PREFACE
        self.since = now
        self._check_at = inf  # when streams are looked at whose time may be over
        self._has_ended = False  # the client's side
        self._min_rate: MinRate | None = None

    @property
    def deadline(self) -> float:
        state = self.state
        if state is _IDLE:
            return self.since + self._context.limits.idle_timeout
        if state is _PREFACE or state is _PARTIAL:
            return self._receiver.pending_since + self._context.limits.head_timeout
        return self._session.rests_until if state.is_brief else self._check_at

    @property
    def bodies(self) -> list[Body]:
        """The bodies that are being sent, as far as they are kept from one turn to another."""
        streams = list(self._session.streams.values())
        bodies = [stream.body for stream in streams if stream.body is not None]
        return [body.source if isinstance(body, PacedBody) else body for body in bodies]

    @property
    def streams(self) -> int:
        """How many streams are open."""
        return len(self._session.streams)

    @property
    def room(self) -> int:
        return self._receiver.room

    @property
    def buffered(self) -> int:
        """Bytes that this connection alone holds: parts of frames, and answers to frames."""
        return self._receiver.buffered + len(self._session.control)

    @property
    def is_heavy(self) -> bool:
        session = self._session
        if self._receiver.buffered or session.control or not session.decoder.is_empty:
            return True
        return any(body.is_heavy for body in self.bodies)

    # What comes in

    def receive_data(self, data: bytes, now: float) -> None:
        self._receiver.receive(data, now)
        self._move(now)

    def receive_eof(self, now: float) -> None:
        self._has_ended = True
        self._move(now)

    def sent(self, count: int, now: float) -> None:
        """The socket has taken *count* bytes of what outgoing() showed; 0: it takes no more."""
        if count:
            self.since = now
        if not self._sender.sent(count, now) or not count:
            self._session.hold_fresh()
        if self._receiver.has_more and not self._session.control:
            self._receiver.process(now)
        rate = self._min_rate
        if rate is not None and rate.is_too_slow(count, now) and self._session.streams:
            self._abort(EndReason.BELOW_RATE, now)
            return
        self._move(now)

    def expire(self, now: float) -> None:
        state = self.state
        if state.is_brief and now >= self._session.rests_until:
            if self._min_rate is not None:
                self._min_rate.pause(now - self.since)
            self._session.end_rest()
            if now >= self._check_at:
                self._check(now)
        elif state is _IDLE:
            self._session.go_away(ErrorCode.NO_ERROR)
        elif state is _PREFACE or state is _PARTIAL:
            self._fail_for_time(now)
        elif state not in FINAL:
            self._check(now)
        self._move(now)

    def on_wake(self, wake: Callable[[float], None]) -> None:
        self._waiting.on_wake(wake)

    def resume(self, now: float) -> None:
        if self.state not in FINAL:
            self._waiting.resume(now)
            self._move(now)

    def lost(self, error: OSError, now: float) -> None:
        self._abort(EndReason.CLIENT_RESET, now)

    def source_lost(self, error: OSError, now: float) -> None:
        """What a frame has promised can't be had any more."""
        stream = self._session.cut.stream if self._session.cut is not None else None
        if stream is not None:
            lose_source(self._session, stream, error, now)
        self._abort(EndReason.READ_ERROR, now, "a file of another response")

    def refuse(self, now: float) -> None:
        if self.state not in FINAL:
            self._receiver.say_hello()
            self._session.fail(ErrorCode.ENHANCE_YOUR_CALM, "too many connections", now)
            self._move(now)

    def finish(self, now: float) -> None:
        if self.state not in FINAL and not self._session.is_closing:
            self._receiver.say_hello()
            self._session.go_away(ErrorCode.NO_ERROR)
            self._move(now)

    def shut_down(self, now: float) -> None:
        self._abort(EndReason.SHUTDOWN, now)

    def fail(self, now: float) -> None:
        self._abort(EndReason.ERROR, now)

    # What goes out

    def outgoing(self, now: float) -> tuple[Buffer, ...] | Window:
        if not self.state.interest & _FLUSHING.interest:
            return ()
        session = self._session
        if now >= session.rests_until:
            session.end_rest()
        try:
            offered = self._sender.outgoing(now)
        except OSError as error:
            self.source_lost(error, now)
            return ()
        if offered == ():
            self._move(now)
            # What a defunct file leaves is said at once, in this turn.
            if self.state.interest & _FLUSHING.interest:
                return self._sender.outgoing(now)
        return offered

    # Deadlines

    def _check(self, now: float) -> None:
        """End what has taken too long, and note when to look again."""
        session, limits = self._session, self._context.limits
        if self._sender.has_output and now >= self.since + limits.send_timeout:
            self._abort(EndReason.STALLED, now)
            return
        if now >= self._receiver.pending_since + limits.head_timeout:
            self._fail_for_time(now)
        for stream in list(session.streams.values()):
            if stream.progress is Progress.WAITING:
                assert stream.wait is not None
                if now >= stream.wait.until:
                    self._waiting.give_up(stream, now)
            elif stream.progress is Progress.BLOCKED and now >= stream.since + limits.send_timeout:
                session.reset(stream, ErrorCode.CANCEL, EndReason.STALLED, now)
        self._check_at = min(now + self._context.least_timeout, *self._dues(now))

    def _dues(self, now: float) -> list[float]:
        """Return when the time of something is over."""
        limits = self._context.limits
        dues = [self._receiver.pending_since + limits.head_timeout]
        if self._sender.has_output:
            dues.append(self.since + limits.send_timeout)
        for stream in self._session.streams.values():
            if stream.wait is not None:
                dues.append(stream.wait.until)
            elif stream.progress is Progress.BLOCKED:
                dues.append(stream.since + limits.send_timeout)
        return [due for due in dues if due > now] or [inf]

    def _fail_for_time(self, now: float) -> None:
        self._receiver.say_hello()
        self._session.fail(ErrorCode.ENHANCE_YOUR_CALM, "a frame took too long", now)

    # States and ends

    def _move(self, now: float) -> None:
        """Enter the state that follows from what there is to do."""
        if self.state in FINAL:
            return
        state = self._next_state(now)
        if state is not _SENDING:
            self._session.hold_fresh()
        if state is self.state:
            return
        if state in WITH_STREAMS:
            if self.state not in WITH_STREAMS:
                self._check_at = now + self._context.least_timeout
                self._min_rate = self._context.new_min_rate(now)
        else:
            self._check_at = inf
            self._min_rate = None
            self._waiting.sleep()
        if state in FINAL:
            self._end(state, now)
        else:
            self._enter(state, now)

    def _next_state(self, now: float) -> State:
        session, receiver = self._session, self._receiver
        is_deaf = self._has_ended or session.is_failed
        if self._sender.has_output:
            is_deaf = is_deaf or len(session.control) > FLUSH_SIZE
            return _FLUSHING if is_deaf else _SENDING
        if session.rests_until != inf:
            return _DEAF_RESTING if is_deaf else _RESTING
        if session.is_failed or (session.is_closing and not session.streams):
            return _LINGERING
        if self._has_ended:
            session.end_all(EndReason.CLIENT_CLOSED, now)
            return _CLOSED
        if session.streams:
            return State.WAITING
        if not receiver.is_begun:
            return _PREFACE
        return _IDLE if receiver.pending_since == inf else _PARTIAL

    def _enter(self, state: State, now: float) -> None:
        assert state in TRANSITIONS[self.state], f"{self.state.name} -> {state.name}"
        self.state = state
        self.since = now

    def _abort(self, end: EndReason, now: float, why: str = "") -> None:
        """End at once, whatever is under way: the peer is gone, or is to be."""
        if self.state in FINAL:
            return
        session = self._session
        cut = bool(session.streams) or self._sender.has_output or session.cut is not None
        session.end_all(end, now, why)
        self._end(_ABORTED if cut else _CLOSED, now)

    def _end(self, final: State, now: float) -> None:
        self._session.drop()
        self._waiting.sleep()
        self._receiver.clear()
        self._min_rate = None
        self._enter(final, now)
