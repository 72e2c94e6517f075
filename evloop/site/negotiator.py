"""Which representation of a file a request selects: as it is, or in a content coding.

It is selected before preconditions are evaluated (RFC 9110 section 13.2.1), so these compare
with the tag of what is selected. A client that holds the gzip variant and now prefers brotli gets
the brotli variant, not 304.
"""

from collections.abc import Mapping
from typing import Protocol

from evloop.files.cache import Found
from evloop.files.compression import Compressor
from evloop.files.deltas import Deltas, may_be_dictionary
from evloop.files.entry import Entry, coding_of_etag
from evloop.files.variants import Variants
from evloop.http.negotiation import IDENTITY, choose, parse_accept_encoding, refuses_identity
from evloop.http.request import Request
from evloop.http.responder import Pending
from evloop.site.dictionaries import find_difference

_ENCODING = b"Accept-Encoding"
_DICTIONARY = b"Accept-Encoding, Available-Dictionary"  # RFC 9842 section 6.2


class _Source(Protocol):
    """Who has codings of a file."""

    def find(self, entry: Entry, coding: bytes, now: float, /) -> Found | Pending:
        """Return *entry* in *coding*. Raises OSError when that is not there any more."""


class Negotiator:
    """Selects among a file and its codings.

    These are its *variants* on the disk or, where it has none, what *compressor* makes of it.
    Before them go its *deltas*, for clients that have an older version.
    """

    def __init__(
        self,
        variants: Variants | None,
        compressor: Compressor | None = None,
        deltas: Deltas | None = None,
    ) -> None:
        self._variants = variants
        self._compressor = compressor
        self._deltas = deltas

    def close(self) -> None:
        """Compress nothing any more."""
        if self._compressor is not None:
            self._compressor.close()

    def select(self, found: Found, request: Request, now: float) -> Found | Pending:
        """Return the representation of *found*, which is released if it is another one.

        Raises OSError when the process is short of descriptors or memory.
        """
        try:
            selected = self._select(found.entry, request, now)
        except BaseException:
            found.close()
            raise
        if selected is None:
            return found
        found.close()
        return selected

    def _select(self, entry: Entry, request: Request, now: float) -> Found | Pending | None:
        """Return what is sent instead of *entry*; None: nothing."""
        source, sizes = self._codings(entry, now)
        entry.vary = b"" if source is None else _ENCODING
        if self._deltas is not None and may_be_dictionary(entry):
            entry.vary = _DICTIONARY
            difference = find_difference(self._deltas, entry, request, now)
            if difference is not None:
                return difference
        return _choose(source, entry, sizes, request, now) if source and sizes else None

    def _codings(self, entry: Entry, now: float) -> tuple[_Source | None, Mapping[bytes, int]]:
        """Return who has, or will have, codings of *entry*, and their sizes."""
        if self._variants is not None and (sizes := self._variants.sizes(entry)):
            return self._variants, sizes
        if self._compressor is not None and self._compressor.applies(entry):
            return self._compressor, self._compressor.sizes(entry, now)
        return None, {}


def _choose(
    source: _Source, entry: Entry, sizes: Mapping[bytes, int], request: Request, now: float
) -> Found | Pending | None:
    """Return what *request* selects of *source*; None: *entry* as it is."""
    fields = request.fields
    weights = parse_accept_encoding(fields.get(b"accept-encoding"))
    if b"range" in fields:
        # Programs in browsers read parts of a file, and the browser adds `identity` to the
        # codings that it always sends. A part of coded bytes would be of no use to them.
        held = _held(source, entry, sizes, fields.get(b"if-range", b""), now)
        if held is not None or not refuses_identity(weights):
            return held
    coding = choose(weights, {IDENTITY: entry.size, **sizes})
    return _find(source, entry, coding, sizes, now)


def _held(
    source: _Source, entry: Entry, sizes: Mapping[bytes, int], tag: bytes, now: float
) -> Found | Pending | None:
    """Return the coding of which the client holds a part, if that has *tag* still."""
    found = _find(source, entry, coding_of_etag(tag), sizes, now)
    if isinstance(found, Found) and found.entry.etag != tag:
        found.close()
        return None
    return found


def _find(
    source: _Source, entry: Entry, coding: bytes, sizes: Mapping[bytes, int], now: float
) -> Found | Pending | None:
    """Return *entry* in *coding*; None when that is not there, or not any more."""
    if coding not in sizes:
        return None
    try:
        return source.find(entry, coding, now)
    except OSError:
        return None
