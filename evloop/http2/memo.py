"""Requests that were answered a moment ago are answered again without being planned.

As in HTTP/1.1, but by the bytes of a header block: they mean the same on every connection whose
client has given up its dynamic table. Only blocks of such clients are asked for or remembered.
"""

from typing import Final

from evloop.http.response import Response
from evloop.http2.streams import Priority
from evloop.http2.writer import Answer

MAX_BLOCK_SIZE: Final = 2 * 1024
"""Bytes of a header block that is remembered."""
MAX_BYTES: Final = 2 * 1024 * 1024
"""What all blocks and their answers may take, by the estimate below."""

# Measured with tracemalloc: objects, numbers and the tables at their growth, and the response with
# its fields (tests/http2/test_memo.py).
_ENTRY_COST: Final = 1600


class Known:
    """An answer, and the head that it answers as HTTP/1.1 would write it, empty without a log."""

    __slots__ = ("answer", "head", "priority")

    def __init__(self, answer: Answer, head: bytes, priority: Priority) -> None:
        self.answer = answer
        self.head = head
        self.priority = priority


class Memo:
    """Bounded maps from header blocks, and from responses that the site keeps, to answers."""

    __slots__ = ("_bytes", "_known", "_max_bytes", "_written")

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self._known: dict[bytes, Known] = {}
        self._written: dict[Response, Answer] = {}
        self._bytes = 0
        self._max_bytes = max_bytes

    def recall(self, block: bytes, now: float) -> Known | None:
        """Return what *block* was answered with, if that may be sent again."""
        known = self._known.get(block)
        return known if known is not None and now < known.answer.fresh_until else None

    def remember(self, block: bytes, known: Known, now: float) -> None:
        """Keep *known* for the next *block* of the same bytes, if it stays fresh."""
        if known.answer.fresh_until > now and len(block) <= MAX_BLOCK_SIZE:
            self._count(len(block) + len(known.head) + known.answer.own_size)
            self._known[block] = known

    def written(self, response: Response) -> Answer | None:
        """Return what was written of *response*."""
        return self._written.get(response)

    def keep(self, response: Response, answer: Answer) -> None:
        """Keep *answer* as long as the site keeps *response*."""
        self._count(answer.own_size)
        self._written[response] = answer

    def forget(self, response: Response) -> None:
        """The site keeps *response* no longer."""
        self._written.pop(response, None)

    def clear(self) -> None:
        """Forget everything, and so release the contents that answers hold."""
        self._known.clear()
        self._written.clear()
        self._bytes = 0

    def _count(self, size: int) -> None:
        # All grow stale within a second, so the simplest eviction will do. One that takes the place
        # of a stale one is counted again: that only clears the sooner.
        if self._bytes + size + _ENTRY_COST > self._max_bytes:
            self.clear()
        self._bytes += size + _ENTRY_COST

    def __len__(self) -> int:
        return len(self._known)
