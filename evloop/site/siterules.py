"""The rule files of a site: read at the start, and again when they have changed."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import inf

from evloop.files.cache import Cache
from evloop.files.variants import FORMATS
from evloop.http.request import Request
from evloop.site.prepared import CHANGED_SIZE
from evloop.site.rules.changes import Changes
from evloop.site.rules.dialect import Dialect
from evloop.site.rules.headers import BY_PATHS_SIZE, COMBINED_SIZE, HeaderRules, parse_headers
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

_FREE_SIZE = RULES_SIZE - COMBINED_SIZE - BY_PATHS_SIZE - CHANGED_SIZE
"""Bytes of compiled rules that are not paid for out of the memory budget."""

_log = logging.getLogger("evloop")


class SiteRules:
    """What the rule files in *cache*'s root say. `check_at`: when they are looked at again.

    A file that can't be used, or read, after the start leaves its last good rules in force.
    *cache_control* makes what is sent of the Cache-Control that a rule asks for.
    """

    def __init__(
        self,
        cache: Cache,
        dialect: Dialect,
        *,
        clean_urls: bool = False,
        cache_control: Callable[[bytes], bytes] = lambda value: value,
    ) -> None:
        self._cache = cache
        self._dialect = dialect
        self._clean_urls = clean_urls
        self._cache_control = cache_control
        files = (HEADERS_FILE, REDIRECTS_FILE)
        self._files = {file: cache.watch(file.encode(), MAX_FILE_SIZE) for file in files}
        self._sizes = dict.fromkeys(files, 0)  # bytes of the texts in force
        self._paid = 0  # bytes of the budget
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
        return self.headers.changes(paths, host_of(request) if self.headers.needs_host else b"")

    def _pay(self, file: str, size: int) -> None:
        """Have paid for *size* bytes of text, beyond what is free."""
        price = max(0, size * COST_PER_BYTE - _FREE_SIZE)
        if price > self._paid and not self._cache.reserve(price - self._paid):
            self._files[file].forget()  # there may be more the next time
            raise RuleError(file, 1, f"{price} bytes of the memory budget are wanted")
        if price < self._paid:
            self._cache.budget.release(self._paid - price)
        self._paid = price

    @contextmanager
    def _paying(self, file: str, data: bytes) -> Iterator[None]:
        """Pay for what is made of *data* beside what is there of the rules before.

        Afterwards only what is in force is paid for.
        """
        size = min(len(data), MAX_FILE_SIZE)
        self._pay(file, sum(self._sizes.values()) + size)
        try:
            yield
            self._sizes[file] = size
        finally:
            self._pay(file, sum(self._sizes.values()))

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
        data = self._files[HEADERS_FILE].read()
        if data is None:
            return
        with self._paying(HEADERS_FILE, data):
            self.headers, ignored = parse_headers(data, self._dialect, self._cache_control)
        _report(ignored)

    def _read_redirects(self) -> None:
        data = self._files[REDIRECTS_FILE].read()
        if data is None:
            return
        with self._paying(REDIRECTS_FILE, data):
            clean_urls = self._clean_urls
            self.redirects, ignored = parse_redirects(data, self._dialect, clean_urls=clean_urls)
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
