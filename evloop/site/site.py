"""From a request to a response: the one place where HTTP meets files.

A response is planned in the order of the failures: method (405), look-up (404, 403,
308), preconditions (304, 412), range (206, 416), and then the file.
"""

import errno
import os
from typing import NamedTuple

from evloop.files.bodies import FileBody, SendfileBody
from evloop.files.cache import Cache, Found
from evloop.files.content import BytesBody
from evloop.files.entry import Entry
from evloop.files.parts import PartsBody
from evloop.files.preload import Preload
from evloop.files.reader import Reader
from evloop.http.conditional import CONDITIONAL_FIELDS, Validators, Verdict, evaluate, range_applies
from evloop.http.error_page import error_page
from evloop.http.fields import accepts_html
from evloop.http.ranges import (
    UnsatisfiableRangeError,
    content_range,
    multipart_preambles,
    parse_ranges,
    unsatisfied_range,
)
from evloop.http.request import Request, RequestError
from evloop.http.response import NEVER, Field, Response, render_head
from evloop.http.target import directory_location, parse_target
from evloop.http1.states import State
from evloop.site.clock import Clock
from evloop.site.fields import ALLOW, NOSNIFF, RETRY_AFTER, ResponseFields, connection_fields
from evloop.site.routes import Route, index_paths, is_hidden, router

_SPECIAL_FIELDS = frozenset((*CONDITIONAL_FIELDS, b"range"))
# After these the client may not mean what it seems to say: the connection is not used again.
_CLOSING = frozenset({400, 408, 414, 431, 505})

_FORBIDDEN = frozenset({errno.EACCES, errno.EPERM})
# EAGAIN: another process has a lease on the file.
_EXHAUSTED = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS, errno.EAGAIN})
_BROKEN = frozenset({errno.EIO, errno.ESTALE, errno.EUCLEAN, errno.ETIMEDOUT})


class SiteSettings(NamedTuple):
    """What of a site is a matter of taste."""

    index_names: tuple[bytes, ...] = (b"index.html",)
    cache_control: bytes = b"public, max-age=3600"
    hidden: bool = False
    """Whether names that begin with a dot are served."""
    sendfile: bool = False
    """Whether the kernel moves the bytes of streamed files."""


class Site:
    """Answers requests for the files in *cache*.

    While `draining` is set, each answer is the last of its connection.
    """

    def __init__(self, cache: Cache, reader: Reader, clock: Clock, settings: SiteSettings) -> None:
        self._cache = cache
        self._reader = reader
        self._clock = clock
        self._settings = settings
        self._file_body = SendfileBody if settings.sendfile else FileBody
        self._route = router(settings.index_names, hidden=settings.hidden)
        self._fields = ResponseFields(clock, settings.cache_control)
        self.draining = False

    def respond(self, request: Request, now: float) -> Response | None:
        """Return the response to *request*; None: its file is not at hand, ask again.

        Raises RequestError for what refuse() answers.
        """
        self._clock.refresh(now)
        if request.method not in {b"GET", b"HEAD"}:
            return self._respond_without_file(request)
        route = self._route(request.target)
        try:
            return self._serve(request, route, now)
        except IsADirectoryError:
            return self._redirect(request)
        except OSError as error:
            raise _refusal(error) from error

    def refuse(self, error: RequestError, request: Request | None, now: float) -> Response:
        """Return the error page for *error*; *request* is None when it was not understood."""
        self._clock.refresh(now)
        html = request is not None and accepts_html(request.fields.get(b"accept"))
        page_type, page = error_page(error.status, html=html)
        after = State.LINGERING
        if request is not None and error.status not in _CLOSING:
            after = self._after(request)
        fields = [
            *self._fields.general(),
            (b"Content-Type", page_type),
            (b"Content-Length", b"%d" % len(page)),
            (b"Cache-Control", b"no-store"),
            NOSNIFF,
            *error.fields,
            *connection_fields(request, after),
        ]
        head = render_head(error.status, fields)
        if request is not None and request.method == b"HEAD":
            page = b""
        return Response(error.status, head, after, page=page)

    # Look-up

    def _find(self, paths: tuple[bytes, ...], now: float) -> Found | Preload:
        for path in paths[:-1]:
            try:
                return self._cache.find(path, now)
            except (FileNotFoundError, IsADirectoryError):
                continue
        return self._cache.find(paths[-1], now)

    def _redirect(self, request: Request) -> Response:
        """Send the client of a directory to the address with the slash, if that has a page."""
        target = parse_target(request.target)
        if target.is_directory or not self._has_index(target.path):
            raise RequestError(404, "a directory without an index")
        page_type, page = error_page(308, html=accepts_html(request.fields.get(b"accept")))
        after = self._after(request)
        fields = [
            *self._fields.general(),
            (b"Location", directory_location(target)),
            (b"Content-Type", page_type),
            (b"Content-Length", b"%d" % len(page)),
            (b"Cache-Control", self._settings.cache_control),
            *connection_fields(request, after),
        ]
        page = b"" if request.method == b"HEAD" else page
        return Response(308, render_head(308, fields), after, page=page)

    # Planning

    def _serve(self, request: Request, route: Route, now: float) -> Response | None:
        found = self._find(route, now)
        if isinstance(found, Preload):
            return None
        entry = found.entry
        if entry.content is not None and self._is_plain(request):
            return self._prepared(entry, now)
        source = self._source(found)
        try:
            response = self._plan(request, entry, source)
        except RequestError:
            source.close()
            raise
        if response.body is None:
            source.close()
        return response

    def _is_plain(self, request: Request) -> bool:
        """Whether nothing but the target decides about the response."""
        return (
            request.method == b"GET"
            and request.keep_alive
            and request.is_http_11
            and not request.has_body
            and not self.draining
            and _SPECIAL_FIELDS.isdisjoint(request.fields)
        )

    def _prepared(self, entry: Entry, now: float) -> Response:
        """Return the response to every plain request for *entry*, made once a second."""
        prepared = entry.prepared
        if not isinstance(prepared, Response) or now >= prepared.fresh_until:
            fields = [
                *self._fields.representation(entry),
                (b"Content-Length", b"%d" % entry.size),
            ]
            prepared = entry.prepared = Response(
                200,
                render_head(200, fields),
                State.IDLE,
                content=entry.content,
                fresh_until=self._fresh_until(entry),
                prepared=True,
            )
        return prepared

    def _plan(self, request: Request, entry: Entry, source: FileBody | BytesBody) -> Response:
        """Return the response of *entry*; *source* is its whole body, to be used or not."""
        after = self._after(request)
        connection = connection_fields(request, after)
        verdict, ranges = self._judge(request, entry)
        fresh_until = self._fresh_until(entry)
        if verdict is Verdict.NOT_MODIFIED:
            fields = [*self._fields.caching(entry), *connection]
            return Response(304, render_head(304, fields), after, fresh_until=fresh_until)
        fields = self._fields.representation(entry)
        if ranges is not None:
            return self._partial(entry, source, ranges, [*fields, *connection], after)
        fields += [(b"Content-Length", b"%d" % entry.size), *connection]
        head = render_head(200, fields)
        if request.method == b"HEAD" or not entry.size:
            return Response(200, head, after, fresh_until=fresh_until)
        if entry.content is not None:
            return Response(200, head, after, content=entry.content, fresh_until=fresh_until)
        return Response(200, head, after, body=source)

    def _judge(self, request: Request, entry: Entry) -> tuple[Verdict, tuple[range, ...] | None]:
        """Evaluate preconditions, then Range (RFC 9110 section 13.2.2)."""
        fields, seconds = request.fields, self._clock.seconds
        if _SPECIAL_FIELDS.isdisjoint(fields):
            return Verdict.PROCEED, None
        validators = Validators(entry.etag, self._fields.last_modified(entry))
        verdict = evaluate(fields, validators, seconds)
        if verdict is Verdict.FAILED:
            raise RequestError(412, "a precondition failed")
        value = fields.get(b"range")
        if (
            verdict is Verdict.NOT_MODIFIED
            or value is None
            or request.method != b"GET"
            or not range_applies(fields.get(b"if-range"), validators, seconds)
        ):
            return verdict, None
        try:
            return verdict, parse_ranges(value, entry.size)
        except UnsatisfiableRangeError as error:
            unsatisfied = (b"Content-Range", unsatisfied_range(entry.size))
            raise RequestError(416, "the range selects nothing", (unsatisfied,)) from error

    def _partial(
        self,
        entry: Entry,
        source: FileBody | BytesBody,
        ranges: tuple[range, ...],
        fields: list[Field],
        after: State,
    ) -> Response:
        """Return the 206 that sends *ranges* of *source*."""
        if len(ranges) == 1:
            source.seek(ranges[0])
            fields += [
                (b"Content-Range", content_range(ranges[0], entry.size)),
                (b"Content-Length", b"%d" % len(ranges[0])),
            ]
            return Response(206, render_head(206, fields), after, body=source)
        boundary = os.urandom(12).hex().encode()
        texts, ending = multipart_preambles(ranges, entry.size, entry.media_type, boundary)
        body = PartsBody(source, list(zip(texts, ranges, strict=True)), ending)
        multipart = b"multipart/byteranges; boundary=" + boundary
        fields = [(b"Content-Type", multipart), *(f for f in fields if f[0] != b"Content-Type")]
        fields.append((b"Content-Length", b"%d" % body.remaining))
        return Response(206, render_head(206, fields), after, body=body)

    def _source(self, found: Found) -> FileBody | BytesBody:
        """Return the whole body of what was found, which owns what *found* owned."""
        entry = found.entry
        content = found.private or entry.content
        if content is None:
            promised = entry.signature if entry.is_strong else None
            return self._file_body(found.fd, range(entry.size), self._reader, promised)
        body = content.body(0, entry.size)
        if found.private is not None:
            found.private.release()
        return body

    def _respond_without_file(self, request: Request) -> Response:
        if request.method != b"OPTIONS":
            raise RequestError(405, "method not allowed", (ALLOW,))
        if request.target != b"*":
            parse_target(request.target)
        after = self._after(request)
        fields = [*self._fields.general(), ALLOW, *connection_fields(request, after)]
        return Response(204, render_head(204, fields), after)

    # Time and state

    def _fresh_until(self, entry: Entry) -> float:
        if self.draining:
            return NEVER
        return min(self._clock.until, self._cache.fresh_until(entry))

    def _after(self, request: Request) -> State:
        """Return the state that follows the response to *request*."""
        if request.has_body or self.draining:
            return State.LINGERING
        return State.IDLE if request.keep_alive else State.CLOSED

    def _has_index(self, path: bytes) -> bool:
        settings = self._settings
        paths = index_paths(path, settings.index_names)
        return any(
            self._cache.is_file(path) for path in paths if settings.hidden or not is_hidden(path)
        )


def _refusal(error: OSError) -> RequestError:
    """Say nothing that tells a file outside the root from one that does not exist."""
    if error.errno in _FORBIDDEN:
        return RequestError(403, str(error))
    if error.errno in _EXHAUSTED:
        return RequestError(503, str(error), (RETRY_AFTER,))
    if error.errno in _BROKEN:
        return RequestError(500, str(error))
    return RequestError(404, str(error))
