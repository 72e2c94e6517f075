"""Requests that were answered a moment ago are answered again without being planned.

The same bytes of a request head, within the second that the Date field names and while
the file need not be checked again, lead to the same bytes of response. So the cache maps
exact heads to answers that the ordinary way has planned, and nothing else: there is no
second policy that could differ from the first, and nothing older than `fresh_until` is
ever sent.

Heads that differ, but are answered with the same response, share what was written of it.
"""

from typing import Final

from evloop.http.response import Response
from evloop.http1.writer import Answer

MAX_HEAD_SIZE: Final = 2 * 1024
"""Heads longer than this are planned each time."""
MAX_BYTES: Final = 2 * 1024 * 1024
"""What all heads and answers may take, by the estimate below: some hundred joined answers of
small files, which are the dearest, or two thousand of larger ones."""

# A dict entry at its growth, the Answer with its tuple and numbers, the Response with its fields,
# and the headers of the bytes objects; tests/http1/test_headcache.py measures it.
_ENTRY_COST: Final = 800


class HeadCache:
    """A bounded map from the exact bytes of a request head to its answer."""

    __slots__ = ("_answers", "_bytes", "_max_bytes", "written")

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self._answers: dict[bytes, Answer] = {}
        self.written: dict[Response, Answer] = {}
        """What remember_written() was given, by response."""
        self._bytes = 0
        self._max_bytes = max_bytes

    def recall(self, head: bytes, now: float) -> Answer | None:
        """Return the answer that was planned for *head* and may be sent again."""
        answer = self._answers.get(head)
        if answer is not None and now < answer.fresh_until:
            return answer
        return None

    def remember(self, head: bytes, answer: Answer, now: float) -> None:
        """Keep *answer* for the next *head* of the same bytes, if it stays fresh."""
        if answer.fresh_until <= now or len(head) > MAX_HEAD_SIZE:
            return
        # What is kept for many heads is counted once.
        self._pay(len(head) if answer.is_shared else len(head) + answer.own_size)
        self._answers[head] = answer

    def remember_written(self, response: Response, answer: Answer) -> None:
        """Keep *answer* for further requests of one kind that *response* answers."""
        self._pay(answer.own_size)
        answer.is_shared = True
        self.written[response] = answer

    def clear(self) -> None:
        """Forget everything, and so release the contents that answers hold."""
        self._answers.clear()
        self.written.clear()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._answers)

    def _pay(self, size: int) -> None:
        # All entries grow stale within a second, so the simplest eviction will do. One that takes
        # the place of a stale one is counted again: that only clears the sooner.
        cost = _ENTRY_COST + size
        if self._bytes + cost > self._max_bytes:
            self.clear()
        self._bytes += cost
