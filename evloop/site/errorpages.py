"""The site's own pages for errors: 404.html and the like."""

from evloop.files.cache import Cache, Found
from evloop.http.request import RequestError
from evloop.http.responder import Pending
from evloop.http.response import Response
from evloop.site.routes import is_hidden

MAX_LEVELS = 8
"""Directories, from the root on, that may have a 404.html of their own. A choice: languages and
sections of a site are one or two levels deep, and each look costs an open."""

_PAGES = {status: b"%d.html" % status for status in (403, 404, 410, 500, 503)}
# Pages that are known not to be there. A name may be asked for that is longer; it is looked for
# each time.
_MAX_KNOWN = 512
_MAX_KNOWN_SIZE = 128  # bytes
ERROR_PAGES_SIZE = _MAX_KNOWN * (_MAX_KNOWN_SIZE + 256)
"""Bytes that they may come to take, each with its place in the table."""


class PageError(RequestError):
    """An error whose page was found."""

    def __init__(self, error: RequestError, response: Response) -> None:
        super().__init__(error.status, str(error), error.fields)
        self.response = response


class ErrorPages:
    """Finds the page for an error among the files in *cache*."""

    statuses = frozenset(_PAGES)
    """Of errors that may have a page."""

    def __init__(self, cache: Cache, *, hidden: bool) -> None:
        self._cache = cache
        self._hidden = hidden
        self._missing: dict[bytes, float] = {}  # until when, on the reactor's clock

    def find(self, status: int, path: bytes, now: float) -> tuple[bytes, Found] | Pending | None:
        """Return the page for *status* that is nearest to *path*; None: there is none.

        *path* is relative to the root; a directory ends in a slash.
        """
        name = _PAGES.get(status)
        if name is None:
            return None
        for page in page_paths(name, path if status == 404 else b""):
            if now < self._missing.get(page, now) or (not self._hidden and is_hidden(page)):
                continue
            try:
                found = self._cache.find(page, now)
            except OSError:
                self._remember(page, now)
                continue
            return (page, found) if isinstance(found, Found) else found
        return None

    def _remember(self, page: bytes, now: float) -> None:
        if len(page) > _MAX_KNOWN_SIZE:
            return
        if len(self._missing) >= _MAX_KNOWN:
            self._missing.clear()
        self._missing[page] = self._cache.look(now)


def page_paths(name: bytes, path: bytes) -> list[bytes]:
    """Return where a page of *name* may be, from the directory of *path* upwards."""
    above = path.split(b"/", MAX_LEVELS)[:-1]
    return [
        b"/".join([*above[:depth], name])
        for depth in range(min(len(above), MAX_LEVELS - 1), -1, -1)
    ]
