"""The fields of responses."""

from collections.abc import Sequence

from evloop import __version__
from evloop.files.entry import Entry, has_frozen_mtime
from evloop.http.dates import format_date
from evloop.http.response import Field
from evloop.site.clock import Clock
from evloop.site.dictionaries import DictionaryFields
from evloop.site.manner import PLAIN, Manner

ALLOW = (b"Allow", b"GET, HEAD, OPTIONS")
NOSNIFF = (b"X-Content-Type-Options", b"nosniff")
RETRY_AFTER = (b"Retry-After", b"1")
STRICT_TRANSPORT = b"Strict-Transport-Security"
_SHARED_CACHING = frozenset({b"public", b"s-maxage"})
_SERVER = (b"Server", b"evloop/" + __version__.encode())


def private_cache_control(value: bytes) -> bytes:
    """Return *value* for what is behind a password: no shared cache may keep it.

    `public`, s-maxage and must-revalidate would let one do that (RFC 9111 section 3.5); `private`
    forbids it whatever stands beside it.
    """
    parts = [part.strip() for part in value.split(b",")]
    names = [part.partition(b"=")[0].strip().lower() for part in parts]
    kept = [p for p, name in zip(parts, names, strict=True) if name not in _SHARED_CACHING]
    if not {b"private", b"no-store"}.intersection(names):
        kept.insert(0, b"private")
    return b", ".join(kept)


class ResponseFields:
    """Makes the fields of responses at the time of *clock*; *more* are in each of them.

    *vary* is the request field on which all of them depend, if there is one; *dictionaries* knows
    which files have later versions.
    """

    def __init__(
        self,
        clock: Clock,
        cache_control: bytes,
        more: Sequence[Field] = (),
        vary: bytes = b"",
        dictionaries: DictionaryFields | None = None,
    ) -> None:
        self._clock = clock
        self._cache_control = cache_control
        self._more = more
        self._vary = vary
        self._dictionaries = dictionaries

    def general(self, vary: bytes = b"") -> list[Field]:
        """What every response has; *vary* is a request field on which this one depends."""
        fields = [_SERVER, (b"Date", self._clock.date), *self._more]
        if vary or self._vary:
            fields.append((b"Vary", b", ".join(filter(None, (vary, self._vary)))))
        return fields

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
        if self._dictionaries is not None:
            fields += self._dictionaries.fields(entry)
        last_modified = self.last_modified(entry)
        if last_modified is not None:
            fields.append((b"Last-Modified", format_date(last_modified)))
        return manner.dress(fields, 200)

    def error(self, entry: Entry, manner: Manner) -> list[Field]:
        """What an error has whose page is a file."""
        fields = [
            *self.general(entry.vary),
            (b"Content-Type", entry.media_type),
            (b"Cache-Control", b"no-store"),
            NOSNIFF,
            *_coding(entry),
        ]
        return manner.dress(fields, manner.status)

    def _caching(self, entry: Entry, manner: Manner) -> list[Field]:
        """What every 200, 206 and 304 has."""
        return [
            *self.general(entry.vary),
            (b"ETag", entry.etag),
            (b"Cache-Control", manner.cache_control or self._cache_control),
        ]

    def last_modified(self, entry: Entry) -> int | None:
        """Return the time of modification, None where it means nothing or is yet to come."""
        if has_frozen_mtime(entry.mtime) or not 0 < entry.mtime <= self._clock.seconds:
            return None
        return entry.mtime


def _coding(entry: Entry) -> list[Field]:
    return [(b"Content-Encoding", entry.coding)] if entry.coding else []
