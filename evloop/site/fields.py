"""The fields of responses."""

from evloop import __version__
from evloop.files.entry import Entry, has_frozen_mtime
from evloop.http.dates import format_date
from evloop.http.response import Field
from evloop.site.clock import Clock

ALLOW = (b"Allow", b"GET, HEAD, OPTIONS")
NOSNIFF = (b"X-Content-Type-Options", b"nosniff")
RETRY_AFTER = (b"Retry-After", b"1")
STRICT_TRANSPORT = b"Strict-Transport-Security"
_VARY = (b"Vary", b"Accept-Encoding")
_SERVER = (b"Server", b"evloop/" + __version__.encode())


class ResponseFields:
    """Makes the fields of responses at the time of *clock*."""

    def __init__(self, clock: Clock, cache_control: bytes, hsts: int = 0) -> None:
        self._clock = clock
        self._cache_control = cache_control
        self._always: tuple[Field, ...] = (_SERVER,)
        if hsts:
            self._always = (_SERVER, (STRICT_TRANSPORT, b"max-age=%d" % hsts))

    def general(self) -> list[Field]:
        """What every response has."""
        return [*self._always, (b"Date", self._clock.date)]

    def caching(self, entry: Entry) -> list[Field]:
        """What a 304 needs (RFC 9110 section 15.4.5), and every 200 and 206 too."""
        fields = [
            *self.general(),
            (b"ETag", entry.etag),
            (b"Cache-Control", self._cache_control),
        ]
        if entry.varies:
            fields.append(_VARY)
        return fields

    def representation(self, entry: Entry) -> list[Field]:
        """What every 200 and 206 has, but for the length and the range."""
        fields = [
            *self.caching(entry),
            (b"Content-Type", entry.media_type),
            (b"Accept-Ranges", b"bytes"),
            NOSNIFF,
        ]
        if entry.coding:
            fields.append((b"Content-Encoding", entry.coding))
        last_modified = self.last_modified(entry)
        if last_modified is not None:
            fields.append((b"Last-Modified", format_date(last_modified)))
        return fields

    def last_modified(self, entry: Entry) -> int | None:
        """Return the time of modification, None where it means nothing or is yet to come."""
        if has_frozen_mtime(entry.mtime) or not 0 < entry.mtime <= self._clock.seconds:
            return None
        return entry.mtime
