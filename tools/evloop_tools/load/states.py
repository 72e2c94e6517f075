"""The states of a client: one enum, and what each one waits for."""

from enum import Enum

from evloop.net.protocol import NOTHING, READ, WRITE


class State(Enum):
    """Where a client is in its script."""

    RESTING = "resting"
    """Nothing is due from the server; its deadline is the next step."""
    CONNECTING = "connecting"
    """Waits for the connection; its deadline is an error."""
    SENDING = "sending"
    """Waits for room to send the rest of its requests; its deadline is an error."""
    TRICKLING = "trickling"
    """Sends the next bytes of its head at its deadline."""
    WAITING = "waiting"
    """Waits for the first byte of an answer; its deadline is an error."""
    READING = "reading"
    """Waits for the next bytes of an answer; its deadline is an error."""
    PACED = "paced"
    """Reads on at its deadline, so as not to be faster than its rate."""
    STALLED = "stalled"
    """Leaves an answer unread; its deadline is the next step."""
    CLOSED = "closed"
    """Is over."""


INTEREST: dict[State, int] = {
    State.RESTING: READ,
    State.CONNECTING: WRITE,
    State.SENDING: WRITE,
    State.TRICKLING: READ,
    State.WAITING: READ,
    State.READING: READ,
    State.PACED: NOTHING,
    State.STALLED: NOTHING,
    State.CLOSED: NOTHING,
}
"""What the descriptor of a client is watched for. A broken connection is always told."""

BUSY = frozenset(
    {State.CONNECTING, State.SENDING, State.WAITING, State.READING, State.PACED, State.TRICKLING}
)
"""The states in which an answer is awaited."""

WAKEABLE = frozenset({State.RESTING, State.STALLED, State.READING, State.PACED})
"""The states that can be ended from outside."""
