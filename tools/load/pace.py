"""How fast the answer to an Ask is read: pure functions of what it asks for."""

from math import inf

from load.content import CHECK_SIZE
from load.steps import Ask

QUANTUM = 0.5
"""Seconds between two reads of a client that keeps to a rate."""
_HEAD_READ = 16 * 1024  # bytes that are read at once until the head is whole
_LEAST_BUFFER, _MOST_BUFFER = 16 * 1024, 4 * 1024 * 1024


def receive_buffer(ask: Ask) -> int | None:
    """Return the bytes that the kernel may take in; None: as many as it likes.

    Without a bound it would take in megabytes on behalf of a client that reads nothing.
    """
    if ask.rate < inf:
        return max(_LEAST_BUFFER, min(_MOST_BUFFER, int(ask.rate * QUANTUM)))
    return None if ask.body_bytes is None else _LEAST_BUFFER


def read_limit(ask: Ask, seconds: float, received: int, body: int | None) -> int:
    """Return how many bytes may be read at once; 0 or less: none yet.

    *received* came within *seconds* of the first of them; *body* of these belong to the
    body of this answer, None as long as its head is not whole. A rate is kept in pieces of
    half a QUANTUM at least, so that nobody wakes up for a few bytes.
    """
    if body is None:
        return _HEAD_READ
    if ask.rate < inf:
        allowed = int(ask.rate * (seconds + QUANTUM)) - received
        return min(CHECK_SIZE, allowed) if allowed >= ask.rate * QUANTUM / 2 else 0
    if ask.body_bytes is not None:
        return min(CHECK_SIZE, max(_HEAD_READ, ask.body_bytes - body))
    return CHECK_SIZE
