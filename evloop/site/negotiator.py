"""Which representation of a file a request selects: as it is, or in a content coding.

It is selected before preconditions are evaluated (RFC 9110 section 13.2.1), so these compare
with the tag of what is selected. A client that holds the gzip variant and now prefers brotli gets
the brotli variant, not 304.
"""

from collections.abc import Mapping

from evloop.files.cache import Found
from evloop.files.entry import Entry, coding_of_etag
from evloop.files.variants import Variants
from evloop.http.negotiation import IDENTITY, choose, parse_accept_encoding, refuses_identity
from evloop.http.request import Request
from evloop.http.responder import Pending


class Negotiator:
    """Selects among a file and its *variants*."""

    def __init__(self, variants: Variants) -> None:
        self._variants = variants

    def select(self, found: Found, request: Request, now: float) -> Found | Pending:
        """Return the representation of *found*, which is released if it is another one.

        Raises OSError when the process is short of descriptors or memory.
        """
        entry = found.entry
        try:
            sizes = self._variants.sizes(entry)
            entry.varies = bool(sizes)
            if not sizes:
                return found
            selected = self._select(entry, sizes, request, now)
        except BaseException:
            found.close()
            raise
        if selected is None:
            return found
        found.close()
        return selected

    def _select(
        self, entry: Entry, sizes: Mapping[bytes, int], request: Request, now: float
    ) -> Found | Pending | None:
        """Return what is sent instead of *entry*; None: nothing."""
        fields = request.fields
        weights = parse_accept_encoding(fields.get(b"accept-encoding"))
        if b"range" in fields:
            # Programs in browsers read parts of a file, and the browser adds `identity` to the
            # codings that it always sends. A part of coded bytes would be of no use to them.
            tag = fields.get(b"if-range", b"")
            tagged = self._find(entry, coding_of_etag(tag), sizes, now)
            if not isinstance(tagged, Found) or tagged.entry.etag == tag:
                if tagged is not None:
                    return tagged
            else:
                tagged.close()
            if not refuses_identity(weights):
                return None
        coding = choose(weights, {IDENTITY: entry.size, **sizes})
        return self._find(entry, coding, sizes, now)

    def _find(
        self, entry: Entry, coding: bytes, sizes: Mapping[bytes, int], now: float
    ) -> Found | Pending | None:
        """Return *entry* in *coding*; None when that is not there, or not any more."""
        if coding not in sizes:
            return None
        try:
            return self._variants.find(entry, coding, now)
        except OSError:
            return None
