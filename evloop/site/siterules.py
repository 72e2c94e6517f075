"""The rule files of a site: read at the start, and again when they have changed."""

import logging
from collections.abc import Callable
from math import inf

from evloop.files.cache import Cache
from evloop.files.variants import FORMATS
from evloop.http.request import Request
from evloop.site.rules.dialect import Dialect
from evloop.site.rules.headers import Changes, HeaderRules, parse_headers
from evloop.site.rules.model import (
    COST_PER_BYTE,
    HEADERS_FILE,
    MAX_FILE_SIZE,
    REDIRECTS_FILE,
    RULES_SIZE,
    Ignored,
    RuleError,
)
from evloop.site.rules.redirects import Followed, RedirectRules, parse_redirects

RULE_FILES = frozenset(
    file.encode() + ending
    for file in (HEADERS_FILE, REDIRECTS_FILE)
    for ending in (b"", *(each.ending for each in FORMATS))
)
"""Names at the root of the site that are never served, listed or sent in archives: the files, and
what somebody may have compressed beside them."""

# Of one file: more are counted, and `evloop check-site` has them all.
_MAX_REPORTED = 20

# Paths whose changes are remembered; all of them take less than 256 KiB.
_MAX_REMEMBERED = 512
_MAX_REMEMBERED_SIZE = 256  # bytes of an address and of the path of its file

_log = logging.getLogger("evloop")


class SiteRules:
    """What the rule files in *cache*'s root say. `check_at`: when they are looked at again.

    A file that can't be used, or read, after the start leaves its last good rules in force.
    """

    def __init__(self, cache: Cache, dialect: Dialect, *, clean_urls: bool = False) -> None:
        self._cache = cache
        self._dialect = dialect
        self._clean_urls = clean_urls
        self._headers_file = cache.watch(HEADERS_FILE.encode(), MAX_FILE_SIZE)
        self._redirects_file = cache.watch(REDIRECTS_FILE.encode(), MAX_FILE_SIZE)
        self._sizes = {HEADERS_FILE: 0, REDIRECTS_FILE: 0}
        self._paid = 0  # bytes of the budget
        self._changes: dict[tuple[bytes, ...], Changes | None] = {}  # by address and file
        self._complaints: dict[str, str] = {}
        self.headers = HeaderRules(dialect)
        self.redirects = RedirectRules(dialect)
        self.fields_on_redirects = dialect.headers_on_redirects
        self.check_at = -inf

    def load(self, now: float) -> None:
        """Read the files for the first time. Raises RuleError or OSError."""
        self.check_at = self._cache.look(now)
        self._read_headers()
        self._read_redirects()

    def refresh(self, now: float) -> None:
        """Look at the files again."""
        self.check_at = self._cache.look(now)
        self._try(HEADERS_FILE, self._read_headers)
        self._try(REDIRECTS_FILE, self._read_redirects)

    def close(self) -> None:
        """Give back what the rules have cost."""
        self._cache.budget.release(self._paid)
        self._paid = 0

    def match(self, path: bytes, query: bytes, request: Request) -> Followed | None:
        """Return the redirect, rewrite or error for a path, decoded and with its slash."""
        if not self.redirects:
            return None
        host = host_of(request) if self.redirects.needs_host else b""
        return self.redirects.match(path, query, host)

    def changes(self, paths: tuple[bytes, ...], request: Request) -> Changes | None:
        """Return what is done to the fields of a response that is at *paths*."""
        if not self.headers:
            return None
        if self.headers.needs_host:
            return self.headers.changes(paths, host_of(request))
        if paths in self._changes:
            return self._changes[paths]
        changes = self.headers.changes(paths)
        is_kept = changes is None or changes.is_shared
        if is_kept and sum(map(len, paths)) <= _MAX_REMEMBERED_SIZE:
            if len(self._changes) == _MAX_REMEMBERED:
                self._changes.clear()
            self._changes[paths] = changes
        return changes

    def _pay(self, file: str, size: int) -> None:
        """Pay for *size* bytes of rules in *file*, beyond what is free.

        When a file turns out to be wrong the price stays, until it is right again: the rules
        that stay in force may have cost more than it would.
        """
        sizes = {**self._sizes, file: size}
        price = max(0, min(sum(sizes.values()), 2 * MAX_FILE_SIZE) * COST_PER_BYTE - RULES_SIZE)
        if price > self._paid and not self._cache.reserve(price - self._paid):
            raise RuleError(file, 1, f"{price} bytes of the memory budget are wanted")
        if price < self._paid:
            self._cache.budget.release(self._paid - price)
        self._sizes, self._paid = sizes, price

    def _try(self, file: str, read: Callable[[], None]) -> None:
        try:
            read()
        except (RuleError, OSError) as error:
            reason = str(error) if isinstance(error, RuleError) else f"{file}: {error.strerror}"
            if self._complaints.get(file) != reason:
                self._complaints[file] = reason
                _log.error("%s; its last good rules stay in force", reason)
        else:
            self._complaints.pop(file, None)

    def _read_headers(self) -> None:
        data = self._headers_file.read()
        if data is not None:
            self._pay(HEADERS_FILE, len(data))
            self.headers, ignored = parse_headers(data, self._dialect)
            self._changes.clear()
            _report(ignored)

    def _read_redirects(self) -> None:
        data = self._redirects_file.read()
        if data is not None:
            self._pay(REDIRECTS_FILE, len(data))
            self.redirects, ignored = parse_redirects(
                data, self._dialect, clean_urls=self._clean_urls
            )
            _report(ignored)


def host_of(request: Request) -> bytes:
    """Return the host that *request* is for, in lower case and without its port."""
    host = request.fields.get(b"host", b"").lower()
    name, colon, port = host.rpartition(b":")
    return name if colon and port.isdigit() else host


def _report(ignored: list[Ignored]) -> None:
    for each in ignored[:_MAX_REPORTED]:
        _log.warning("%s; the line is ignored", each)
    if len(ignored) > _MAX_REPORTED:
        more = len(ignored) - _MAX_REPORTED
        _log.warning("%s: %d more lines are ignored", ignored[0].file, more)
