"""Responses that are made once for many requests."""

from evloop.files.entry import Entry
from evloop.http.response import Response


class PreparedResponses:
    """The response to every plain request for a file in memory, while it is fresh.

    What they take is part of what the cache reckons for an entry, so they must go with it. Where
    an entry has more than one, there are *most* of them in all.
    """

    __slots__ = ("_most", "_responses")

    def __init__(self, most: int | None = None) -> None:
        self._most = most
        self._responses: dict[Entry, Response] = {}

    def get(self, entry: Entry, now: float) -> Response | None:
        """Return the response to a plain request for *entry*, if it is still fresh."""
        response = self._responses.get(entry)
        return response if response is not None and now < response.fresh_until else None

    def keep(self, entry: Entry, response: Response) -> None:
        """Keep *response* until forget(), or until another one is kept for *entry*."""
        if self._most is not None and len(self._responses) >= self._most:
            self._responses.clear()
        self._responses[entry] = response

    def clear(self) -> None:
        """Forget all: an entry has gone, and its bytes with it."""
        self._responses.clear()

    def __len__(self) -> int:
        return len(self._responses)
