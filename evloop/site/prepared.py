"""Responses that are made once for many requests."""

from collections.abc import Callable

from evloop.files.entry import Entry
from evloop.http.response import Response
from evloop.site.rules.changes import Changes

OnForget = Callable[[Response], None]
"""Is told of each response that is not kept any more, and may have more prepared for it."""


def ignore(response: Response) -> None:
    """Nothing was prepared for *response*."""


CHANGED_SIZE = 256 * 1024
"""Bytes that responses which rules have changed take beyond what the cache reckons for a file."""


class PreparedResponses:
    """The response to every plain request for a file in memory, while it is fresh.

    What they take is part of what the cache reckons for an entry, so they must go with it. Where
    an entry has more than one, there are *most* of them in all. *most_changed_size* bounds the
    bytes of the fields that rules have added.
    """

    __slots__ = (
        "_changed_size",
        "_changes",
        "_most",
        "_most_changed_size",
        "_responses",
        "on_forget",
    )

    def __init__(
        self,
        on_forget: OnForget = ignore,
        most: int | None = None,
        most_changed_size: int = CHANGED_SIZE,
    ) -> None:
        self._most = most
        self._most_changed_size = most_changed_size
        self._responses: dict[Entry, Response] = {}
        self._changes: dict[Entry, Changes] = {}  # where rules have changed a response
        self._changed_size = 0
        self.on_forget = on_forget

    def get(self, entry: Entry, now: float, changes: Changes | None = None) -> Response | None:
        """Return the response with *changes* to a plain request for *entry*, if it is fresh."""
        response = self._responses.get(entry)
        if response is None or now >= response.fresh_until:
            return None
        return response if self._changes.get(entry) is changes else None

    def keep(self, entry: Entry, response: Response, changes: Changes | None = None) -> None:
        """Keep *response* for *entry*, in place of the one before.

        All grow stale within a second, so all are forgotten when they take too much.
        """
        if self._most is not None and len(self._responses) >= self._most:
            self.clear()
        if changes is not None:
            if self._changed_size + changes.size > self._most_changed_size:
                self.clear()
            self._changed_size += changes.size
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
        self._changed_size = 0

    def __len__(self) -> int:
        return len(self._responses)
