"""A stream: one request and its response (RFC 9113 section 5.1).

Two enums and a table for each. `StreamState` is what the RFC says of both sides, `Progress` what
the response waits for. Streams that are not open are not kept.
"""

from collections.abc import Callable
from enum import Enum
from typing import Final, NamedTuple

from evloop.http.request import Request
from evloop.http.responder import Pending
from evloop.http.response import Body
from evloop.http2.writer import Answer
from evloop.observe.exchange import Exchange

DEFAULT_URGENCY: Final = 3
"""RFC 9218 section 4.1."""


class Priority(NamedTuple):
    """What a client asks for one stream (RFC 9218)."""

    urgency: int = DEFAULT_URGENCY
    takes_turns: bool = True


PLAIN: Final = Priority()


class StreamState(Enum):
    """What each side may still send (section 5.1). A server that pushes nothing knows these."""

    OPEN = "open"
    """The client may send DATA and trailers, the server its response."""
    HALF_CLOSED = "half-closed (remote)"
    """The client has sent all of its request."""
    CLOSED = "closed"


class Event(Enum):
    """What moves a stream from one state to another."""

    END_RECEIVED = "END_STREAM received"
    END_SENT = "END_STREAM sent"
    """Of one that is open it is followed by RST_STREAM NO_ERROR (section 8.1)."""
    RESET = "RST_STREAM, sent or received, or the end of the connection"


STREAM_TRANSITIONS: Final[dict[StreamState, dict[Event, StreamState]]] = {
    StreamState.OPEN: {
        Event.END_RECEIVED: StreamState.HALF_CLOSED,
        Event.END_SENT: StreamState.CLOSED,
        Event.RESET: StreamState.CLOSED,
    },
    StreamState.HALF_CLOSED: {
        Event.END_SENT: StreamState.CLOSED,
        Event.RESET: StreamState.CLOSED,
    },
    StreamState.CLOSED: {},
}


class Progress(Enum):
    """What a response waits for."""

    NEW = "new"
    """To be planned."""
    WAITING = "waiting-file"
    """Its file, to be in memory."""
    READY = "ready"
    """Its turn."""
    RESTING = "waiting-disk"
    """The next bytes, to be at hand."""
    BLOCKED = "blocked"
    """A window, its own or the connection's."""
    OVER = "over"

    # Members are singletons, and Enum's own hash runs in Python.
    __hash__ = object.__hash__


_OVER: Final = "reset, or the end of the connection"
PROGRESS: Final[dict[Progress, dict[Progress, str]]] = {
    Progress.NEW: {
        Progress.WAITING: "a request whose file is not in memory",
        Progress.READY: "a request",
    },
    Progress.WAITING: {
        Progress.WAITING: "the file has changed meanwhile",
        Progress.READY: "the file, an error, or the deadline (503)",
        Progress.OVER: _OVER,
    },
    Progress.READY: {
        Progress.RESTING: "the next bytes are not at hand",
        Progress.BLOCKED: "a window has no room",
        Progress.OVER: "all sent, the file has changed, reset, or the end of the connection",
    },
    Progress.RESTING: {Progress.READY: "it is time to ask again", Progress.OVER: _OVER},
    Progress.BLOCKED: {Progress.READY: "there is room", Progress.OVER: _OVER},
    Progress.OVER: {},
}
"""From each to those that may follow, with what leads there."""


class Wait:
    """A file that a stream waits for. Its request is kept as it was understood."""

    __slots__ = ("_pending", "_wake", "head", "request", "until")

    def __init__(self, pending: Pending, request: Request, head: bytes, until: float) -> None:
        self._pending = pending
        self.request = request
        self.head = head
        self.until = until
        self._wake: Callable[[float], None] | None = None

    def subscribe(self, wake: Callable[[float], None]) -> None:
        """Have *wake* called when it is worth asking again. Again it does nothing."""
        if self._wake is None:
            self._wake = wake
            self._pending.subscribe(wake)

    def cancel(self) -> None:
        """Do not call it. May be called again."""
        if self._wake is not None:
            self._pending.unsubscribe(self._wake)
            self._wake = None


class Stream:
    """One request and what is left of its response.

    `window` is how many bytes of DATA the client takes on it; `since` when it began to wait for
    room; `answer` is there until the head was sent, and `body` from then on, or as soon as the
    stream is kept from one turn to another; one of its own from the start. `promised` is what
    Content-Length has said of the request's body, -1 for nothing, `received` what came of it, and
    `taken` the bytes of its frames, which count for its window.
    """

    __slots__ = (
        "answer",
        "body",
        "exchange",
        "id",
        "priority",
        "progress",
        "promised",
        "rank",
        "received",
        "since",
        "state",
        "taken",
        "wait",
        "window",
    )

    def __init__(self, stream_id: int, state: StreamState, window: int, priority: Priority) -> None:
        self.id = stream_id
        self.state = state
        self.window = window
        self.priority = priority
        self.progress = Progress.NEW
        self.rank = 0  # the schedule's
        self.since = 0.0
        self.answer: Answer | None = None
        self.body: Body | None = None
        self.wait: Wait | None = None
        self.exchange: Exchange | None = None
        self.promised = -1
        self.received = 0
        self.taken = 0

    def apply(self, event: Event) -> None:
        """Go where *event* leads."""
        self.state = STREAM_TRANSITIONS[self.state][event]

    def enter(self, progress: Progress) -> None:
        """Wait for something else."""
        assert progress in PROGRESS[self.progress], f"{self.progress.name} -> {progress.name}"
        self.progress = progress

    def hold(self) -> None:
        """Keep what is sent in a way that its budget knows of: it will take longer than a turn."""
        answer = self.answer
        if self.body is None and answer is not None and answer.content is not None:
            self.body = answer.new_body()

    def release(self) -> None:
        """Let go of everything: it is over."""
        if self.wait is not None:
            self.wait.cancel()
        if self.body is not None:
            self.body.close()
        self.body = self.wait = self.answer = None


class Cut:
    """What is left of a frame of which the socket has taken a part. Nothing may come in between.

    `stream` is None when it has been reset meanwhile; then the body is the frame's own.
    """

    __slots__ = ("body", "ends", "left", "stream", "text")

    def __init__(
        self, stream: Stream, text: bytes, body: Body | None, left: int, *, ends: bool
    ) -> None:
        self.stream: Stream | None = stream
        self.text = text
        self.body = body
        self.left = left
        self.ends = ends
