"""Responses that are made once for many requests."""

from collections.abc import Callable

from evloop.files.entry import Entry
from evloop.http.response import Response

OnForget = Callable[[Response], None]
"""Is told of each response that is not kept any more, and may have more prepared for it."""


def ignore(response: Response) -> None:
    """Nothing was prepared for *response*."""


class PreparedResponses:
    """The response to every plain request for a file in memory, while it is fresh.

    What they take is part of what the cache reckons for an entry, so they must go with it. Where
    an entry has more than one, there are *most* of them in all.
    """

    __slots__ = ("_most", "_responses", "on_forget")

    def __init__(self, on_forget: OnForget = ignore, most: int | None = None) -> None:
        self._most = most
        self._responses: dict[Entry, Response] = {}
        self.on_forget = on_forget

    def get(self, entry: Entry, now: float) -> Response | None:
        """Return the response to a plain request for *entry*, if it is still fresh."""
        response = self._responses.get(entry)
        return response if response is not None and now < response.fresh_until else None

    def keep(self, entry: Entry, response: Response) -> None:
        """Keep *response* for *entry*, in place of the one before."""
        if self._most is not None and len(self._responses) >= self._most:
            self.clear()
        before = self._responses.get(entry)
        if before is not None:
            self.on_forget(before)
        self._responses[entry] = response

    def clear(self) -> None:
        """Forget all: an entry has gone, and its bytes with it."""
        for response in self._responses.values():
            self.on_forget(response)
        self._responses.clear()

    def __len__(self) -> int:
        return len(self._responses)
