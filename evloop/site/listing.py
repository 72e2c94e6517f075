"""Directories as pages and as JSON: responses whose bodies are made while they are sent."""

import json
from collections.abc import Callable, Iterator

from evloop.files.content import Budget
from evloop.files.folder import Folder, Item
from evloop.files.listing import Scan, Slice
from evloop.files.root import Root
from evloop.http.accept import media_type_weight
from evloop.http.request import Request, RequestError
from evloop.http.response import Field, Response
from evloop.http.target import Target
from evloop.site.fields import NOSNIFF, RETRY_AFTER
from evloop.site.listing_assets import POLICY
from evloop.site.listing_page import Page, page_foot, page_head, rows, table_head
from evloop.site.listing_query import Format, View
from evloop.site.listing_texts import href, plain_text, rfc3339_time

MAX_LISTINGS = 32
"""Listings that are at work at once; others are told to come again. One that fits into the
socket's queue, up to some 300 entries, is at work for a millisecond."""
LISTING_SIZE = 24 * 1024
"""Bytes that one of them keeps, at most, but for names that are being sorted."""
PIECE_SIZE = 4 * 1024
"""Bytes that slices are gathered to for one send. A slice of the worst names is 12 KiB."""
NEXT_SLICE = 1e-6
"""Seconds until a body that had nothing to show after a slice of work is asked again: in the next
turn of the loop, which does not wait for it, and not in this one."""

_HTML: Field = (b"Content-Type", b"text/html; charset=utf-8")
_JSON: Field = (b"Content-Type", b"application/json")
_FIELDS: tuple[Field, ...] = ((b"Cache-Control", b"no-cache"), NOSNIFF)


class Listings:
    """Makes the responses that list directories beneath *root*.

    *budget* is for names that are being sorted. `at_work` is the number of bodies that are not
    closed.
    """

    __slots__ = ("_budget", "_has_archives", "_hidden", "_root", "at_work")

    def __init__(
        self, root: Root, budget: Budget, *, hidden: bool, has_archives: bool = False
    ) -> None:
        self._root = root
        self._hidden = hidden
        self._has_archives = has_archives
        self._budget = budget
        self.at_work = 0

    def response(
        self, request: Request, target: Target, view: View, general: list[Field]
    ) -> Response:
        """Return the listing of the directory at *target*; *general* are fields of all responses.

        Raises OSError when the directory can't be read, RequestError 503 when too many are at
        work.
        """
        is_json = _prefers_json(view, request.fields.get(b"accept"))
        fields = [*general, *((_JSON,) if is_json else (_HTML, POLICY)), *_FIELDS]
        folder = Folder(self._root, target.path, hidden=self._hidden)
        if request.method == b"HEAD":
            folder.close()
            return Response(200, fields)
        if self.at_work >= MAX_LISTINGS:
            folder.close()
            raise RequestError(503, "too many listings at work", (RETRY_AFTER,))
        scan = Scan(folder, view.order, self._budget, view.window, counts=not is_json)
        page = Page(target.path, view, self._has_archives)
        pieces = _json_pieces(scan) if is_json else _html_pieces(scan, page)
        self.at_work += 1
        return Response(200, fields, body=ListingBody(scan, pieces, self._ended))

    def _ended(self) -> None:
        self.at_work -= 1


class ListingBody:
    """The *pieces* that are made of *scan*, which it owns. *on_close* is called once."""

    __slots__ = ("_is_last", "_on_close", "_piece", "_pieces", "_scan")

    def __init__(self, scan: Scan, pieces: Iterator[bytes], on_close: Callable[[], None]) -> None:
        self._scan: Scan | None = scan
        self._pieces = gathered(pieces)
        self._on_close = on_close
        self._piece = b""  # what was shown and is not paid for
        self._is_last = False

    @property
    def remaining(self) -> None:
        return None

    @property
    def done(self) -> bool:
        return self._is_last and not self._piece

    @property
    def is_heavy(self) -> bool:
        return True

    def peek(self) -> bytes | float:
        """Return the next bytes, or the seconds to wait after a slice of work without any.

        Raises OSError when the directory can't be read any more.
        """
        if not self._piece:
            self._piece, self._is_last = next(self._pieces)
        return self._piece or NEXT_SLICE

    def advance(self, count: int) -> None:
        self._piece = self._piece[count:]

    def close(self) -> None:
        scan, self._scan = self._scan, None
        if scan is not None:
            self._pieces = iter(())
            self._piece, self._is_last = b"", True
            scan.close()
            self._on_close()


def gathered(pieces: Iterator[bytes]) -> Iterator[tuple[bytes, bool]]:
    """Yield *pieces* joined to PIECE_SIZE or more, and whether it is the last.

    The last piece must not be empty. An empty one is where others should have their turn: what
    was gathered is yielded there, be it nothing.
    """
    held = b""
    for piece in pieces:
        if not piece or len(held) >= PIECE_SIZE:
            yield held, False
            held = piece
        else:
            held += piece
    yield held, True


def _prefers_json(view: View, accept: bytes | None) -> bool:
    """Whether JSON is asked for; who has no preference gets a page, as do pip and browsers."""
    if view.format is not None:
        return view.format is Format.JSON
    json_weight = media_type_weight(accept, b"application/json")
    return json_weight > media_type_weight(accept, b"text/html")


def _html_pieces(scan: Scan, page: Page) -> Iterator[bytes]:
    """Yield the page of *scan*, an empty piece for each slice that shows nothing."""
    yield page_head(page)
    shown, is_begun = 0, False
    for items in scan.slices():
        if scan.is_sorted is not None and not is_begun:
            is_begun = True
            yield table_head(page, scan.count, is_sorted=scan.is_sorted)
        shown += len(items)
        yield rows(items)
    if not is_begun:
        yield table_head(page, scan.count, is_sorted=scan.is_sorted is not False)
    yield page_foot(page, shown, scan.count)


def _json_pieces(scan: Scan) -> Iterator[bytes]:
    """Yield the array of *scan*, an empty piece for each slice that shows nothing."""
    between = b"[\n"
    for items in scan.slices():
        yield _json_lines(items, between)
        if items:
            between = b",\n"
    yield b"\n]\n" if between != b"[\n" else b"[]\n"


def _json_lines(items: Slice, before: bytes) -> bytes:
    return before + b",\n".join(map(_json_entry, items)) if items else b""


def _json_entry(item: Item) -> bytes:
    name, is_text = plain_text(item.name)
    entry: dict[str, str | int] = {"name": name}
    if not is_text:
        entry["href"] = (href(item.name) + (b"/" if item.is_directory else b"")).decode()
    entry["type"] = "directory" if item.is_directory else "file"
    if not item.is_directory:
        entry["size"] = item.size
    entry["mtime"] = rfc3339_time(item.mtime)
    return json.dumps(entry).encode()
