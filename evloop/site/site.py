"""From a request to a response: the one place where HTTP meets files.

A request goes through the stages in the order in which they may fail (RFC 9110 section 13.2.1):

    locate      which file the target may mean            405, 400, 404
    detour      a rule that goes before files             30x, 200
    find        that file, or what stands in for it       404, 403, 30x, 500, 503
    judge       preconditions, then the range             304, 412, 416
    render      the fields and the body                   200, 206
    refuse      the site's page for an error, or ours
"""

from collections.abc import Sequence

from evloop.files.bodies import FileBody, SendfileBody
from evloop.files.cache import Cache, Found
from evloop.files.content import BytesBody
from evloop.files.entry import Entry
from evloop.files.reader import Reader
from evloop.http.conditional import CONDITIONAL_FIELDS, Validators, Verdict, evaluate, range_applies
from evloop.http.fields import accepts_html
from evloop.http.ranges import UnsatisfiableRangeError, parse_ranges, unsatisfied_range
from evloop.http.request import Request, RequestError
from evloop.http.responder import Pending
from evloop.http.response import Field, Response
from evloop.http.target import directory_location, parse_target
from evloop.site.clock import Clock
from evloop.site.detours import Detours
from evloop.site.errorpages import ErrorPages, PageError
from evloop.site.fields import ALLOW, ResponseFields
from evloop.site.manner import PLAIN, Manner
from evloop.site.partial import partial_response
from evloop.site.prepared import PreparedResponses
from evloop.site.redirection import redirection
from evloop.site.refusals import Refusals, refusal
from evloop.site.routes import Route, router
from evloop.site.settings import SiteSettings
from evloop.site.siterules import RULE_FILES, SiteRules

__all__ = ["Site", "SiteSettings"]

_SPECIAL_FIELDS = frozenset((*CONDITIONAL_FIELDS, b"range"))


class Site:
    """Answers requests for the files in *cache*; a Responder."""

    def __init__(
        self,
        cache: Cache,
        reader: Reader,
        clock: Clock,
        settings: SiteSettings,
        prepared: PreparedResponses,
        rules: SiteRules | None = None,
    ) -> None:
        self._cache = cache
        self._reader = reader
        self._clock = clock
        self._settings = settings
        self._prepared = prepared
        self._file_body = SendfileBody if settings.sendfile else FileBody
        self._rules = rules
        self.route = router(
            settings.index_names,
            hidden=settings.hidden,
            clean_urls=settings.clean_urls,
            unserved=RULE_FILES if rules is not None else frozenset(),
        )
        self._fields = ResponseFields(clock, settings.cache_control)
        self._refusals = Refusals(clock, self._fields)
        self._detours = Detours(self, settings, rules)
        self._error_pages = ErrorPages(cache, hidden=settings.hidden)
        self.is_file = cache.is_file

    def respond(self, request: Request, now: float) -> Response | Pending:
        """Return the response to *request*, or what has to come first.

        Raises RequestError for what refuse() answers.
        """
        self._clock.refresh(now)
        if request.method not in {b"GET", b"HEAD"}:
            return self._respond_without_file(request)
        if self._rules is not None and now >= self._rules.check_at:
            self._rules.refresh(now)
        path = b""  # of an error, as far as it is known
        try:
            route = self.route(request.target)
            path = route.address[1:]
            return self._respond_at(route, request, now)
        except OSError as error:
            return self._refuse(refusal(error), path, request, now)
        except RequestError as error:
            return self._refuse(error, path, request, now)

    def refuse(self, error: RequestError, request: Request | None, now: float) -> Response:
        """Return the error page for *error*; *request* is None when it was not understood."""
        self._clock.refresh(now)
        if isinstance(error, PageError):
            return error.response
        return self._refusals.response(error, request)

    def _refuse(
        self, error: RequestError, path: bytes, request: Request, now: float
    ) -> Response | Pending:
        """Raise *error*, with the site's page for it if there is one; return what comes first."""
        if not self._settings.error_pages or not accepts_html(request.fields.get(b"accept")):
            raise error
        page = self._error_pages.find(error.status, path, now)
        if page is None:
            raise error
        if not isinstance(page, tuple):
            return page
        changes = self._detours.changes((b"/" + page[0],), request)
        manner = Manner(changes, status=error.status)
        raise PageError(error, self.send(*page, request, now, manner, error.fields)) from error

    # Find

    def _respond_at(self, route: Route, request: Request, now: float) -> Response | Pending:
        """Return the response of what is at *route*, or of what goes before or stands in for it."""
        followed = None if self._rules is None else self._detours.rule(route, request)
        if followed is not None and followed.rule.goes_first:
            return self._detours.follow(followed, route, request, now)
        try:
            found = self.find(route.paths, now)
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError) as error:
            if isinstance(error, IsADirectoryError) and self._detours.has_index(route.target):
                return self.redirect(308, directory_location(route.target), request)
            if followed is not None:
                return self._detours.follow(followed, route, request, now)
            page = self._detours.fallback(route, request, now)
            if page is None:
                raise RequestError(404, str(error)) from error
            return page
        if not isinstance(found, tuple):
            return found
        path, file = found
        if self._settings.clean_urls:
            moved = self._detours.clean(path, route, request)
            if moved is not None:
                self._source(file).close()
                return moved
        manner = PLAIN if self._rules is None else self._manner(path, route, request)
        return self.send(path, file, request, now, manner)

    def _manner(self, path: bytes, route: Route, request: Request) -> Manner:
        own = b"/" + path
        paths = (own,) if own == route.address else (route.address, own)
        changes = self._detours.changes(paths, request)
        return PLAIN if changes is None else Manner(changes)

    def find(self, paths: tuple[bytes, ...], now: float) -> tuple[bytes, Found] | Pending:
        """Return the first of *paths* that is a file, or what has to come first.

        Raises OSError: IsADirectoryError where one is a directory and none a file.
        """
        missing: OSError = FileNotFoundError()
        for path in paths:
            try:
                found = self._cache.find(path, now)
            except (FileNotFoundError, IsADirectoryError, NotADirectoryError) as error:
                if not isinstance(missing, IsADirectoryError):
                    missing = error
                continue
            return (path, found) if isinstance(found, Found) else found
        raise missing

    def redirect(self, status: int, location: bytes, request: Request) -> Response:
        """Return the response that leads to *location*."""
        return redirection(status, location, request, self._fields, self._settings.cache_control)

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
            or not range_applies(fields.get(b"if-range"), validators, seconds)
        ):
            return verdict, None
        try:
            return verdict, parse_ranges(value, entry.size)
        except UnsatisfiableRangeError as error:
            unsatisfied = (b"Content-Range", unsatisfied_range(entry.size))
            raise RequestError(416, "the range selects nothing", (unsatisfied,)) from error

    # Render

    def send(
        self,
        path: bytes,
        found: Found,
        request: Request,
        now: float,
        manner: Manner = PLAIN,
        more: Sequence[Field] = (),
    ) -> Response:
        """Return the response of what was found, which is released unless it is sent.

        *more*: the fields of an error.
        """
        entry = found.entry
        if (
            entry.content is not None
            and request.method == b"GET"
            and _SPECIAL_FIELDS.isdisjoint(request.fields)
            and _is_shared(manner)
        ):
            return self._prepared_response(entry, now, manner)
        source = self._source(found)
        is_used = False
        try:
            response = self._render(request, entry, source, manner)
            response.fields = (*response.fields, *more)
            is_used = response.body is not None
            return response
        finally:
            if not is_used:
                source.close()

    def _prepared_response(self, entry: Entry, now: float, manner: Manner) -> Response:
        """Return the response to every plain request for *entry*."""
        response = self._prepared.get(entry, now, manner.changes)
        if response is None:
            response = Response(
                200,
                self._fields.representation(entry, manner),
                length=entry.size,
                content=entry.content if entry.size else None,
                fresh_until=self._fresh_until(entry),
                is_shared=True,
            )
            self._prepared.keep(entry, response, manner.changes)
        return response

    def _render(
        self, request: Request, entry: Entry, source: FileBody | BytesBody, manner: Manner
    ) -> Response:
        """Return the response of *entry*; *source* is its whole body, to be used or not."""
        if manner.status != 200:
            fields = self._fields.error(entry, manner)
            body = source if entry.size and request.method != b"HEAD" else None
            return Response(manner.status, fields, length=entry.size, body=body)
        verdict, ranges = self._judge(request, entry)
        fresh_until = self._fresh_until(entry)
        if verdict is Verdict.NOT_MODIFIED:
            return Response(304, self._fields.caching(entry, manner), fresh_until=fresh_until)
        fields = self._fields.representation(entry, manner)
        if ranges is not None:
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
        return Response(204, [*self._fields.general(), ALLOW])

    def _fresh_until(self, entry: Entry) -> float:
        # No later than the rules are looked at again: files and rules are as old as the same
        # look at the root.
        return min(self._clock.until, self._cache.fresh_until(entry))


def _is_shared(manner: Manner) -> bool:
    """Whether *manner* is the same for all plain requests for a file."""
    return manner is PLAIN or (
        manner.changes is not None and manner.changes.is_shared and manner[1:] == PLAIN[1:]
    )
