"""What answers requests: the site, and all that it is made of."""

import logging
import os
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, NamedTuple

from evloop.files.cache import Cache, CacheSettings
from evloop.files.compression import Compressor
from evloop.files.content import Budget
from evloop.files.deltas import Deltas
from evloop.files.listing import SORT_SIZE
from evloop.files.reader import Reader
from evloop.files.root import Root
from evloop.files.variants import Variants
from evloop.http.basic import user_in_head
from evloop.http.head_fields import field_pattern
from evloop.http.response import Response
from evloop.http1.context import Context
from evloop.http1.headcache import HeadCache
from evloop.net.inbox import Inbox
from evloop.net.reactor import Reactor
from evloop.observe.accesslog import AccessLog
from evloop.observe.logwriter import LogWriter
from evloop.observe.metrics import Metrics
from evloop.observe.snapshot import Snapshot
from evloop.process.assembly import (
    limits,
    new_prepared,
    pacing,
    read_fields,
    responder,
    unserved_paths,
)
from evloop.process.demonstration import tells_figures, with_figures
from evloop.process.environment import is_loopback, load_rules
from evloop.process.memory import MemoryPlan
from evloop.settings.choices import Listing
from evloop.settings.config import Config
from evloop.settings.printable import printable
from evloop.settings.site_options import media_types
from evloop.site.clock import Clock
from evloop.site.directories import NO_DIRECTORIES, Directories
from evloop.site.errorpages import ErrorPages
from evloop.site.gatekeeper import Gate
from evloop.site.listing import Listings
from evloop.site.negotiator import Negotiator
from evloop.site.prepared import PreparedResponses
from evloop.site.representation import ReprDigests
from evloop.site.routes import SingleFile
from evloop.site.settings import SiteSettings
from evloop.site.site import Site

if TYPE_CHECKING:
    from evloop.process.http2 import Http2

_log = logging.getLogger("evloop")


class OpenFiles(NamedTuple):
    """What is open of the file system: the root, with the one file if it is one, and the log."""

    root: Root
    only: SingleFile | None
    sink: LogWriter | None


class Outlook(NamedTuple):
    """What the worker around it sees of all its connections."""

    snapshot: Callable[[], Snapshot]
    has_place: Callable[[], bool]
    """Whether a response may take more than a light one does while it is sent."""


class Service:
    """The way from a request head to an answer, for a server that listens on *addresses*.

    `context` is what connections are made with; `inbox` is what threads write to, if there are
    any; `lists` says whether directories are listed. *files* are the caller's; *outlook* is
    looked at once it serves.

    Raises ConfigError for a file of passwords or rules that can't be taken; nothing is left open
    then.
    """

    def __init__(
        self,
        config: Config,
        plan: MemoryPlan,
        files: OpenFiles,
        reactor: Reactor,
        addresses: Sequence[tuple[str, int]],
        outlook: Outlook,
    ) -> None:
        self._files = files
        self._outlook = outlook
        self._reactor = reactor
        self._addresses = addresses
        self._index_names = [
            name for name in config.index if config.hidden or not name.startswith(".")
        ]
        self.inbox: Inbox | None = None
        self.reader = Reader(config.refill_size)
        self.metrics = Metrics(
            AccessLog(files.sink, config.log_format) if files.sink is not None else None
        )
        self._head_cache = HeadCache()
        self.http2: Http2 | None = None
        self._prepared: list[PreparedResponses] = []
        self.lists = self._is_listing(config)
        with ExitStack() as opened:
            self.cache = self._new_cache(config, plan)
            opened.callback(self.cache.close)
            self.context = self._new_context(config, plan, opened)
            if plan.streams:
                # With its tables, which cost memory.
                from evloop.process.http2 import Http2 as Spoken

                self.http2 = Spoken(self.context, plan.streams)
            self._opened = opened.pop_all()

    def close(self) -> None:
        """Let go of all files, and end what is done in the background. May be called again."""
        self._opened.close()

    def forget_responses(self) -> None:
        """Release what responses hold: a file they were made of has gone."""
        self._head_cache.clear()
        if self.http2 is not None:
            self.http2.memo.clear()
        for prepared in self._prepared:
            prepared.clear()

    def _forget_written(self, response: Response) -> None:
        self._head_cache.forget(response)
        if self.http2 is not None:
            self.http2.memo.forget(response)

    def drain(self) -> None:
        """Let each answer be the last of its connection."""
        self.context.drain()
        if self.http2 is not None:
            self.http2.context.drain()

    @property
    def has_index(self) -> bool:
        """Whether the root itself has a page to show. Looks at the disk."""
        if self._files.only is not None:
            return True
        return any(self.cache.is_file(os.fsencode(name)) for name in self._index_names)

    def _is_listing(self, config: Config) -> bool:
        if self._files.only is not None:
            return False
        if config.listing is Listing.AUTO:
            return all(is_loopback(host) for host, _ in self._addresses)
        return config.listing is Listing.ON

    def _new_cache(self, config: Config, plan: MemoryPlan) -> Cache:
        settings = CacheSettings(
            config.max_in_memory_size,
            plan.memory_budget,
            config.revalidate,
            config.preload,
            media_types(config.type),
        )
        return Cache(
            self._files.root,
            self.reader,
            settings,
            self.forget_responses,
            call_at=self._reactor.call_at,
        )

    def _new_context(self, config: Config, plan: MemoryPlan, opened: ExitStack) -> Context:
        clock = Clock()
        directories = self._directories(config)
        negotiator = self._negotiator(config, opened)
        digests = ReprDigests(self._reactor.call_at)
        opened.callback(digests.close)
        gate = self._gate(config, clock, opened) if config.htpasswd else None
        rules = error_pages = None
        if self._files.only is None:
            rules = load_rules(config, self.cache, self._reactor.now)
            if config.error_pages:
                error_pages = ErrorPages(self.cache, hidden=config.hidden)

        def make_site(settings: SiteSettings, most_prepared: int | None) -> Site:
            prepared = new_prepared(self._forget_written, most_prepared)
            self._prepared.append(prepared)
            return Site(
                self.cache,
                self.reader,
                clock,
                settings,
                prepared,
                gate=gate,
                directories=directories,
                negotiator=negotiator,
                rules=rules,
                error_pages=error_pages,
                has_place=self._outlook.has_place,
                digests=digests,
            )

        answers = responder(config, self._files.only, make_site)
        if tells_figures(config, self._addresses):
            answers = with_figures(
                answers, self._outlook.snapshot, plan, clock, self._reactor.now, gate
            )
        return Context(
            answers,
            self.metrics,
            self._head_cache,
            limits(config),
            fields=field_pattern(*read_fields(config)),
            pacing=pacing(config),
            user_of=user_in_head if config.htpasswd else None,
        )

    def _directories(self, config: Config) -> Directories:
        """Return what answers for directories without an index, or that are asked for whole."""
        root, only, _ = self._files
        if only is not None:
            return NO_DIRECTORIES  # what lies beside the one file is nobody's business
        budget, hidden, unserved = Budget(SORT_SIZE), config.hidden, unserved_paths(config)
        listings = archives = None
        if self.lists:
            has_archives = config.archives
            listings = Listings(
                root, budget, hidden=hidden, has_archives=has_archives, unserved=unserved
            )
        if config.archives:
            # With tarfile, which costs a megabyte.
            from evloop.site.archives import Archives

            archives = Archives(root, self.reader, budget, hidden=hidden, unserved=unserved)
        return Directories(listings, archives)

    def _negotiator(self, config: Config, opened: ExitStack) -> Negotiator | None:
        cache = self.cache
        variants = compressor = deltas = None
        if config.precompressed:
            variants = Variants(self._files.root, self.reader, cache, _name_unused)
        if config.compress:
            compressor = Compressor(cache.store, cache.budget, self._reactor.call_at)
        if config.dictionaries:
            deltas = Deltas(self.reader, cache, _name_unused)
        if not (variants or compressor or deltas):
            return None
        negotiator = Negotiator(variants, compressor, deltas)
        opened.callback(negotiator.close)
        return negotiator

    def _gate(self, config: Config, clock: Clock, opened: ExitStack) -> Gate:
        """Return what asks for passwords. Raises ConfigError for a file that can't be taken."""
        from evloop.process.passwords import open_gate  # it loads OpenSSL, 3 MB

        self.inbox = Inbox(self._reactor)
        opened.callback(self.inbox.close)
        return open_gate(config, clock, self._reactor, self.inbox, opened, self._addresses)


def _name_unused(path: bytes, fault: str) -> None:
    """Say once which precompressed file is not sent, and why."""
    _log.warning("%s %s and is not sent", printable(os.fsdecode(path)), fault)
