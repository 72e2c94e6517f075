"""Responses that are made once for many requests."""

from collections.abc import Callable

from evloop.files.entry import Entry
from evloop.http.response import Response
from evloop.site.rules.headers import Changes

OnForget = Callable[[Response], None]
"""Is told of each response that is not kept any more, and may have more prepared for it."""


def ignore(response: Response) -> None:
    """Nothing was prepared for *response*."""


class PreparedResponses:
    """The response to every plain request for a file in memory, while it is fresh.

    What they take is part of what the cache reckons for an entry, so they must go with it.
    """

    __slots__ = ("_changes", "_responses", "on_forget")

    def __init__(self, on_forget: OnForget = ignore) -> None:
        self._responses: dict[Entry, Response] = {}
        self._changes: dict[Entry, Changes] = {}  # where rules have changed a response
        self.on_forget = on_forget

    def get(self, entry: Entry, now: float, changes: Changes | None = None) -> Response | None:
        """Return the response with *changes* to a plain request for *entry*, if it is fresh."""
        response = self._responses.get(entry)
        if response is None or now >= response.fresh_until:
            return None
        return response if self._changes.get(entry) is changes else None

    def keep(self, entry: Entry, response: Response, changes: Changes | None = None) -> None:
        """Keep *response* for *entry*, in place of the one before."""
        before = self._responses.get(entry)
        if before is not None:
            self.on_forget(before)
        self._responses[entry] = response
        if changes is not None:
            self._changes[entry] = changes
        else:
            self._changes.pop(entry, None)

    def clear(self) -> None:
        """Forget all: an entry has gone, and its bytes with it."""
        for response in self._responses.values():
            self.on_forget(response)
        self._responses.clear()
        self._changes.clear()

    def __len__(self) -> int:
        return len(self._responses)
