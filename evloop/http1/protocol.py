"""The server side of one HTTP/1.x connection, without the connection.

Bytes, ends and the clock come in as arguments; what is to be sent, the state and the
deadline are read off. Nothing here touches a socket, so every test is made of literals:

    in :  receive_data  receive_eof  sent  expire  refuse  finish  abort
    out:  outgoing()    state        deadline
"""

from evloop.http.request import RequestError
from evloop.http.response import Body, Buffer, Response, Window
from evloop.http1.answering import Refusal, answer, refuse
from evloop.http1.context import Context, MinRate
from evloop.http1.framing import split_head
from evloop.http1.states import FINAL, State
from evloop.observe.exchange import OVER_LIMIT, EndReason, Exchange

# Names of the module are quicker to reach than members of an enum.
_IDLE, _HEAD, _SENDING, _RESTING = State.IDLE, State.HEAD, State.SENDING, State.RESTING
_LINGERING, _CLOSED, _ABORTED = State.LINGERING, State.CLOSED, State.ABORTED

_IN_MEMORY = (memoryview, bytes)  # as a union it would be made anew for each refill

LINGER_SIZE = 256 * 1024
"""Bytes that are discarded, at most, while a connection lingers."""


class Http1Protocol:
    """One connection's requests and responses, one at a time and in order.

    `since` is when the present state was entered or, while sending, when the socket last
    took something; the deadline follows from both.
    """

    __slots__ = (
        "_after",
        "_body",
        "_context",
        "_discarded",
        "_exchange",
        "_head",
        "_pace",
        "_received",
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
        self._whole: Response | None = None  # in memory, and nothing of it sent so far
        self._head = b""  # what is left of a response head; of a request's while it is planned
        self._body: Body | None = None  # what is left of a response body
        self._after = _IDLE  # the state that follows when all is sent
        self._discarded = 0  # bytes, while lingering
        self._exchange: Exchange | None = None
        self._pace: MinRate | None = None

    @property
    def deadline(self) -> float:
        """When expire() is due, on the reactor's clock."""
        return self.since + self._context.timeouts.get(self.state, 0.0)

    @property
    def body(self) -> Body | None:
        """The body that is being sent, if it is not all in the socket already."""
        return self._body

    @property
    def room(self) -> int:
        """Bytes that may come now, at least 1: an unanswered request stays within its limit."""
        return self._context.limits.max_head_size + 1 - len(self._received)

    @property
    def buffered(self) -> int:
        """Bytes that this connection alone holds: unanswered requests, unsent heads."""
        return len(self._received) + len(self._head)

    # What comes in

    def receive_data(self, data: bytes, now: float) -> None:
        """Take bytes from the peer."""
        state = self.state
        if state is _IDLE:
            response = self._context.memo.recall(data, now)
            if response is not None:
                self._start(response, data, now)
                return
            self._received = data
            self.state = _HEAD
            self.since = now
            self._take_head(now, 0)
        elif state is _LINGERING:
            self._discard(len(data))
        elif state not in FINAL:
            searched = len(self._received)
            self._received += data
            if state is _HEAD:
                self._take_head(now, searched)

    def receive_eof(self, now: float) -> None:
        """Take the end of what the peer sends; it may still be reading its response."""
        if self.state in {_IDLE, _HEAD, _LINGERING}:
            self._close(_CLOSED)

    def sent(self, count: int, now: float) -> None:
        """Note that the socket has taken *count* bytes of what outgoing() showed.

        0: it is full. What is left of a response in memory is then an offset into bytes that
        the budget counts, and no longer the response itself.
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
                    self._pace = self._context.new_min_rate(now, count)
                return
        elif not self._pay(count):
            if self._pace is not None and self._pace.is_too_slow(count, now):
                self.abort(EndReason.BELOW_RATE, now)
            return
        self._finish_response(now)

    def expire(self, now: float) -> None:
        """Act on the deadline of the present state."""
        state = self.state
        if state is _RESTING:
            self._resume(now)
        elif state is _HEAD:
            self.refuse(RequestError(408, "the request head took too long"), now)
        elif state is _SENDING:
            self.abort(EndReason.STALLED, now)
        elif state not in FINAL:
            self._close(_CLOSED)

    def refuse(self, error: RequestError, now: float) -> None:
        """Answer *error* to what was not understood, or to a peer that may not even ask."""
        response, reason = refuse(error, None, self._context, now)
        self._start(response, self._received, now, reason)

    def finish(self, now: float) -> None:
        """Let what is being answered be the last: the server stops."""
        if self.state is _IDLE:
            self._close(_CLOSED)
        elif self._after is _IDLE:
            self._after = _LINGERING

    def abort(self, end: EndReason, now: float, why: str = "") -> None:
        """End at once, whatever is under way: the peer is gone, or is to be."""
        if self.state in FINAL:
            return
        under_way = self.state is _SENDING or self.state is _RESTING
        # Without a body what rests is a request, and its response was never begun.
        if self.state is _SENDING or (under_way and self._body is not None):
            self._note_end(end, now, why)
        self._close(_ABORTED if under_way else _CLOSED)

    # What goes out

    def outgoing(self, now: float) -> tuple[Buffer, ...] | Window:
        """Return what the socket is to take next; empty when there is nothing, or not now."""
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
            self.abort(EndReason.FILE_CHANGED, now, str(error))
            return ()
        if isinstance(piece, _IN_MEMORY):
            return (head, piece) if head else (piece,)
        if head:
            return (head,)
        if isinstance(piece, float):
            self._rest(now)
            return ()
        return piece

    # Requests

    def _take_head(self, now: float, searched: int) -> None:
        """Answer the next request in what was received, if it is whole.

        The first *searched* bytes are known not to end it.
        """
        max_size = self._context.limits.max_head_size
        try:
            head, self._received = split_head(self._received, searched, max_size)
        except RequestError as error:
            self.refuse(error, now)
            return
        if head:
            self._answer(head, now)

    def _answer(self, head: bytes, now: float) -> None:
        found = answer(head, self._context, now)
        if found is None:
            self._head = head
            self._rest(now)
        elif isinstance(found, Refusal):
            self._start(found.response, head, now, found.reason)
        else:
            self._start(found, head, now)

    # Responses

    def _start(self, response: Response, head: bytes, now: float, refusal: str = "") -> None:
        """Begin to send *response*, the answer to the request in *head*."""
        observer = self._context.observer
        observer.responses += 1
        if observer.logs:
            self._exchange = Exchange(head, response.status, response.head_size, now, refusal)
        if self._after is _IDLE:
            self._after = response.after
        if response.body is None:
            self._whole = response
        else:
            self._head = response.head
            self._body = response.body
            self._pace = self._context.new_min_rate(now)
        self.state = _SENDING
        self.since = now

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
        return not body.remaining

    def _finish_response(self, now: float) -> None:
        if self._body is not None:
            self._body.close()
            self._body = self._pace = None
        if self._exchange is not None:
            over_limit = self._exchange.status in OVER_LIMIT
            self._note_end(EndReason.REFUSED if over_limit else EndReason.COMPLETE, now)
        after = self._after
        if after is not _IDLE:
            self._received = b""
            self.state = after
        elif self._received:
            self.state = _HEAD
            self._take_head(now, 0)
        else:
            self.state = _IDLE

    def _rest(self, now: float) -> None:
        self.state = _RESTING
        self.since = now

    def _resume(self, now: float) -> None:
        if self._pace is not None:
            self._pace.pause(now - self.since)
        self.state = _SENDING
        self.since = now
        if self._body is None:
            head, self._head = self._head, b""
            self._answer(head, now)

    # Ends

    def _discard(self, count: int) -> None:
        """Let bytes of a lingering peer go by, up to a limit."""
        self._discarded += count
        if self._discarded > LINGER_SIZE:
            self._close(_CLOSED)

    def _note_end(self, end: EndReason, now: float, why: str = "") -> None:
        self._context.observer.ended(self.peer, self._exchange, end, now, why)
        self._exchange = None

    def _close(self, final: State) -> None:
        if self._body is not None:
            self._body.close()
        self._body = self._whole = self._pace = None
        self._received = self._head = b""
        self.state = final
