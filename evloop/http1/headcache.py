"""Requests that were answered a moment ago are answered again without being planned.

The same bytes of a request head, within the second that the Date field names and while
the file need not be checked again, lead to the same bytes of response. So the cache maps
exact heads to answers that the ordinary way has planned, and nothing else: there is no
second policy that could differ from the first, and nothing older than `fresh_until` is
ever sent.

Heads that differ, but are answered with the same response, share what was written of it, as long
as the site keeps that response.
"""

from typing import Final

from evloop.http.response import Response
from evloop.http1.writer import Answer

MAX_HEAD_SIZE: Final = 2 * 1024
"""Heads longer than this are planned each time."""
MAX_BYTES: Final = 2 * 1024 * 1024
"""What all heads and their answers may take, by the estimate below: some hundred joined answers of
small files, which are the dearest, or two thousand of larger ones."""

# A dict entry at its growth, the Answer with its tuple and numbers, the Response with its fields,
# and the headers of the bytes objects; tests/http1/test_headcache.py measures it.
_ENTRY_COST: Final = 800


class HeadCache:
    """A bounded map from the exact bytes of a request head to its answer."""

    __slots__ = ("_answers", "_bytes", "_generation", "_max_bytes", "written")

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self._answers: dict[bytes, Answer] = {}
        self._bytes = 0
        self._max_bytes = max_bytes
        self._generation = 1  # of the heads that are remembered between two times of full
        self.written: dict[Response, Answer] = {}
        """What was written of responses that the site keeps, until forget(). One for each file
        in memory, whose cost includes it (files/cache.py), and some for errors."""

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
        # All entries grow stale within a second, so the simplest eviction will do. One that takes
        # the place of a stale one is counted again: that only clears the sooner.
        if self._bytes + self._cost(head, answer) > self._max_bytes:
            self._forget_heads()
        self._bytes += self._cost(head, answer)
        answer.generation = self._generation
        self._answers[head] = answer

    def forget(self, response: Response) -> None:
        """The site keeps *response* no longer."""
        self.written.pop(response, None)

    def clear(self) -> None:
        """Forget everything, and so release the contents that answers hold."""
        self._forget_heads()
        self.written.clear()

    def _cost(self, head: bytes, answer: Answer) -> int:
        cost = _ENTRY_COST + len(head)
        # An answer may outlive its response here. For further heads it is there already.
        return cost if answer.generation == self._generation else cost + answer.own_size

    def _forget_heads(self) -> None:
        self._answers.clear()
        self._bytes = 0
        self._generation += 1

    def __len__(self) -> int:
        return len(self._answers)
