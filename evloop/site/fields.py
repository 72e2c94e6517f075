"""The fields of responses."""

from evloop import __version__
from evloop.files.entry import Entry, has_frozen_mtime
from evloop.http.dates import format_date
from evloop.http.response import Field
from evloop.site.clock import Clock
from evloop.site.manner import PLAIN, Manner

ALLOW = (b"Allow", b"GET, HEAD, OPTIONS")
NOSNIFF = (b"X-Content-Type-Options", b"nosniff")
RETRY_AFTER = (b"Retry-After", b"1")
_VARY = (b"Vary", b"Accept-Encoding")
_SERVER = (b"Server", b"evloop/" + __version__.encode())


class ResponseFields:
    """Makes the fields of responses at the time of *clock*."""

    def __init__(self, clock: Clock, cache_control: bytes) -> None:
        self._clock = clock
        self._cache_control = cache_control

    def general(self) -> list[Field]:
        """What every response has."""
        return [_SERVER, (b"Date", self._clock.date)]

    def caching(self, entry: Entry, manner: Manner = PLAIN) -> list[Field]:
        """What a 304 needs (RFC 9110 section 15.4.5)."""
        return manner.dress(self._caching(entry, manner), 304)

    def representation(self, entry: Entry, manner: Manner = PLAIN) -> list[Field]:
        """What every 200 and 206 has, but for the length and the range."""
        fields = [
            *self._caching(entry, manner),
            (b"Content-Type", entry.media_type),
            (b"Accept-Ranges", b"bytes"),
            NOSNIFF,
            *_coding(entry),
        ]
        last_modified = self.last_modified(entry)
        if last_modified is not None:
            fields.append((b"Last-Modified", format_date(last_modified)))
        return manner.dress(fields, 200)

    def error(self, entry: Entry, manner: Manner) -> list[Field]:
        """What an error has whose page is a file."""
        fields = [
            *self.general(),
            (b"Content-Type", entry.media_type),
            (b"Cache-Control", b"no-store"),
            NOSNIFF,
            *_coding(entry),
        ]
        if entry.varies:
            fields.append(_VARY)
        return manner.dress(fields, manner.status)

    def _caching(self, entry: Entry, manner: Manner) -> list[Field]:
        """What every 200, 206 and 304 has."""
        fields = [
            *self.general(),
            (b"ETag", entry.etag),
            (b"Cache-Control", manner.cache_control or self._cache_control),
        ]
        if entry.varies:
            fields.append(_VARY)
        return fields

    def last_modified(self, entry: Entry) -> int | None:
        """Return the time of modification, None where it means nothing or is yet to come."""
        if has_frozen_mtime(entry.mtime) or not 0 < entry.mtime <= self._clock.seconds:
            return None
        return entry.mtime


def _coding(entry: Entry) -> list[Field]:
    return [(b"Content-Encoding", entry.coding)] if entry.coding else []
