"""The states of an HTTP/2 connection: one enum, one table of what may follow.

They say what the connection waits for. What its streams wait for stands with each of them
(streams.py).
"""

from enum import Enum
from typing import Final

from evloop.net.protocol import NOTHING, READ, WRITE, Closing, Retention

_BOTH: Final = READ | WRITE


class State(Enum):
    """What a connection waits for; see ProtocolState for the attributes."""

    interest: int
    retention: Retention
    closing: Closing
    is_brief: bool
    wakes: bool

    def __new__(
        cls,
        name: str,
        interest: int,
        retention: Retention,
        closing: Closing = Closing.OPEN,
        is_brief: bool = False,
    ) -> "State":
        """Make the state that those who look on call *name*."""
        state = object.__new__(cls)
        state._value_ = name
        state.interest = interest
        state.retention = retention
        state.closing = closing
        state.is_brief = is_brief
        # Wherever there are streams one of them may wait for its file.
        state.wakes = retention is Retention.BUSY
        return state

    # Members are singletons, and Enum's own hash runs in Python.
    __hash__ = object.__hash__

    PREFACE = "preface", READ, Retention.PARTIAL
    """Waits for the client's preface and settings."""
    IDLE = "idle", READ, Retention.IDLE
    """Has no streams."""
    PARTIAL = "head", READ, Retention.PARTIAL
    """Has no streams, and a part of a frame or of a header block."""
    WAITING = "waiting", READ, Retention.BUSY
    """Has streams, all of which wait for a window or a file."""
    RESTING = "waiting-disk", READ, Retention.BUSY, Closing.OPEN, True
    """Like WAITING, but one waits for the disk and asks again soon."""
    SENDING = "sending", _BOTH, Retention.BUSY
    """Has bytes to send and waits for room in the socket."""
    FLUSHING = "flushing", WRITE, Retention.BUSY
    """Like SENDING, but reads nothing: the client has ended its side, is to be told of the end, or
    does not take the answers to its frames."""
    DEAF_RESTING = "waiting-disk-deaf", NOTHING, Retention.BUSY, Closing.OPEN, True
    """Like RESTING, but the client has ended its side."""
    LINGERING = "lingering", NOTHING, Retention.IDLE, Closing.LINGER
    """Is over; the client may still be reading."""
    CLOSED = "closed", NOTHING, Retention.IDLE, Closing.NOW
    """Is over, and nothing was under way."""
    ABORTED = "aborted", NOTHING, Retention.IDLE, Closing.RESET
    """Is over before all was sent: the client must see a reset, not a tidy end."""


FINAL: Final = frozenset({State.LINGERING, State.CLOSED, State.ABORTED})
"""The protocol does nothing more; the connection ends as the state says."""
WITH_STREAMS: Final = frozenset(
    {State.WAITING, State.RESTING, State.SENDING, State.FLUSHING, State.DEAF_RESTING}
)
"""There are streams, or bytes to be sent."""

_ANYWHERE: Final = {
    State.SENDING: "something to send",
    State.FLUSHING: "the last bytes, or too many answers that are not taken",
    State.CLOSED: "end of file, reset, shutdown",
}
_AFTER_STREAMS: Final = {
    State.PREFACE: "the server's settings are sent, and the client's are missing",
    State.IDLE: "all sent",
    State.PARTIAL: "all sent, part of a frame is here",
    State.WAITING: "no window has room, or no file is in memory",
    State.RESTING: "the next bytes are not at hand",
    State.SENDING: "something to send",
    State.FLUSHING: "the last bytes, or too many answers that are not taken",
    State.DEAF_RESTING: "the next bytes are not at hand, and the client has ended its side",
    State.LINGERING: "all sent, and it is the end",
    State.CLOSED: "end of file, and nothing that could still be sent",
    State.ABORTED: "deadline, reset, changed file, shutdown",
}
TRANSITIONS: Final[dict[State, dict[State, str]]] = {
    State.PREFACE: {
        State.IDLE: "the preface and settings, answered",
        State.PARTIAL: "the preface and a part of a frame, answered",
        State.WAITING: "a request whose file is not in memory",
        **_ANYWHERE,
    },
    State.IDLE: {
        State.PARTIAL: "part of a frame",
        State.WAITING: "a request whose file is not in memory",
        **_ANYWHERE,
    },
    State.PARTIAL: {
        State.IDLE: "the rest of a frame that asks for nothing",
        State.WAITING: "a request whose file is not in memory",
        **_ANYWHERE,
    },
    State.WAITING: _AFTER_STREAMS,
    State.RESTING: _AFTER_STREAMS,
    State.SENDING: _AFTER_STREAMS,
    State.FLUSHING: _AFTER_STREAMS,
    State.DEAF_RESTING: _AFTER_STREAMS,
    State.LINGERING: {},
    State.CLOSED: {},
    State.ABORTED: {},
}
"""From each state to those that may follow, with what leads there."""
