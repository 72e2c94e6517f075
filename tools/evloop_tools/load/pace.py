"""How fast the answer to an Ask is read: pure functions of what it asks for."""

from math import inf

from evloop_tools.load.content import CHECK_SIZE
from evloop_tools.load.steps import BY_PACE, Ask

_HEAD_READ = 16 * 1024  # bytes that are read at once until the head is whole
_LONE_HEAD_READ = 1024  # the same for one who wants no body: little of it comes along
_LEAST_BUFFER, _MOST_BUFFER = 16 * 1024, 4 * 1024 * 1024


def receive_buffer(ask: Ask) -> int | None:
    """Return the bytes that the kernel may take in; None: as many as it likes.

    Without a bound it would take in megabytes on behalf of a client that reads nothing.
    """
    if ask.receive_buffer != BY_PACE:
        return ask.receive_buffer
    if ask.rate < inf:
        return max(_LEAST_BUFFER, min(_MOST_BUFFER, int(ask.rate * ask.quantum)))
    return None if ask.body_bytes is None else _LEAST_BUFFER


def read_limit(ask: Ask, seconds: float, received: int, body: int | None) -> int:
    """Return how many bytes may be read at once; 0 or less: none yet.

    *received* came within *seconds* of the first of them; *body* of these belong to the
    body of this answer, None as long as its head is not whole. A rate is kept in pieces of
    half a quantum at least, so that nobody wakes up for a few bytes.
    """
    if body is None:
        return _LONE_HEAD_READ if ask.body_bytes == 0 else _HEAD_READ
    most = CHECK_SIZE
    if ask.body_bytes is not None:
        most = min(most, max(1, ask.body_bytes - body))
    if ask.rate < inf:
        allowed = int(ask.rate * (seconds + ask.quantum)) - received
        return min(most, allowed) if allowed >= ask.rate * ask.quantum / 2 else 0
    return most
