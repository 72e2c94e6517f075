"""From a request to a response: the one place where HTTP meets files.

A request goes through the stages in the order in which they may fail (RFC 9110 section 13.2.1):

    locate      which file the target may mean            405, 400, 404
    detour      a redirect of a rule that goes first      30x
    authorise   who asks, if the site has passwords       401, 429, 503
    find        that file, or what stands in for it       404, 403, 30x, 500, 503
    negotiate   in which content coding                   503
    judge       preconditions, then the range             304, 412, 416
    render      the fields and the body                   200, 206
    refuse      the site's page for an error, or ours

The stages from negotiate to render are the Renderer's.
"""

from collections.abc import Callable

from evloop.files.cache import Cache, Found
from evloop.files.entry import Entry
from evloop.files.reader import Reader
from evloop.http.fields import accepts_html
from evloop.http.request import Request, RequestError
from evloop.http.responder import Pending
from evloop.http.response import Response
from evloop.http.target import directory_location, parse_target
from evloop.site.clock import Clock
from evloop.site.detours import Detours
from evloop.site.dictionaries import DictionaryFields
from evloop.site.directories import NO_DIRECTORIES, Directories
from evloop.site.errorpages import ErrorPages, PageError
from evloop.site.fields import ALLOW, RETRY_AFTER, ResponseFields
from evloop.site.gatekeeper import Gate
from evloop.site.manner import PLAIN, Manner
from evloop.site.negotiator import Negotiator
from evloop.site.prepared import PreparedResponses
from evloop.site.redirection import redirection
from evloop.site.refusals import ClosedError, Refusals, refusal
from evloop.site.renderer import Renderer
from evloop.site.representation import ReprDigests
from evloop.site.routes import Route
from evloop.site.rules.redirects import Followed
from evloop.site.settings import SiteSettings
from evloop.site.siterules import SiteRules

_NOT_FOUND = (FileNotFoundError, IsADirectoryError, NotADirectoryError)
_REASONS: dict[type[OSError], str] = {
    FileNotFoundError: "no such file",
    IsADirectoryError: "a directory without an index",
    NotADirectoryError: "not a directory",
}
_NO_INDEX = (FileNotFoundError, IsADirectoryError)


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
        rules: SiteRules | None = None,
        error_pages: ErrorPages | None = None,
        has_place: Callable[[], bool] = lambda: True,
        digests: ReprDigests | None = None,
    ) -> None:
        self._cache = cache
        self._clock = clock
        self._settings = settings
        self._gate = gate
        self._directories = directories
        self._rules = rules
        self._error_pages = error_pages
        self._has_place = has_place
        self.route = settings.router()
        self._fields = ResponseFields(
            clock,
            settings.cache_control,
            (*settings.origin.fields, *settings.more_fields),
            settings.origin.vary,
            DictionaryFields(settings.index_names) if settings.dictionaries else None,
        )
        self._refusals = Refusals(clock, self._fields, prepared.on_forget)
        self.send = Renderer(
            reader,
            clock,
            self._fields,
            prepared,
            negotiator,
            digests,
            fresh_until=self._fresh_until,
            has_place=has_place,
            sendfile=settings.sendfile,
        ).send
        self._detours = Detours(self, settings, rules)
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
            try:
                route = self.route(request.target)
                path = route.address[1:]
                return self._respond_at(route, request, now)
            except OSError as error:
                raise refusal(error) from error
        except RequestError as error:
            page = self._error_page(error, path, request, now)
            if page is None:
                raise
            if isinstance(page, Response):
                raise PageError(error, page) from error
            return page

    def refuse(self, error: RequestError, request: Request | None, now: float) -> Response:
        """Return the error page for *error*; *request* is None when it was not understood."""
        self._clock.refresh(now)
        if isinstance(error, PageError):
            return error.response
        return self._refusals.response(error, request)

    # It raises nothing that it is given: a frame of the traceback that has the error in a variable
    # is garbage that only a collection finds.
    def _error_page(
        self, error: RequestError, path: bytes, request: Request, now: float
    ) -> Response | Pending | None:
        """Return the site's page for *error*, or what has to come first; None: there is none."""
        pages = self._error_pages
        if pages is None or error.status not in pages.statuses or isinstance(error, ClosedError):
            return None
        if not accepts_html(request.fields.get(b"accept")):
            return None
        try:
            page = self._authorise(request, b"", now) or pages.find(error.status, path, now)
        except RequestError:
            return None  # the page is only for those who may come in
        if not isinstance(page, tuple):
            return page
        changes = self._detours.changes((b"/" + page[0],), request)
        manner = Manner(changes, status=error.status)
        try:
            return self.send(page[1], request, now, manner, error.fields)
        except OSError:
            return None

    def _authorise(self, request: Request, path: bytes, now: float) -> Pending | None:
        return None if self._gate is None else self._gate.authorise(request, path, now)

    # Find

    def _respond_at(self, route: Route, request: Request, now: float) -> Response | Pending:
        """Return the response of what is at *route*, or of what goes before or stands in for it."""
        followed = None if self._rules is None else self._detours.rule(route, request)
        goes_first = followed is not None and followed.rule.goes_first
        if followed is not None and goes_first and followed.rule.is_redirect:
            return self._detours.follow(followed, route, request, now)
        waits_for = self._authorise(request, route.target.path, now)
        if waits_for is not None:
            return waits_for
        if followed is not None and goes_first:
            return self._detours.follow(followed, route, request, now)
        try:
            if route.target.query and self._directories.is_archive(route.target):
                return self._archive(route, request, now)
            found = self.find(route.paths, now)
        except _NOT_FOUND as error:
            return self._without_file(error, followed, route, request, now)
        if not isinstance(found, tuple):
            return found
        path, file = found
        if self._settings.clean_urls:
            moved = self._detours.clean(path, route, request)
            if moved is not None:
                file.close()
                return moved
        manner = PLAIN if self._rules is None else self._manner(path, route, request)
        return self.send(file, request, now, manner)

    def find(self, paths: tuple[bytes, ...], now: float) -> tuple[bytes, Found] | Pending:
        """Return the first of *paths* that is a file, or what has to come first.

        Raises OSError: IsADirectoryError where one is a directory and none a file.
        """
        kind: type[OSError] = FileNotFoundError
        for path in paths:
            try:
                found = self._cache.find(path, now)
            except _NOT_FOUND as error:
                if kind is not IsADirectoryError:
                    kind = type(error)
                continue
            return (path, found) if isinstance(found, Found) else found
        raise kind(_REASONS[kind])

    def stand_in(
        self, paths: tuple[bytes, ...], request: Request, now: float
    ) -> tuple[bytes, Found] | Pending:
        """Return what is sent in place of what *request* asks for, or what has to come first.

        It is only for those who may come in, although the address may be open to all.

        Raises OSError, ClosedError.
        """
        try:
            waits_for = self._authorise(request, b"", now)
        except RequestError as error:
            raise ClosedError(error) from error
        return waits_for or self.find(paths, now)

    def _without_file(
        self,
        error: OSError,
        followed: Followed | None,
        route: Route,
        request: Request,
        now: float,
    ) -> Response | Pending:
        """Return what stands in for a file; *error* says why there is none.

        A directory with an index has the address with the slash. Then what the site says by its
        rules goes before what the server makes by itself, and that before the fallback page,
        which is for all that is not there.
        """
        is_directory = isinstance(error, IsADirectoryError)
        if is_directory and self._detours.has_index(route.target):
            return self.redirect(308, directory_location(route.target), route, request)
        if followed is not None:
            return self._detours.follow(followed, route, request, now)
        made = self._directory(error, route, request) or self._detours.fallback(route, request, now)
        if made is None:
            raise RequestError(404, str(error)) from error
        return made

    def _directory(self, error: OSError, route: Route, request: Request) -> Response | None:
        """Return the listing of what may be a directory, or the way to its address."""
        target = route.target
        if not target.is_directory:
            if isinstance(error, IsADirectoryError) and self._directories.answers(target):
                return self.redirect(308, directory_location(target), route, request)
            return None
        if not self._directories.lists or not isinstance(error, _NO_INDEX):
            return None
        self._need_place(request)
        try:
            general = self._fields.general(vary=b"Accept")
            response = self._directories.listing(request, target, general)
        except (FileNotFoundError, NotADirectoryError):
            return None
        return self._detours.dress(response, route, request)

    def _archive(self, route: Route, request: Request, now: float) -> Response:
        self._cache.look_at_root(now)
        self._need_place(request)
        response = self._directories.archive(request, route.target, self._fields.general())
        return self._detours.dress(response, route, request)

    def _need_place(self, request: Request) -> None:
        """Raise RequestError 503 when there is no place for what is made while it is sent."""
        if request.method == b"GET" and not self._has_place():
            raise RequestError(503, "too many large answers at work", (RETRY_AFTER,))

    # Fields

    def _manner(self, path: bytes, route: Route, request: Request) -> Manner:
        own = b"/" + path
        paths = (own,) if own == route.address else (route.address, own)
        changes = self._detours.changes(paths, request)
        return PLAIN if changes is None else Manner(changes)

    def redirect(self, status: int, location: bytes, route: Route, request: Request) -> Response:
        """Return the response that leads from *route* to *location*."""
        cache_control = self._settings.cache_control
        response = redirection(status, location, request, self._fields, cache_control)
        has_fields = self._rules is not None and self._rules.fields_on_redirects
        return self._detours.dress(response, route, request) if has_fields else response

    def _respond_without_file(self, request: Request) -> Response:
        if request.method != b"OPTIONS":
            raise RequestError(405, "method not allowed", (ALLOW,))
        if request.target != b"*":
            parse_target(request.target)
        return Response(204, [*self._fields.general(), ALLOW, *self._settings.origin.preflight])

    def _fresh_until(self, entry: Entry) -> float:
        # No later than the rules are looked at again: files and rules are as old as the same
        # look at the root.
        until = min(self._clock.until, self._cache.fresh_until(entry))
        return until if self._gate is None else min(until, self._gate.fresh_until)
