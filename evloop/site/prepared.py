"""Responses that are made once for many requests."""

from evloop.files.entry import Entry
from evloop.http.response import Response
from evloop.site.rules.headers import Changes


class PreparedResponses:
    """The response to every plain request for a file in memory, while it is fresh.

    What they take is part of what the cache reckons for an entry, so they must go with it.
    """

    __slots__ = ("_changes", "_responses")

    def __init__(self) -> None:
        self._responses: dict[Entry, Response] = {}
        self._changes: dict[Entry, Changes] = {}  # where rules have changed a response

    def get(self, entry: Entry, now: float, changes: Changes | None = None) -> Response | None:
        """Return the response with *changes* to a plain request for *entry*, if it is fresh."""
        response = self._responses.get(entry)
        if response is None or now >= response.fresh_until:
            return None
        return response if self._changes.get(entry) is changes else None

    def keep(self, entry: Entry, response: Response, changes: Changes | None = None) -> None:
        """Keep *response* until clear(), or until another one is kept for *entry*."""
        self._responses[entry] = response
        if changes is not None:
            self._changes[entry] = changes
        else:
            self._changes.pop(entry, None)

    def clear(self) -> None:
        """Forget all: an entry has gone, and its bytes with it."""
        self._responses.clear()
        self._changes.clear()

    def __len__(self) -> int:
        return len(self._responses)
