"""The states of an HTTP/1 connection: one enum, one table of what may follow.

What the connection is to wait for and how it is to end stand with each state, so that nothing
about them is kept anywhere else.
"""

from enum import Enum

from evloop.net.protocol import NOTHING, READ, WRITE, Closing, Retention


class State(Enum):
    """Where a connection is between its requests; see ProtocolState for the attributes."""

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
        state.wakes = interest == NOTHING and closing is Closing.OPEN
        return state

    # Members are singletons, and Enum's own hash runs in Python.
    __hash__ = object.__hash__

    IDLE = "idle", READ, Retention.IDLE
    """Waits for the first byte of a request."""
    EMPTY_LINE = "empty-line", READ, Retention.IDLE
    """Has half of an empty line, and waits for a request as before."""
    HEAD = "head", READ, Retention.PARTIAL
    """Has a part of a request head and waits for the rest."""
    SENDING = "sending", WRITE, Retention.BUSY
    """Has bytes to send and waits for room in the socket."""
    WAITING_FILE = "waiting-file", NOTHING, Retention.BUSY
    """Has a request and waits until its file is in memory."""
    WAITING_DISK = "waiting-disk", NOTHING, Retention.BUSY, Closing.OPEN, True
    """Has bytes to send and waits until the disk has the next ones at hand."""
    LINGERING = "lingering", NOTHING, Retention.IDLE, Closing.LINGER
    """Is over; the client may still be reading its last response."""
    CLOSED = "closed", NOTHING, Retention.IDLE, Closing.NOW
    """Is over, and nothing was under way."""
    ABORTED = "aborted", NOTHING, Retention.IDLE, Closing.RESET
    """Is over before all was sent: the client must see a reset, not a tidy end."""


FINAL = frozenset({State.LINGERING, State.CLOSED, State.ABORTED})
"""The protocol does nothing more; the connection ends as the state says."""

TRANSITIONS: dict[State, dict[State, str]] = {
    State.IDLE: {
        State.EMPTY_LINE: "half of an empty line",
        State.HEAD: "part of a head",
        State.SENDING: "a request",
        State.WAITING_FILE: "a request whose file is not in memory",
        State.LINGERING: "deadline or shutdown, soon after a response; TLS",
        State.CLOSED: "end of file, deadline, shutdown, reset",
    },
    State.EMPTY_LINE: {
        State.IDLE: "the other half, or what is none",
        State.SENDING: "a refusal",
        State.LINGERING: "deadline or shutdown, soon after a response",
        State.CLOSED: "end of file, deadline, shutdown, reset",
    },
    State.HEAD: {
        State.SENDING: "the rest, a refusal, or the deadline (408)",
        State.WAITING_FILE: "a request whose file is not in memory",
        State.CLOSED: "end of file, shutdown, reset",
    },
    State.SENDING: {
        State.IDLE: "all sent",
        State.EMPTY_LINE: "all sent, half of an empty line is here",
        State.HEAD: "all sent, part of the next head is here",
        State.SENDING: "all sent, the next request is here",
        State.WAITING_FILE: "all sent, the file of the next request is not in memory",
        State.WAITING_DISK: "the next bytes are not at hand",
        State.LINGERING: "all sent, the last response",
        State.ABORTED: "deadline, reset, changed file, shutdown",
    },
    State.WAITING_FILE: {
        State.SENDING: "the file, an error, or the deadline (503)",
        State.WAITING_FILE: "the file has changed meanwhile",
        State.CLOSED: "reset, shutdown",
    },
    State.WAITING_DISK: {
        State.SENDING: "it is time to ask again",
        State.ABORTED: "reset, shutdown",
    },
    State.LINGERING: {},
    State.CLOSED: {},
    State.ABORTED: {},
}
"""From each state to those that may follow, with what leads there."""


def state_diagram() -> str:
    """Return the transition table as a Mermaid state diagram."""
    lines = ["stateDiagram-v2", f"    [*] --> {State.IDLE.name}"]
    for source, successors in TRANSITIONS.items():
        lines += [f"    {source.name} --> {to.name}: {why}" for to, why in successors.items()]
    lines += [f"    {state.name} --> [*]" for state in State if state in FINAL]
    return "\n".join(lines)
