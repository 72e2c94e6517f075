"""Whose turn it is among the streams that can send (RFC 9218).

The more urgent go first. Among streams of one urgency those that are incremental, or say nothing,
take turns; one that says it is not incremental keeps its turn until it is done or can't send.
"""

import re
from bisect import insort
from operator import attrgetter
from typing import Final

from evloop.http2.streams import DEFAULT_URGENCY, Priority, Progress, Stream

MAX_PRIORITY_SIZE: Final = 64
"""Bytes of a priority that is read: its two parameters take ten."""

_URGENCY = re.compile(rb"(?:\A|,)[ \t]*+u=([0-7])(?=[ \t]*+(?:[,;]|\Z))")
_INCREMENTAL = re.compile(rb"(?:\A|,)[ \t]*+i(?:=\?([01]))?(?=[ \t]*+(?:[,;]|\Z))")
_RANK = attrgetter("rank")
_URGENCY_SHIFT: Final = 48  # turns are fewer than 2^48


def parse_priority(value: bytes) -> Priority:
    """Return what a Priority field asks for (RFC 9218 sections 4 and 5).

    What can't be understood is as if it were not there. The last of several parameters counts.
    """
    value = value[:MAX_PRIORITY_SIZE]
    urgencies = _URGENCY.findall(value)
    incremental = _INCREMENTAL.findall(value)
    return Priority(
        int(urgencies[-1]) if urgencies else DEFAULT_URGENCY,
        bool(incremental) and incremental[-1] != b"0",
    )


class Schedule:
    """The streams that can send, in the order in which they do."""

    __slots__ = ("_turns", "ready")

    def __init__(self) -> None:
        self.ready: list[Stream] = []
        self._turns = 0

    def put(self, stream: Stream) -> None:
        """Let *stream* send, behind those that came before it."""
        self._turns += 1
        stream.rank = stream.priority.urgency << _URGENCY_SHIFT | self._turns
        insort(self.ready, stream, key=_RANK)

    def drop(self, stream: Stream) -> None:
        """*stream* can't send for now, or is over."""
        self.ready.remove(stream)

    def served(self, stream: Stream) -> None:
        """*stream* has sent something, and can send more."""
        if stream.priority.takes_turns and len(self.ready) > 1:
            self.ready.remove(stream)
            self.put(stream)

    def change(self, stream: Stream, priority: Priority) -> None:
        """Let *stream* be as urgent as the client says now."""
        stream.priority = priority
        if stream.progress is Progress.READY:
            self.ready.remove(stream)
            self.put(stream)
