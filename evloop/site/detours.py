"""What answers a request besides the file at its path: rules, clean addresses, a fallback.

before the file   a rule that goes first
with the file     its clean address, where that is another one
without a file    a rule, then the fallback page
"""

from collections.abc import Callable
from typing import Protocol

from evloop.files.cache import Found
from evloop.http.fields import accepts_html
from evloop.http.request import Request, RequestError
from evloop.http.responder import Pending
from evloop.http.response import Response
from evloop.http.target import Target, parse_target
from evloop.site.cleanurls import clean_address, clean_location, with_extension
from evloop.site.manner import Manner
from evloop.site.routes import Route, index_paths, is_hidden
from evloop.site.rules.changes import Changes
from evloop.site.rules.redirects import Followed
from evloop.site.rules.template import TooLongError
from evloop.site.settings import SiteSettings
from evloop.site.siterules import SiteRules

_BY_NAVIGATION = b"Accept, Sec-Fetch-Mode"
NO_CACHE = b"no-cache"


class Files(Protocol):
    """How a site finds and sends files."""

    def route(self, target: bytes, /) -> Route:
        """Return where the file of a request target may be. Raises RequestError."""

    def stand_in(
        self, paths: tuple[bytes, ...], request: Request, now: float
    ) -> tuple[bytes, Found] | Pending:
        """Return the first of *paths* that is a file. Raises OSError, ClosedError."""

    def is_file(self, path: bytes) -> bool:
        """Whether there is a file at *path*."""

    @property
    def send(self) -> Callable[[Found, Request, float, Manner], Response | Pending]:
        """What returns the response of what was found, or what has to come first."""

    def redirect(self, status: int, location: bytes, route: Route, request: Request) -> Response:
        """Return the response that leads from *route* to *location*."""


class Detours:
    """The ways of a site that do not end at the file of the path."""

    def __init__(self, files: Files, settings: SiteSettings, rules: SiteRules | None) -> None:
        self._files = files
        self._settings = settings
        self._rules = rules

    def rule(self, route: Route, request: Request) -> Followed | None:
        """Return the rule for *route*; one that leads back to the same path is none."""
        if self._rules is None or not self._rules.redirects:
            return None
        followed = self._rules.match(route.address, route.target.query, request)
        if followed is None or not followed.rule.is_redirect:
            return followed
        return None if _leads_back(followed, route.target) else followed

    def follow(
        self, followed: Followed, route: Route, request: Request, now: float
    ) -> Response | Pending:
        """Return the response that a rule asks for. Raises RequestError."""
        rule, values = followed
        try:
            if rule.is_redirect:
                location = rule.to.location(values, route.target.query)
                return self._files.redirect(rule.status, location, route, request)
            target = rule.to.target(values)
        except TooLongError as error:
            raise RequestError(404, "the address that a rule makes is too long") from error
        status = rule.status if rule.status != 200 else 404
        try:
            paths = self._rewritten(target)
        except RequestError as error:
            raise RequestError(status, f"the page of a rule: {error}") from error
        try:
            found = self._files.stand_in(paths, request, now)
        except OSError as error:
            raise RequestError(status, f"the page of a rule: {error}") from error
        if not isinstance(found, tuple):
            return found
        path, file = found
        changes = self.changes((route.address, b"/" + path), request)
        return self._files.send(file, request, now, Manner(changes, status=rule.status))

    def has_index(self, target: Target) -> bool:
        """Whether *target* is a directory that lacks its slash, and has a page."""
        if target.is_directory:
            return False
        hidden = self._settings.hidden
        paths = index_paths(target.path, self._settings.index_names)
        return any(self._files.is_file(path) for path in paths if hidden or not is_hidden(path))

    def clean(self, path: bytes, route: Route, request: Request) -> Response | None:
        """Return the redirect to the clean address of the file at *path*, if it has another one.

        Only if it is the file at that address too, so that no client goes in circles.
        """
        address = clean_address(path, self._settings.index_names)
        if address is None or address == route.target[:2]:
            return None
        before: tuple[bytes, ...] = (address.path,)
        if address.is_directory:
            before = index_paths(address.path, self._settings.index_names)
            before = before[: before.index(path)]
        if any(self._files.is_file(each) for each in before):
            return None
        location = clean_location(address, route.target, request.target)
        return self._files.redirect(308, location, route, request)

    def fallback(self, route: Route, request: Request, now: float) -> Response | Pending | None:
        """Return the fallback page, if the request is one of a person who goes somewhere."""
        page = self._settings.fallback
        if not page or not is_navigation(request, route.target):
            return None
        try:
            found = self._files.stand_in((page,), request, now)
        except OSError:
            return None
        if not isinstance(found, tuple):
            return found
        changes = self.changes((b"/" + page,), request)
        manner = Manner(changes, NO_CACHE, _BY_NAVIGATION)
        return self._files.send(found[1], request, now, manner)

    def changes(self, paths: tuple[bytes, ...], request: Request) -> Changes | None:
        """Return what the rules say about the fields of a response that is at *paths*."""
        return None if self._rules is None else self._rules.changes(paths, request)

    def dress(self, response: Response, route: Route, request: Request) -> Response:
        """Return *response*, which no file is behind, with what the rules say of its address."""
        changes = self.changes((route.address,), request)
        if changes is not None:
            response.fields = changes.apply(response.fields)
        return response

    def _rewritten(self, target: bytes) -> tuple[bytes, ...]:
        """Return where the file of a rewrite may be: nobody can be sent to the right address."""
        route = self._files.route(target)
        path, is_directory, _ = route.target
        if is_directory:
            return route.paths
        more = (*with_extension(path), *index_paths(path, self._settings.index_names))
        return tuple(dict.fromkeys((*route.paths, *more)))


def is_navigation(request: Request, target: Target) -> bool:
    """Whether *request* is for a page to be shown, not for a part of one.

    A browser says so (Fetch Metadata, Sec-Fetch-Mode). Of others, one that reads HTML is taken
    at its word where the name has no extension: a script that is missing is never a page.
    """
    mode = request.fields.get(b"sec-fetch-mode")
    if mode is not None:
        return mode == b"navigate"
    name = b"" if target.is_directory else target.path.rpartition(b"/")[2]
    return b"." not in name and accepts_html(request.fields.get(b"accept"))


def _leads_back(followed: Followed, target: Target) -> bool:
    """Whether a redirect leads to the path that was asked for, and so in circles."""
    rule, values = followed
    if rule.to.is_external or rule.query:
        return False
    try:
        return parse_target(rule.to.target(values))[:2] == target[:2]
    except (TooLongError, RequestError):
        return False
