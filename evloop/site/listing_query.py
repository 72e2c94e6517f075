"""What the query of a directory's address asks for: Caddy's names, and Apache's."""

import re
import sys
from enum import Enum
from typing import NamedTuple

from evloop.files.listing import Key, Order
from evloop.http.request import RequestError

_KEYS = {
    b"name": Key.NAME,
    b"namedirfirst": Key.NAME,
    b"size": Key.SIZE,
    b"time": Key.TIME,
    # Apache's mod_autoindex: C=N;O=D. What it has of columns beyond is sorted by name.
    b"N": Key.NAME,
    b"S": Key.SIZE,
    b"M": Key.TIME,
    b"D": Key.NAME,
}
_DESCENDING = {b"asc": False, b"desc": True, b"A": False, b"D": True}
_NAMES = {b"C": b"sort", b"O": b"order"}
_KNOWN = frozenset({b"sort", b"order", b"limit", b"offset", b"format", b"archive"})

MAX_PARAMETERS = 16
"""Parameters of a query that are read; what follows is ignored. There are six."""
_MAX_DIGITS = 18  # of a number: 10^18 is less than sys.maxsize, and more than any directory has


class Format(Enum):
    """What a directory is sent as, whatever the client's Accept field says."""

    HTML = b"html"
    JSON = b"json"


class View(NamedTuple):
    """What part of a directory is shown, and how."""

    order: Order = Order()
    limit: int = 0
    """Entries, at most; 0: all."""
    offset: int = 0
    """Entries that are left out at the beginning."""
    format: Format | None = None
    archive: bytes = b""
    """The name of a format, as it was written."""

    @property
    def window(self) -> range:
        """The places of the entries that are shown."""
        return range(self.offset, self.offset + self.limit if self.limit else sys.maxsize)


def parse_view(query: bytes) -> View:
    """Return what *query*, with its question mark, asks for.

    What is not known is ignored, a parameter that comes again too. Raises RequestError 400 for
    a number that is none.
    """
    given: dict[bytes, bytes] = {}
    for parameter in re.split(rb"[&;]", query[1:], maxsplit=MAX_PARAMETERS)[:MAX_PARAMETERS]:
        name, _, value = parameter.partition(b"=")
        name = _NAMES.get(name, name)
        if name in _KNOWN:
            given.setdefault(name, value)
    formats = {each.value: each for each in Format}
    return View(
        Order(
            _KEYS.get(given.get(b"sort", b""), Key.NAME),
            _DESCENDING.get(given.get(b"order", b""), False),
        ),
        _number(given.get(b"limit", b"")),
        _number(given.get(b"offset", b"")),
        formats.get(given.get(b"format", b"")),
        given.get(b"archive", b""),
    )


def _number(text: bytes) -> int:
    if not text:
        return 0
    if not text.isdigit() or len(text) > _MAX_DIGITS:
        raise RequestError(400, "limit and offset are whole numbers")
    return int(text)
