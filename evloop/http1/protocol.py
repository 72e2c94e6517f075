"""The server side of one HTTP/1.x connection, without the connection (see net/protocol.py)."""

import errno
import re
from collections.abc import Callable

from evloop.http.pace import Pace, PacedBody, Pacing
from evloop.http.request import RequestError
from evloop.http.response import Body, Buffer, Window
from evloop.http1.answering import Wait, answer, answer_request, plan, refuse
from evloop.http1.context import Context, MinRate
from evloop.http1.framing import split_head
from evloop.http1.states import FINAL, TRANSITIONS, State
from evloop.http1.writer import Answer
from evloop.net.protocol import READ
from evloop.observe.exchange import OVER_LIMIT, EndReason, Exchange

# Names of the module are quicker to reach than members of an enum.
_IDLE, _EMPTY_LINE = State.IDLE, State.EMPTY_LINE
_HEAD, _SENDING = State.HEAD, State.SENDING
_WAITING_FILE, _WAITING_DISK = State.WAITING_FILE, State.WAITING_DISK
_LINGERING, _CLOSED, _ABORTED = State.LINGERING, State.CLOSED, State.ABORTED

_IN_MEMORY = (memoryview, bytes)  # as a union it would be made anew for each refill

# RFC 9112 section 2.2: empty lines in front of a request line are ignored.
_EMPTY_LINES = re.compile(rb"(?:\r\n)+")
# The first byte of a TLS hello (RFC 8446 section 5.1), and of no request.
_TLS_HANDSHAKE = b"\x16"
_TOO_MANY = "too many connections"
_RETRY_AFTER = (b"Retry-After", b"1")


class Http1Protocol:
    """One connection's requests and responses, one at a time and in order.

    `since` is when the present state was entered or, while sending, when the socket last
    took something; the deadline follows from both.
    """

    __slots__ = (
        "_body",
        "_context",
        "_exchange",
        "_head",
        "_is_last",
        "_min_rate",
        "_pace",
        "_received",
        "_wait",
        "_whole",
        "peer",
        "since",
        "state",
    )

    def __init__(self, context: Context, peer: str, now: float) -> None:
        self._context = context
        self.peer = peer
        self.state = _IDLE
        self.since = now
        self._received = b""  # what has come and is not answered yet
        self._whole: Answer | None = None  # in memory, and nothing of it sent so far
        self._head = b""  # what is left of a response head
        self._body: Body | None = None  # what is left of a response body
        self._is_last = False  # the response that is under way, of this connection
        self._wait: Wait | None = None  # in the two states that wait
        self._exchange: Exchange | None = None
        self._min_rate: MinRate | None = None
        self._pace: Pace | None = None

    @property
    def deadline(self) -> float:
        wait = self._wait
        if wait is not None:
            return wait.until
        return self.since + self._context.timeouts[self.state]

    @property
    def body(self) -> Body | None:
        """The body that is being sent, if it is not all in the socket already."""
        body = self._body
        return body.source if isinstance(body, PacedBody) else body

    @property
    def bodies(self) -> tuple[Body, ...]:
        return () if self.body is None else (self.body,)

    @property
    def streams(self) -> int:
        return 0

    @property
    def room(self) -> int:
        return self._context.limits.max_head_size + 1 - len(self._received)

    @property
    def is_heavy(self) -> bool:
        if self._received or self._whole is not None:
            return True
        wait, body = self._wait, self._body
        return (wait is not None and wait.request is not None) or (
            body is not None and body.is_heavy
        )

    @property
    def buffered(self) -> int:
        """Bytes that this connection alone holds: unanswered requests, unsent heads."""
        waiting = self._wait.head if self._wait is not None else b""
        return len(self._received) + len(self._head) + len(waiting)

    # What comes in

    def receive_data(self, data: bytes, now: float) -> None:
        state = self.state
        if state is _IDLE:
            recalled = self._context.cache.recall(data, now)
            if recalled is not None:
                self._start(recalled, data, now)
                return
            if data.startswith(b"\r"):
                data = _EMPTY_LINES.sub(b"", data, count=1)
                if not data:
                    return  # nothing of a request has come: the idle deadline stands
                if data == b"\r":
                    self._enter(_EMPTY_LINE, self.since)  # and here it stands as well
                    return
            self._received = data
            self._take_head(now, 0, data)
        elif state is _HEAD:
            searched = len(self._received)
            self._received += data
            self._take_head(now, searched)
        elif state is _EMPTY_LINE:
            self._end_empty_line(data, now)

    def receive_eof(self, now: float) -> None:
        if self.state.interest & READ:
            self._end(_CLOSED, now)

    def sent(self, count: int, now: float) -> None:
        """The socket has taken *count* bytes of what outgoing() showed; 0: it takes no more.

        What is left of a response in memory is then an offset into bytes that the budget
        counts, and no longer the answer itself.
        """
        if count:
            self.since = now
        self._context.observer.bytes_sent += count
        if self._exchange is not None:
            self._exchange.sent += count
        whole = self._whole
        if whole is not None:
            self._whole = None
            if count < whole.size:
                self._head, self._body = whole.remainder(count)
                if self._body is not None:
                    self._min_rate = self._context.new_min_rate(now, count)
                return
        elif not self._pay(count):
            if self._min_rate is not None and self._min_rate.is_too_slow(count, now):
                self._abort(EndReason.BELOW_RATE, now)
            return
        self._finish_response(now)

    def expire(self, now: float) -> None:
        state = self.state
        if state is _WAITING_DISK:
            self._ask_disk_again(now)
        elif state is _WAITING_FILE:
            self._give_up_waiting(now)
        elif state is _HEAD:
            self._refuse(RequestError(408, "the request head took too long"), now)
        elif state is _SENDING:
            self._abort(EndReason.STALLED, now)
        elif state is _IDLE or state is _EMPTY_LINE:
            self._close_idle(now)

    def on_wake(self, wake: Callable[[float], None]) -> None:
        if self._wait is not None:
            self._wait.subscribe(wake)

    def resume(self, now: float) -> None:
        wait = self._wait
        if self.state is _WAITING_FILE and wait is not None and wait.request is not None:
            self._wait = None
            found = answer_request(wait.request, wait.head, self._context, now)
            if isinstance(found, Answer):
                self._start(found, wait.head, now)
            else:  # the file has changed meanwhile, and may do so again and again
                self._wait_for(found, wait.until, now)

    def lost(self, error: OSError, now: float) -> None:
        self._abort(EndReason.CLIENT_RESET, now)

    def source_lost(self, error: OSError, now: float) -> None:
        changed = error.errno == errno.ESTALE  # the file has become shorter
        self._abort(EndReason.FILE_CHANGED if changed else EndReason.READ_ERROR, now, str(error))

    def refuse(self, now: float) -> None:
        if self.state is _SENDING or self.state is _WAITING_DISK:
            self._abort(EndReason.REFUSED, now)
        elif self.state not in FINAL:
            self._cancel_wait()
            self._refuse(RequestError(503, _TOO_MANY, (_RETRY_AFTER,)), now)

    def finish(self, now: float) -> None:
        if self.state is _IDLE or self.state is _EMPTY_LINE:
            self._close_idle(now)
        else:
            self._is_last = True

    def shut_down(self, now: float) -> None:
        self._abort(EndReason.SHUTDOWN, now)

    def fail(self, now: float) -> None:
        self._abort(EndReason.ERROR, now)

    # What goes out

    def outgoing(self, now: float) -> tuple[Buffer, ...] | Window:
        whole = self._whole
        if whole is not None:
            return whole.buffers
        if self.state is not _SENDING:
            return ()
        head, body = self._head, self._body
        if body is None:
            return (head,)
        try:
            piece = body.peek()
        except OSError as error:
            self.source_lost(error, now)
            return ()
        if isinstance(piece, _IN_MEMORY):
            return (head, piece) if head else (piece,)
        if head:
            return (head,)
        if isinstance(piece, float):
            self._wait = Wait(now + piece)
            self._enter(_WAITING_DISK, now)
            return ()
        return piece

    # Requests

    def _take_head(self, now: float, searched: int, unknown: bytes = b"") -> None:
        """Answer the next request in what was received, if it is whole.

        The first *searched* bytes are known not to end it, and *unknown* can't be recalled.
        """
        max_size = self._context.limits.max_head_size
        try:
            head, self._received = split_head(self._received, searched, max_size)
        except RequestError as error:
            if _EMPTY_LINES.sub(b"", self._received, count=1).startswith(_TLS_HANDSHAKE):
                self._turn_away_hello(now)
            else:
                self._refuse(error, now)
            return
        if head.startswith(_TLS_HANDSHAKE):
            self._turn_away_hello(now)
        elif head:
            plan_or_recall = plan if head is unknown else answer
            found = plan_or_recall(head, self._context, now, self.peer)
            if isinstance(found, Answer):
                self._start(found, head, now)
            else:
                self._wait_for(found, now + self._context.limits.file_timeout, now)
        elif not self._received:
            self._enter(_IDLE, now)
        elif self._received == b"\r":
            self._received = b""
            self._enter(_EMPTY_LINE, now)
        elif self.state is not _HEAD:
            self._enter(_HEAD, now)

    def _turn_away_hello(self, now: float) -> None:
        """End in silence: whoever speaks TLS can't read an answer in HTTP."""
        self._context.observer.tls_hellos += 1
        self._end(_LINGERING, now)

    def _end_empty_line(self, data: bytes, now: float) -> None:
        """Go on with *data*, of which the first byte has to be the line feed."""
        self._enter(_IDLE, self.since)
        if not data.startswith(b"\n"):
            self.receive_data(b"\r" + data[:1], now)  # which is refused
        elif len(data) > 1:
            self.receive_data(data[1:], now)

    def _refuse(self, error: RequestError, now: float) -> None:
        """Answer *error* to what was not understood, or to a peer that may not even ask."""
        self._start(refuse(error, None, self._context, now), self._received, now)

    # Responses

    def _start(self, found: Answer, head: bytes, now: float) -> None:
        """Begin to send *found*, the answer to the request in *head*."""
        observer = self._context.observer
        observer.responses += 1
        if observer.logs:
            self._exchange = Exchange(head, found.status, found.head_size, now, found.reason)
            if self._context.user_of is not None:
                self._exchange.user = self._context.user_of(head)
        if found.after is not _IDLE:
            self._is_last = True
        if self._context.pacing is not None:
            self._start_paced(found, self._context.pacing)
        elif found.buffers:
            self._whole = found
        else:
            self._head = found.head
            self._body = found.new_body()
        if self._body is not None:
            self._min_rate = self._context.new_min_rate(now)
        self._enter(_SENDING, now)

    def _start_paced(self, found: Answer, pacing: Pacing) -> None:
        """Begin to send *found* no faster than this connection may be sent to."""
        if found.buffers:
            self._head, body = found.remainder(0)
        else:
            self._head, body = found.head, found.new_body()
        if body is not None:
            self._pace = self._pace or pacing.new_pace()
            self._body = PacedBody(body, self._pace)

    def _pay(self, count: int) -> bool:
        """Take *count* bytes off head and body; return whether nothing is left."""
        head = self._head
        if head:
            if count < len(head):
                self._head = head[count:]
                return False
            count -= len(head)
            self._head = b""
        body = self._body
        if body is None:
            return True
        if count:
            body.advance(count)
        return body.done

    def _finish_response(self, now: float) -> None:
        if self._body is not None:
            self._body.close()
            self._body = self._min_rate = None
        if self._exchange is not None:
            over_limit = self._exchange.status in OVER_LIMIT
            self._note_end(EndReason.REFUSED if over_limit else EndReason.COMPLETE, now)
        if self._is_last:
            self._end(_LINGERING, now)
        elif self._received:
            self._take_head(now, 0)
        else:
            self._enter(_IDLE, now)

    # Waiting

    def _wait_for(self, wait: Wait, until: float, now: float) -> None:
        """Wait until the file of a request is in memory, or it is *until*."""
        wait.until = until
        self._wait = wait
        self._enter(_WAITING_FILE, now)

    def _ask_disk_again(self, now: float) -> None:
        self._wait = None
        if self._min_rate is not None:
            self._min_rate.pause(now - self.since)
        self._enter(_SENDING, now)

    def _give_up_waiting(self, now: float) -> None:
        wait = self._wait
        assert wait is not None, "WAITING_FILE without what it waits for"
        self._cancel_wait()
        error = RequestError(503, "what the response takes was too long in coming", (_RETRY_AFTER,))
        found = refuse(error, wait.request, self._context, now)
        self._start(found, wait.head, now)

    def _cancel_wait(self) -> None:
        if self._wait is not None:
            self._wait.cancel()
            self._wait = None

    # States and ends

    def _enter(self, state: State, now: float) -> None:
        assert state in TRANSITIONS[self.state], f"{self.state.name} -> {state.name}"
        self.state = state
        self.since = now

    def _close_idle(self, now: float) -> None:
        """Close between two requests; the last response may still be on its way."""
        just_answered = now - self.since < self._context.limits.linger_timeout
        self._end(_LINGERING if just_answered else _CLOSED, now)

    def _abort(self, end: EndReason, now: float, why: str = "") -> None:
        """End at once, whatever is under way: the peer is gone, or is to be."""
        if self.state in FINAL:
            return
        cut = self.state is _SENDING or self.state is _WAITING_DISK
        if cut:
            self._note_end(end, now, why)
        self._end(_ABORTED if cut else _CLOSED, now)

    def _note_end(self, end: EndReason, now: float, why: str = "") -> None:
        self._context.observer.ended(self.peer, self._exchange, end, now, why)
        self._exchange = None

    def _end(self, final: State, now: float) -> None:
        self._cancel_wait()
        if self._body is not None:
            self._body.close()
        self._body = self._whole = self._min_rate = None
        self._received = self._head = b""
        self._enter(final, now)
