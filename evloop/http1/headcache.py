"""Requests that were answered a moment ago are answered again without being planned.

The same bytes of a request head, within the second that the Date field names and while
the file need not be checked again, lead to the same bytes of response. So the memo maps
exact heads to responses that the ordinary way has planned, and nothing else: there is no
second policy that could differ from the first, and nothing older than `fresh_until` is
ever served.
"""

from evloop.http.response import Response

MAX_HEAD_SIZE = 2 * 1024
"""Heads longer than this are planned each time."""
MAX_BYTES = 1024 * 1024
"""What all heads and responses of a memo may take, by the estimate below."""

# A dict entry, the Response with its tuple, and the headers of the bytes objects.
_ENTRY_COST = 600


class HeadCache:
    """A bounded map from the exact bytes of a request head to its response."""

    __slots__ = ("_bytes", "_max_bytes", "_responses")

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self._responses: dict[bytes, Response] = {}
        self._bytes = 0
        self._max_bytes = max_bytes

    def recall(self, head: bytes, now: float) -> Response | None:
        """Return the response that was planned for *head* and may be sent again."""
        response = self._responses.get(head)
        if response is not None and now < response.fresh_until:
            return response
        return None

    def remember(self, head: bytes, response: Response, now: float) -> None:
        """Keep *response* for the next *head* of the same bytes, if it stays fresh."""
        if response.fresh_until <= now or len(head) > MAX_HEAD_SIZE:
            return
        # All entries grow stale within a second, so the simplest eviction will do.
        cost = _ENTRY_COST + len(head) + len(response.head)
        if self._bytes + cost > self._max_bytes:
            self.clear()
        if head not in self._responses:
            self._bytes += cost
        self._responses[head] = response

    def clear(self) -> None:
        """Forget everything, and so let go of the contents that responses hold."""
        self._responses.clear()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._responses)
