"""The streams of one connection, and what is to be said about them.

It knows neither how frames are read (receiving.py) nor how they are sent (sending.py).
"""

from math import inf
from typing import Final

from evloop.http.pace import Pace, PacedBody
from evloop.http.request import RequestError
from evloop.http2.answering import refuse
from evloop.http2.budget import ANSWER_GAIN, RESET_COST, Budget
from evloop.http2.context import MAX_STREAMS, Context
from evloop.http2.flow import Windows, widened
from evloop.http2.frames import (
    MAX_STREAM_ID,
    ConnectionFaultError,
    ErrorCode,
    goaway,
    rst_stream,
)
from evloop.http2.hpack import Decoder
from evloop.http2.schedule import Schedule
from evloop.http2.streams import Cut, Event, Priority, Progress, Stream, StreamState
from evloop.http2.writer import Answer
from evloop.net.protocol import Security
from evloop.observe.exchange import OVER_LIMIT, EndReason, Exchange

_READY, _OVER = Progress.READY, Progress.OVER
_RESTING, _BLOCKED = Progress.RESTING, Progress.BLOCKED
_OPEN, _HALF_CLOSED = StreamState.OPEN, StreamState.HALF_CLOSED

MAX_REMEMBERED_RESETS: Final = 32
"""Streams that the server has reset and whose frames, which were on their way, are ignored."""

MAX_HEAVY_BODIES: Final = 4
"""Bodies of one connection that keep more than a place in a file: those of several parts, and
directories. More are answered with 503."""

_ONLY_LOGGED: Final = frozenset({EndReason.COMPLETE, EndReason.REFUSED})
RETRY_AFTER: Final = (b"Retry-After", b"1")


class Session:
    """`control` are bytes to be sent before any stream's; `streams` are those that are open.

    `last_id` is the last stream that the client has opened, `last_promised` the last that GOAWAY
    has said is answered. After `is_failed` nothing is read. `rests_until` is when streams ask the
    disk again. `cut` is a frame that is half sent; `is_cut_resting`: its rest is not at hand.
    """

    __slots__ = (
        "_fresh",
        "_pace",
        "_resets",
        "budget",
        "context",
        "control",
        "cut",
        "decoder",
        "is_cut_resting",
        "is_failed",
        "last_id",
        "last_promised",
        "peer",
        "rests_until",
        "schedule",
        "security",
        "streams",
        "windows",
    )

    def __init__(
        self, context: Context, peer: str, now: float, security: Security | None = None
    ) -> None:
        self.context = context
        self.peer = peer
        self.security = security
        self.control = b""
        self.streams: dict[int, Stream] = {}
        self.schedule = Schedule()
        self.windows = Windows()
        self.decoder = Decoder()
        self.budget = Budget(now)
        self.last_id = 0
        self.last_promised = MAX_STREAM_ID
        self.is_failed = False
        self.rests_until = inf
        self.cut: Cut | None = None
        self.is_cut_resting = False
        self._fresh: list[Stream] = []  # opened since hold_fresh()
        self._pace: Pace | None = None
        self._resets: list[int] = []

    # Streams begin

    @property
    def has_room(self) -> bool:
        """Whether one more stream may be opened."""
        count = len(self.streams)
        return not count or (count < MAX_STREAMS and self.context.places > 0)

    def open(self, stream_id: int, priority: Priority, *, has_body: bool) -> Stream:
        """Return a new stream. There is room for it."""
        state = _OPEN if has_body else _HALF_CLOSED
        stream = Stream(stream_id, state, self.windows.initial, priority)
        if self.streams:
            self.context.places -= 1
        self.streams[stream_id] = stream
        return stream

    def start(self, stream: Stream, answer: Answer, head: bytes, now: float) -> None:
        """Begin to send *answer* to the request with *head*, as HTTP/1.1 would write it."""
        answer = self._with_body(stream, answer, now)
        context = self.context
        context.observer.responses += 1
        if context.observer.logs:
            exchange = Exchange(head, answer.status, answer.head_size, now, answer.reason)
            if context.user_of is not None:
                exchange.user = context.user_of(head)
            exchange.security = self.security
            stream.exchange = exchange
        stream.answer = answer
        if stream.body is None:
            self._fresh.append(stream)
        self._make_ready(stream)

    def _with_body(self, stream: Stream, answer: Answer, now: float) -> Answer:
        """Give *stream* the body of *answer*, if it can't be sent at once; return what is sent."""
        pacing = self.context.pacing
        if not answer.has_own_body and (pacing is None or not answer.has_payload):
            return answer
        body = answer.new_body()
        if body.is_heavy and self._has_many_heavy():
            body.close()
            error = RequestError(503, "too many downloads of this kind", (RETRY_AFTER,))
            return refuse(error, None, self.context, now)
        if pacing is not None:
            self._pace = self._pace or pacing.new_pace()
            body = PacedBody(body, self._pace)
        stream.body = body
        return answer

    def _has_many_heavy(self) -> bool:
        bodies = [stream.body for stream in self.streams.values() if stream.body is not None]
        return sum(body.is_heavy for body in bodies) >= MAX_HEAVY_BODIES

    def hold_fresh(self) -> None:
        """Keep what was not sent in the turn in which it was asked for."""
        for stream in self._fresh:
            stream.hold()
        self._fresh.clear()

    # Progress

    def _make_ready(self, stream: Stream) -> None:
        stream.enter(_READY)
        self.schedule.put(stream)

    def rest(self, stream: Stream, until: float) -> None:
        """Let *stream* wait for the disk; all that do ask again at one time."""
        self.schedule.drop(stream)
        stream.enter(_RESTING)
        self.rests_until = min(self.rests_until, until)

    def end_rest(self) -> None:
        """Let all who wait for the disk ask again."""
        self.rests_until = inf
        self.is_cut_resting = False
        for stream in self.streams.values():
            if stream.progress is _RESTING:
                self._make_ready(stream)

    def block(self, stream: Stream, now: float) -> None:
        """Let *stream* wait for room in a window."""
        self.schedule.drop(stream)
        stream.enter(_BLOCKED)
        stream.since = now

    def plan_again(self) -> None:
        """The socket did not take all that was planned, and so windows have more room than that.

        A head needs none.
        """
        for stream in self.streams.values():
            if stream.progress is _BLOCKED and stream.answer is not None:
                self._make_ready(stream)
            else:
                self._unblock(stream)

    def _unblock(self, stream: Stream) -> None:
        if stream.progress is _BLOCKED and stream.window > 0 and self.windows.connection > 0:
            self._make_ready(stream)

    def widen(self, increment: int) -> None:
        """Widen the connection's window. Raises WindowError."""
        self.windows.connection = widened(self.windows.connection, increment)
        for stream in self.streams.values():
            self._unblock(stream)

    def widen_stream(self, stream: Stream, increment: int) -> None:
        """Widen the window of *stream*. Raises WindowError."""
        stream.window = widened(stream.window, increment)
        self._unblock(stream)

    # Streams end

    def complete(self, stream: Stream, now: float) -> None:
        """*stream* has sent all of its response."""
        if stream.state is _OPEN:
            # RFC 9113 section 8.1: the client need not send the rest of its request.
            self._say_reset(stream.id, ErrorCode.NO_ERROR)
        stream.apply(Event.END_SENT)
        self.budget.earn(ANSWER_GAIN)
        exchange = stream.exchange
        over_limit = exchange is not None and exchange.status in OVER_LIMIT
        self._remove(stream, EndReason.REFUSED if over_limit else EndReason.COMPLETE, now)

    def reset(
        self, stream: Stream, code: ErrorCode, end: EndReason, now: float, why: str = ""
    ) -> None:
        """Reset *stream*, whose response is then cut off."""
        self._say_reset(stream.id, code)
        stream.apply(Event.RESET)
        self._remove(stream, end, now, why)

    def client_reset(self, stream: Stream, now: float) -> None:
        """The client has reset *stream*."""
        stream.apply(Event.RESET)
        self._remove(stream, EndReason.CLIENT_RESET, now)

    def reject(self, stream_id: int, code: ErrorCode, now: float, reason: str) -> None:
        """Reset a stream for what the client has done, whether it is open or not.

        Raises ConnectionFaultError when there is too much of that: a client may have the server
        reset streams as well as reset them itself (CVE-2025-8671).
        """
        stream = self.streams.get(stream_id)
        if stream is None:
            self._say_reset(stream_id, code)
        else:
            self.reset(stream, code, EndReason.PROTOCOL_ERROR, now, reason)
        self.spend(RESET_COST, now, reason)

    def is_reset(self, stream_id: int) -> bool:
        """Whether the server has reset that stream a moment ago."""
        return stream_id in self._resets

    def _say_reset(self, stream_id: int, code: ErrorCode) -> None:
        self.control += rst_stream(stream_id, code)
        self._resets.append(stream_id)
        del self._resets[:-MAX_REMEMBERED_RESETS]

    def _remove(self, stream: Stream, end: EndReason, now: float, why: str = "") -> None:
        del self.streams[stream.id]
        if self.streams:
            self.context.places += 1
        elif self.cut is None:
            self.rests_until = inf  # nobody is left who would ask the disk
        if stream.progress is _READY:
            self.schedule.drop(stream)
        stream.enter(_OVER)
        cut = self.cut
        if cut is not None and cut.stream is stream:
            # The frame has to be whole whatever becomes of the stream.
            cut.stream = None
            if cut.body is not None:
                stream.body = None
        stream.release()
        if end not in _ONLY_LOGGED or stream.exchange is not None:
            self.context.observer.ended(self.peer, stream.exchange, end, now, why)

    def end_all(self, end: EndReason, now: float, why: str = "") -> None:
        """End all streams, without a word to the client."""
        for stream in list(self.streams.values()):
            stream.apply(Event.RESET)
            self._remove(stream, end, now, why)
        self._fresh.clear()

    def drop(self) -> None:
        """Nothing is sent any more."""
        if self.cut is not None and self.cut.body is not None:
            self.cut.body.close()
        self.cut = None
        self.control = b""

    # The connection ends

    def spend(self, units: float, now: float, reason: str) -> None:
        """Take *units* of the patience with this client. Raises ConnectionFaultError."""
        if not self.budget.spend(units, now):
            raise ConnectionFaultError(ErrorCode.ENHANCE_YOUR_CALM, f"too much of it: {reason}")

    @property
    def is_closing(self) -> bool:
        """Whether the client has been told that no more requests are answered."""
        return self.last_promised < MAX_STREAM_ID

    def go_away(self, code: ErrorCode, reason: str = "") -> None:
        """Tell the client that no stream after the last one is answered (section 6.8)."""
        self.last_promised = min(self.last_id, self.last_promised)
        self.control += goaway(self.last_promised, code, reason)

    def fail(self, code: ErrorCode, reason: str, now: float) -> None:
        """End the connection for what the client has done, after telling it (section 5.4.1)."""
        if self.is_failed:
            return
        self.is_failed = True
        is_over_limit = code is ErrorCode.ENHANCE_YOUR_CALM
        self.context.observer.refusals += is_over_limit
        self.end_all(EndReason.REFUSED if is_over_limit else EndReason.PROTOCOL_ERROR, now, reason)
        self.go_away(code, reason)
