"""From a request to a response: the one place where HTTP meets files.

A request goes through the stages in the order in which they may fail (RFC 9110 section 13.2.1):

    locate      which file the target may mean            405, 400, 404
    authorise   who asks, if the site has passwords       401, 429, 503
    find        that file                                 404, 403, 308, 500, 503
    negotiate   in which content coding                   503
    judge       preconditions, then the range             304, 412, 416
    render      the fields and the body                   200, 206
"""

from collections.abc import Callable, Sequence
from typing import Protocol

from evloop.files.bodies import FileBody, SendfileBody
from evloop.files.cache import Cache, Found
from evloop.files.content import BytesBody
from evloop.files.entry import Entry
from evloop.files.reader import Reader
from evloop.http.conditional import CONDITIONAL_FIELDS, Validators, Verdict, evaluate, range_applies
from evloop.http.ranges import UnsatisfiableRangeError, parse_ranges, unsatisfied_range
from evloop.http.request import Request, RequestError
from evloop.http.responder import Pending
from evloop.http.response import Response
from evloop.http.target import Target, directory_location, parse_target
from evloop.site.clock import Clock
from evloop.site.dictionaries import DictionaryFields
from evloop.site.directories import NO_DIRECTORIES, Directories
from evloop.site.fields import ALLOW, RETRY_AFTER, ResponseFields
from evloop.site.negotiator import Negotiator
from evloop.site.partial import partial_response
from evloop.site.prepared import PreparedResponses
from evloop.site.redirection import redirection
from evloop.site.refusals import Refusals, refusal
from evloop.site.representation import ReprDigests, digest_field
from evloop.site.routes import index_paths, is_hidden, router, single_file_router
from evloop.site.settings import SiteSettings

__all__ = ["Site", "SiteSettings"]

_SPECIAL_FIELDS = frozenset((*CONDITIONAL_FIELDS, b"range", b"want-repr-digest"))
_NO_INDEX = (FileNotFoundError, IsADirectoryError)


class Gate(Protocol):
    """Knows who may come in."""

    @property
    def fresh_until(self) -> float:
        """Until when a response may be sent again without asking, on the reactor's clock."""

    def authorise(self, request: Request, path: bytes, now: float) -> Pending | None:
        """Return None if *request* may have what is at *path*, or what has to come first.

        Raises RequestError.
        """


class Site:
    """Answers requests for the files in *cache*, those that *gate* lets pass; a Responder.

    *has_place* tells whether a response may take more than a light one does while it is sent.
    """

    def __init__(
        self,
        cache: Cache,
        reader: Reader,
        clock: Clock,
        settings: SiteSettings,
        prepared: PreparedResponses,
        *,
        gate: Gate | None = None,
        directories: Directories = NO_DIRECTORIES,
        negotiator: Negotiator | None = None,
        has_place: Callable[[], bool] = lambda: True,
        digests: ReprDigests | None = None,
    ) -> None:
        self._cache = cache
        self._reader = reader
        self._clock = clock
        self._settings = settings
        self._prepared = prepared
        self._directories = directories
        self._negotiator = negotiator
        self._has_place = has_place
        self._digests = digests
        self._file_body = SendfileBody if settings.sendfile else FileBody
        self._gate = gate
        self._route = (
            single_file_router(settings.only)
            if settings.only is not None
            else router(settings.index_names, hidden=settings.hidden)
        )
        more = (*settings.origin.fields, *settings.more_fields)
        self._fields = ResponseFields(
            clock,
            settings.cache_control,
            more,
            settings.origin.vary,
            DictionaryFields(settings.index_names) if settings.dictionaries else None,
        )
        self._refusals = Refusals(clock, self._fields, prepared.on_forget)

    def respond(self, request: Request, now: float) -> Response | Pending:
        """Return the response to *request*, or what has to come first.

        Raises RequestError for what refuse() answers.
        """
        self._clock.refresh(now)
        if request.method not in {b"GET", b"HEAD"}:
            return self._respond_without_file(request)
        route = self._route(request.target)
        if self._gate is not None:
            waits_for = self._gate.authorise(request, route.target.path, now)
            if waits_for is not None:
                return waits_for
        try:
            if route.target.query and self._directories.is_archive(route.target):
                self._cache.look_at_root(now)
                self._need_place(request)
                return self._directories.archive(request, route.target, self._fields.general())
            found = self._find(route.paths, now)
            if self._negotiator is not None and isinstance(found, Found):
                found = self._negotiator.select(found, request, now)
            if not isinstance(found, Found):
                return found
            if self._digests is not None and b"want-repr-digest" in request.fields:
                digest = self._digests.pending(found.entry, request, now)
                if digest is not None:
                    found.close()
                    return digest
            return self._respond_with(found, request, now)
        except OSError as error:
            return self._without_file(request, route.target, error)

    def refuse(self, error: RequestError, request: Request | None, now: float) -> Response:
        """Return the error page for *error*; *request* is None when it was not understood."""
        self._clock.refresh(now)
        return self._refusals.response(error, request)

    # Find

    def _find(self, paths: tuple[bytes, ...], now: float) -> Found | Pending:
        if not paths:
            raise FileNotFoundError("not the one file")
        for path in paths[:-1]:
            try:
                return self._cache.find(path, now)
            except (FileNotFoundError, IsADirectoryError):
                continue
        return self._cache.find(paths[-1], now)

    def _without_file(self, request: Request, target: Target, error: OSError) -> Response:
        """Answer what has no file to be answered with: a directory, or else *error* says why."""
        if isinstance(error, IsADirectoryError) and not target.is_directory:
            return self._redirect(request, target)
        if not (target.is_directory and isinstance(error, _NO_INDEX)):
            raise refusal(error) from error
        self._need_place(request)
        try:
            general = self._fields.general(vary=b"Accept")
            return self._directories.listing(request, target, general)
        except OSError as trouble:
            raise refusal(trouble) from trouble

    def _need_place(self, request: Request) -> None:
        """Raise RequestError 503 when there is no place for what is made while it is sent."""
        if request.method == b"GET" and not self._has_place():
            raise RequestError(503, "too many large answers at work", (RETRY_AFTER,))

    def _redirect(self, request: Request, target: Target) -> Response:
        """Send the client of a directory to the address with the slash, if that has a page."""
        if not self._directories.answers(target) and not self._has_index(target.path):
            raise RequestError(404, "a directory without an index")
        location, cache_control = directory_location(target), self._settings.cache_control
        return redirection(308, location, request, self._fields, cache_control)

    def _has_index(self, path: bytes) -> bool:
        settings = self._settings
        paths = index_paths(path, settings.index_names)
        return any(
            self._cache.is_file(path) for path in paths if settings.hidden or not is_hidden(path)
        )

    # Judge

    def _judge(self, request: Request, entry: Entry) -> tuple[Verdict, Sequence[range] | None]:
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
            or not range_applies(fields.get(b"if-range"), entry.etag)
        ):
            return verdict, None
        try:
            return verdict, parse_ranges(value, entry.size)
        except UnsatisfiableRangeError as error:
            unsatisfied = (b"Content-Range", unsatisfied_range(entry.size))
            raise RequestError(416, "the range selects nothing", (unsatisfied,)) from error

    # Render

    def _respond_with(self, found: Found, request: Request, now: float) -> Response:
        """Return the response of what was found, which is released unless it is sent."""
        entry = found.entry
        if (
            entry.content is not None
            and request.method == b"GET"
            and _SPECIAL_FIELDS.isdisjoint(request.fields)
        ):
            return self._prepared_response(entry, now)
        source = self._source(found)
        is_used = False
        try:
            response = self._render(request, entry, source)
            is_used = response.body is not None
            return response
        finally:
            if not is_used:
                source.close()

    def _prepared_response(self, entry: Entry, now: float) -> Response:
        """Return the response to every plain request for *entry*."""
        response = self._prepared.get(entry, now)
        if response is None:
            response = Response(
                200,
                self._fields.representation(entry),
                length=entry.size,
                content=entry.content if entry.size else None,
                fresh_until=self._fresh_until(entry),
                is_shared=True,
            )
            self._prepared.keep(entry, response)
        return response

    def _render(self, request: Request, entry: Entry, source: FileBody | BytesBody) -> Response:
        """Return the response of *entry*; *source* is its whole body, to be used or not."""
        verdict, ranges = self._judge(request, entry)
        fresh_until = self._fresh_until(entry)
        if verdict is Verdict.NOT_MODIFIED:
            return Response(304, self._fields.caching(entry), fresh_until=fresh_until)
        fields = self._fields.representation(entry)
        digest = digest_field(entry, request)
        if digest is not None:
            fields.append(digest)
        # Several parts take memory for as long as the client likes. Range may be ignored (RFC 9110
        # section 14.2).
        if ranges is not None and (len(ranges) == 1 or self._has_place()):
            return partial_response(entry, source, ranges, fields)
        size = entry.size
        if request.method == b"HEAD" or not size:
            return Response(200, fields, length=size, fresh_until=fresh_until)
        if entry.content is not None:
            return Response(
                200, fields, length=size, content=entry.content, fresh_until=fresh_until
            )
        return Response(200, fields, length=size, body=source)

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
        return Response(204, [*self._fields.general(), ALLOW, *self._settings.origin.preflight])

    def _fresh_until(self, entry: Entry) -> float:
        until = min(self._clock.until, self._cache.fresh_until(entry))
        return until if self._gate is None else min(until, self._gate.fresh_until)
