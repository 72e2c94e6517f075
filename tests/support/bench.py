"""A site over a directory, asked without a socket; its clocks are numbers."""

import os
import time
from pathlib import Path
from typing import NamedTuple

from evloop.files.cache import Cache, CacheSettings, Found
from evloop.files.compression import Compressor
from evloop.files.content import Budget
from evloop.files.deltas import Deltas
from evloop.files.listing import SORT_SIZE
from evloop.files.reader import Reader
from evloop.files.root import Root
from evloop.files.variants import Variants
from evloop.http.dates import format_date
from evloop.http.head_fields import field_pattern
from evloop.http.request import Request, RequestError
from evloop.http.response import Body, Response
from evloop.http1.head import parse_head
from evloop.http1.states import State
from evloop.http1.writer import Answer as Written
from evloop.http1.writer import write as write_response
from evloop.settings.choices import Symlinks
from evloop.site.archives import Archives
from evloop.site.clock import Clock
from evloop.site.dictionaries import READ_FIELDS
from evloop.site.directories import Directories
from evloop.site.errorpages import ErrorPages
from evloop.site.gatekeeper import Gate
from evloop.site.listing import Listings
from evloop.site.negotiator import Negotiator
from evloop.site.prepared import PreparedResponses
from evloop.site.representation import ReprDigests
from evloop.site.rules.dialect import Dialect
from evloop.site.settings import SiteSettings
from evloop.site.site import Site
from evloop.site.siterules import RULE_FILES, SiteRules
from tests.support.client import parse_head as parse_response_head
from tests.support.client import request as request_head
from tests.support.scheduler import Scheduler

WALL = 1_700_000_000
"""The time of day in these tests: Tue, 14 Nov 2023 22:13:20 GMT."""
OLD = WALL - 100_000
"""When the files of these tests were modified, unless they say otherwise."""

_MAX_STEPS = 1000
_TURN = 0.002  # seconds
_FAR = 1e9


class Answer(NamedTuple):
    """A response as a client would see it, and whether it is the last of its connection."""

    status: int
    fields: dict[str, str]
    body: bytes
    closes: bool


def write(path: Path, data: bytes, mtime: float = OLD) -> Path:
    """Make a file, and its directories, with a time of modification in seconds."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    os.utime(path, ns=(int(mtime * 1e9), int(mtime * 1e9)))
    return path


def later_ns() -> int:
    """Return a time of day at which every file of a test has been left alone long enough."""
    return time.time_ns() + 3600 * 1_000_000_000


class Bench:
    """A Site over *path*. Closes what it opens; use it as a context."""

    def __init__(
        self,
        path: Path,
        cache_settings: CacheSettings | None = None,
        site_settings: SiteSettings | None = None,
        *,
        symlinks: Symlinks = Symlinks.INSIDE,
        openat2: bool = True,
        lists: bool = False,
        archives: bool = False,
        compress: bool = False,
        dictionaries: bool = False,
        dialect: Dialect | None = None,
        error_pages: bool = True,
        gate: Gate | None = None,
    ) -> None:
        self.root = Root(str(path), symlinks, openat2=openat2)
        self.reader = Reader(4 * 1024)
        self.scheduler = Scheduler()
        self.cache = Cache(
            self.root,
            self.reader,
            cache_settings or CacheSettings(),
            wall_ns=later_ns,
            call_at=self.scheduler.call_at,
        )
        self.clock = stopped_clock(WALL)
        self.prepared = PreparedResponses()
        settings = site_settings or SiteSettings(dictionaries=dictionaries)
        self.rules: SiteRules | None = None
        if dialect is not None:
            settings = settings._replace(unserved=RULE_FILES)
            self.rules = SiteRules(self.cache, dialect, clean_urls=settings.clean_urls)
            self.rules.load(0.0)
        self.directories = self._directories(settings, lists=lists, archives=archives)
        self.complaints: list[tuple[bytes, str]] = []
        self.variants = Variants(self.root, self.reader, self.cache, self._complain)
        compressor = (
            Compressor(self.cache.store, self.cache.budget, self.scheduler.call_at)
            if compress
            else None
        )
        read = READ_FIELDS if dictionaries else ()
        self.fields = field_pattern(b"authorization", b"sec-fetch-mode", *read)
        deltas = Deltas(self.reader, self.cache, self._complain) if dictionaries else None
        self.negotiator = Negotiator(self.variants, compressor, deltas)
        self.digests = ReprDigests(self.scheduler.call_at)
        self.error_pages = ErrorPages(self.cache, hidden=settings.hidden) if error_pages else None
        self.site = Site(
            self.cache,
            self.reader,
            self.clock,
            settings,
            self.prepared,
            gate=gate,
            directories=self.directories,
            negotiator=self.negotiator,
            digests=self.digests,
            rules=self.rules,
            error_pages=self.error_pages,
        )

    def _directories(self, settings: SiteSettings, *, lists: bool, archives: bool) -> Directories:
        hidden, unserved, self.sorting = settings.hidden, settings.unserved, Budget(SORT_SIZE)
        self.listings = Listings(
            self.root, self.sorting, hidden=hidden, has_archives=archives, unserved=unserved
        )
        self.archives = Archives(
            self.root, self.reader, self.sorting, hidden=hidden, unserved=unserved
        )
        return Directories(self.listings if lists else None, self.archives if archives else None)

    def _complain(self, path: bytes, fault: str) -> None:
        self.complaints.append((path, fault))

    def __enter__(self) -> "Bench":
        return self

    def __exit__(self, *ignored: object) -> None:
        if self.rules is not None:
            self.rules.close()
        self.negotiator.close()
        self.digests.close()
        self.cache.close()
        self.root.close()
        assert self.cache.budget.used == 0, "somebody still holds preloaded bytes"
        assert self.sorting.used == 0, "somebody still holds sorted names"
        assert self.listings.at_work == self.archives.at_work == 0, "a body was not closed"

    def set_time(self, seconds: int) -> None:
        """Set the time of day to *seconds* since the epoch."""
        _set(self.clock, seconds)

    def know_all(self, now: float = 0.0) -> None:
        """Have the digest of each file that is streamed read, as after some requests for it."""
        top = Path(self.root.path)
        for path in sorted(path for path in top.rglob("*") if path.is_file()):
            found = self.cache.find(os.fsencode(path.relative_to(top)), now)
            if isinstance(found, Found):
                if found.fd >= 0:
                    os.close(found.fd)
                if found.private is not None:
                    found.private.release()
            self.scheduler.run()

    def get(
        self,
        target: str,
        fields: str = "",
        *,
        method: str = "GET",
        version: str = "HTTP/1.1",
        now: float = 0.0,
    ) -> Answer:
        """Ask for *target* as a connection would, until the file is at hand."""
        return self.ask(request_head(target, fields, method=method, version=version), now)

    def ask(self, head: bytes, now: float = 0.0) -> Answer:
        """Return the answer to the request in *head*."""
        request: Request | None = None
        try:
            request = parse_head(head, self.fields)
            response = self._respond(request, now)
        except RequestError as error:
            response = self.site.refuse(error, request, now)
        return receive(write_response(response, request))

    def _respond(self, request: Request, now: float) -> Response:
        for turn in range(_MAX_STEPS):
            then = now + turn * _TURN
            self.scheduler.run_until(then)
            response = self.site.respond(request, then)
            if isinstance(response, Response):
                return response
            response.subscribe(lambda now: None)
        raise AssertionError("the file never comes to hand")


def stopped_clock(seconds: int) -> Clock:
    """Return a clock that shows *seconds* since the epoch until it is set anew."""
    clock = Clock()
    _set(clock, seconds)
    return clock


def _set(clock: Clock, seconds: int) -> None:
    clock.seconds = seconds
    clock.date = format_date(seconds)
    clock.until = _FAR


def receive(written: Written, step: int = 1000) -> Answer:
    """Read what was *written* to its end, at most *step* bytes at a time, and close it."""
    data = bytearray().join(written.buffers)
    if not written.buffers:
        body = written.new_body()
        promised = body.remaining
        assert promised != 0, "a body of nothing has nothing to peek at"
        data += written.head + read_body(body, step)
        assert promised in {None, len(data) - len(written.head)}
        body.close()
    status, fields = parse_response_head(bytes(data[: written.head_size]))
    closes = written.after is not State.IDLE
    content = bytes(data[written.head_size :])
    if "transfer-encoding" in fields and content:
        content = join_chunks(content)
    return Answer(status, fields, content, closes)


def join_chunks(data: bytes) -> bytes:
    """Return what *data*, a whole body in chunks, carries (RFC 9112 section 7.1)."""
    content = bytearray()
    while True:
        line, _, data = data.partition(b"\r\n")
        size = int(line, 16)
        content += data[:size]
        assert data[size : size + 2] == b"\r\n"
        data = data[size + 2 :]
        if not size:
            assert not data
            return bytes(content)


def read_body(body: Body, step: int = 1000) -> bytes:
    """Return the rest of *body*, paid for in steps of at most *step* bytes."""
    data = bytearray()
    while not body.done:
        piece = body.peek()
        if isinstance(piece, float):
            continue
        assert isinstance(piece, bytes | memoryview)
        assert 0 < len(piece) <= (body.remaining or len(piece))
        taken = bytes(piece[:step])
        body.advance(len(taken))
        data += taken
    return bytes(data)
