"""The states of a connection: one enum, one table. Interest and deadline follow from them."""

from enum import Enum


class State(Enum):
    """Where a connection is between its requests."""

    IDLE = "idle"
    """Waits for the first byte of a request."""
    HEAD = "head"
    """Has a part of a request head and waits for the rest."""
    SENDING = "sending"
    """Has bytes to send and waits for room in the socket."""
    RESTING = "resting"
    """Has bytes to send or a request to plan, and waits for the disk or for its turn."""
    LINGERING = "lingering"
    """Has sent its last byte and waits for the peer to close."""
    CLOSED = "closed"
    """Is over; whatever still happens is ignored."""
    ABORTED = "aborted"
    """Is over before all was sent: the peer must see a reset, not a tidy end."""


READING = frozenset({State.IDLE, State.HEAD, State.LINGERING})
"""The states that wait for bytes to read; SENDING alone waits for room to write."""

FINAL = frozenset({State.CLOSED, State.ABORTED})

TRANSITIONS: dict[State, dict[State, str]] = {
    State.IDLE: {
        State.HEAD: "part of a head",
        State.SENDING: "a request",
        State.RESTING: "a request whose file is not at hand",
        State.CLOSED: "end of file, deadline, shutdown, reset",
    },
    State.HEAD: {
        State.SENDING: "the rest, a refusal, or the deadline (408)",
        State.RESTING: "a request whose file is not at hand",
        State.CLOSED: "end of file, reset",
    },
    State.SENDING: {
        State.IDLE: "all sent",
        State.HEAD: "all sent, part of the next head is here",
        State.RESTING: "the next bytes, or the next file, are not at hand",
        State.LINGERING: "all sent, the server closes",
        State.CLOSED: "all sent, the client asked to close",
        State.ABORTED: "deadline, reset, changed file, shutdown",
    },
    State.RESTING: {
        State.SENDING: "rested",
        State.ABORTED: "reset, shutdown",
    },
    State.LINGERING: {
        State.CLOSED: "end of file, deadline, too much data, reset",
    },
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
