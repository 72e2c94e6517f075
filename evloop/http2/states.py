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

_SEND: Final = {
    State.SENDING: "something to send",
    State.FLUSHING: "the last bytes, or too many answers that are not taken",
}
_FROM_REST: Final = {
    **_SEND,
    State.WAITING: "a request whose file is not in memory",
    State.CLOSED: "end of file, reset, shutdown",
}
_ALL_SENT: Final = {
    State.IDLE: "nothing is under way any more",
    State.PARTIAL: "nothing but a part of a frame",
    State.LINGERING: "nothing is under way, and it is the end",
    State.ABORTED: "deadline, reset, changed file, shutdown",
}
_NOT_AT_HAND: Final = "the next bytes are not at hand"
TRANSITIONS: Final[dict[State, dict[State, str]]] = {
    State.PREFACE: {**_SEND, State.CLOSED: "end of file, reset, shutdown"},
    State.IDLE: {**_FROM_REST, State.PARTIAL: "part of a frame"},
    State.PARTIAL: {**_FROM_REST, State.IDLE: "the rest of a frame that asks for nothing"},
    State.WAITING: {
        **_SEND,
        **_ALL_SENT,
        State.CLOSED: "end of file: no window will have room",
    },
    State.RESTING: {
        **_SEND,
        **_ALL_SENT,
        State.WAITING: "the client has reset the stream that waits",
        State.DEAF_RESTING: "end of file",
    },
    State.SENDING: {
        **_ALL_SENT,
        State.PREFACE: "the server's settings are sent, and the client's are missing",
        State.WAITING: "no window has room, or no file is in memory",
        State.RESTING: _NOT_AT_HAND,
        State.FLUSHING: "the last bytes, or too many answers that are not taken",
    },
    State.FLUSHING: {
        **_ALL_SENT,
        State.WAITING: "the answers are sent; no window has room",
        State.RESTING: f"the answers are sent; {_NOT_AT_HAND}",
        State.SENDING: "so many answers are sent that more frames can be read",
        State.DEAF_RESTING: f"{_NOT_AT_HAND}, and the client has ended its side",
        State.CLOSED: "the client has ended its side, and nothing more can be sent",
    },
    State.DEAF_RESTING: {
        State.FLUSHING: "it is time to ask again",
        State.ABORTED: "reset, shutdown",
    },
    State.LINGERING: {},
    State.CLOSED: {},
    State.ABORTED: {},
}
"""From each state to those that may follow, with what leads there."""
