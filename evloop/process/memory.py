"""The ceiling on the process's memory, which follows from the settings.

It is a sum of named terms (MemoryPlan.terms). Each has a limit of its own in the code, so the
sum is a bound by construction. To stay beneath a given limit the preload budget shrinks first,
then the number of connections.
"""

import os
import resource
import sys
from typing import NamedTuple

from evloop.files.cache import DIGESTS_SIZE
from evloop.files.compression import COMPRESSION_SIZE
from evloop.files.faults import FAULTS_SIZE
from evloop.files.listing import SORT_SIZE
from evloop.files.variants import VARIANTS_SIZE
from evloop.http1.headcache import MAX_BYTES as HEAD_CACHE_SIZE
from evloop.net.handshakes import HANDSHAKE_SIZE, MAX_SESSIONS
from evloop.net.pool import ADDRESSES_SIZE
from evloop.observe.logwriter import LOG_SIZE
from evloop.observe.messages import MESSAGES_SIZE
from evloop.settings.choices import Listing, RulesDialect
from evloop.settings.config import Config, ConfigError
from evloop.settings.units import format_size
from evloop.site.access.sizes import PASSWORDS_SIZE
from evloop.site.directories import ARCHIVE_SIZE, MAX_ARCHIVES
from evloop.site.errorpages import ERROR_PAGES_SIZE
from evloop.site.listing import LISTING_SIZE, MAX_LISTINGS
from evloop.site.origins import PREPARED_SIZE, constant_fields
from evloop.site.routes import ROUTES_SIZE
from evloop.site.rules.model import RULES_SIZE

CONNECTION_SIZE = 7 * 1024
"""Bytes of one connection at the worst, its share of all tables included, rounded up: a stalled
download of sixteen parts. Its buffer of requests comes on top. Measured by
tests/integration/test_exhaustion.py."""
TLS_SIZE = 16 * 1024
"""Bytes that a TLS connection takes beside that: OpenSSL's session, and the socket's and the
session's objects. Measured by tests/integration/test_tls_costs.py."""
TLS_RECORD_SIZE = 17 * 1024
"""Bytes more while part of a record is here: OpenSSL's buffer of a whole one. Such a connection is
a heavy one."""
TLS_CACHE_SIZE = 4 * 1024**2
"""Bytes of the sessions that OpenSSL keeps for clients without tickets, between two looks of
evloop/tls/certificates.py, at 2,000 handshakes a second."""
LIGHT_SIZE = 1024
"""Bytes of a connection that is idle, or sends one file or one range of it, and keeps no byte of
a request: 400 to 600, measured (docs/memory.md), and its share of all tables."""

STREAM_SIZE = 1024
"""Bytes of an open stream of HTTP/2 that sends one file or one range of it, and its share of all
tables: 400, measured by tests/http2/test_serving.py; half as much again with a log."""
HTTP2_LIGHT_SIZE = 1024 + 2 * STREAM_SIZE
"""What a connection of HTTP/2 may hold beside LIGHT_SIZE: itself, its first stream, and one more,
of all that there may be together."""
HTTP2_HEAVY_SIZE = 80 * 1024
"""What one may hold beside that at the worst: a frame and a part of a header block of 16 KiB each,
the dynamic table of a client that has not read the settings (18 KiB of objects for the 4,096 bytes
of HPACK), answers to frames, and three more downloads of many parts. Measured as above."""
HTTP2_LEAST_STREAMS = 100
"""So many beside first ones there may always be: one connection may have them all
(evloop/http2/context.py)."""
HTTP2_SIZE = (2560 + 2048) * 1024 + HTTP2_LEAST_STREAMS * STREAM_SIZE
"""The tables of the Huffman code and the remembered header blocks (evloop/http2/huffman.py and
memo.py, which are imported only where they are used), and those streams."""

# glibc keeps freed blocks between live ones. While 40,000 files of 1 byte to 1 MiB replaced
# each other, one in five kept for longer, it took 20 MiB more than a full budget of 64 MiB,
# 8 more than 16 and 5.5 more than 8 (measured; 16, 5 and 5 with process/allocator.py). Half of
# all that is live is more than each of these, since 6 MiB are always counted as live.
_SLACK_NUMERATOR, _SLACK_DENOMINATOR = 1, 2

# Of the room for connections, when it is short: heavy ones get three quarters of it. The last
# quarter has place for about six light ones for each heavy one (16 KiB heads).
_HEAVY_NUMERATOR, _HEAVY_DENOMINATOR = 3, 4
_LEAST_CONNECTIONS = 8
# What an implied limit leaves at least: a browser opens six connections to a site.
_LEAST_LIGHT_CONNECTIONS = 64


class Term(NamedTuple):
    """A part of the ceiling, in bytes."""

    name: str
    size: int


class MemoryPlan(NamedTuple):
    """What the process may come to take, in bytes, and the settings that see to it."""

    start: int
    """The process before it serves."""
    refill_buffer: int
    receive_buffer: int
    """What one turn reads of a request head before it is joined to what is there."""
    directories: int
    """What is listed, sorted and sent as archives."""
    memory_budget: int
    connections: int
    """So many may be open at once."""
    heavy_connections: int
    """So many of them may hold more than LIGHT_SIZE at once: a part of a request head, requests
    that wait for their turn, or a body of several parts."""
    compression: int
    """The state of the compressor, where there is one."""
    heavy_size: int
    """What one of these may hold at the worst."""
    extra: tuple[Term, ...] = ()
    """The parts that not every site has."""
    light_size: int = LIGHT_SIZE
    """What each of the others may hold."""
    http2: int = 0
    """What HTTP/2 keeps for all connections; 0 where it is not spoken."""

    @property
    def streams(self) -> int:
        """Streams of HTTP/2 that may be open beside the first ones of their connections, all
        together; 0 where it is not spoken. `light_size` has room for one, `http2` for some."""
        return max(HTTP2_LEAST_STREAMS, self.connections) if self.http2 else 0

    @property
    def terms(self) -> tuple[Term, ...]:
        """The parts of the ceiling."""
        replaced = (
            Term("head cache", HEAD_CACHE_SIZE),
            Term("routes", ROUTES_SIZE),
            Term("digests", DIGESTS_SIZE),
            Term("variants", VARIANTS_SIZE),
            Term("compression", self.compression),
            Term("addresses", ADDRESSES_SIZE),
            Term("log", LOG_SIZE),
            Term("messages", MESSAGES_SIZE),
            Term("directories", self.directories),
            Term("HTTP/2", self.http2),
            Term("preloaded files", self.memory_budget),
            Term("connections", self.connections_size),
            *self.extra,
        )
        live = sum(term.size for term in replaced)
        return (
            Term("process at the start", self.start),
            Term("refill buffer", self.refill_buffer),
            Term("receive buffer", self.receive_buffer),
            *replaced,
            Term("allocator slack", live * _SLACK_NUMERATOR // _SLACK_DENOMINATOR),
        )

    @property
    def ceiling(self) -> int:
        """The sum of the terms."""
        return sum(term.size for term in self.terms)

    @property
    def connections_size(self) -> int:
        """What all connections may hold at the worst."""
        light = self.connections - self.heavy_connections
        return light * self.light_size + self.heavy_connections * self.heavy_size


def plan_memory(
    config: Config,
    start_size: int,
    connections: int,
    cgroup_limit: int | None,
) -> MemoryPlan:
    """Return the plan that keeps to the limit, if there is one.

    *start_size*: bytes of the process at its start; *connections*: as many as descriptors
    allow; *cgroup_limit*: bytes, None without one.

    Raises ConfigError when `memory_limit` leaves no room to serve. A cgroup's limit, which
    nobody asked to keep to, is never refused: then the least is planned.
    """
    most = min(config.max_connections or connections, connections)
    tls, record = (TLS_SIZE, TLS_RECORD_SIZE) if config.has_tls else (0, 0)
    wanted = MemoryPlan(
        start=start_size,
        refill_buffer=config.refill_size,
        receive_buffer=config.max_head_size,
        directories=_directories_size(config),
        memory_budget=config.memory_budget,
        connections=most,
        heavy_connections=most,
        compression=COMPRESSION_SIZE if config.compress else 0,
        heavy_size=CONNECTION_SIZE + config.max_head_size + tls + record,
        light_size=LIGHT_SIZE + tls,
        extra=_extra(config),
    )
    if speaks_http2(config):
        wanted = wanted._replace(
            heavy_size=wanted.heavy_size + HTTP2_LIGHT_SIZE + HTTP2_HEAVY_SIZE,
            light_size=wanted.light_size + HTTP2_LIGHT_SIZE,
            http2=HTTP2_SIZE,
        )
    # Half, because the kernel counts the page cache and the sockets' queues in it too.
    limit = config.memory_limit or (cgroup_limit // 2 if cgroup_limit else 0)
    if not limit or wanted.ceiling <= limit:
        return wanted
    least = _least(wanted, implied=not config.memory_limit)
    if least.ceiling <= limit:
        return _fit(wanted, least, limit)
    if config.memory_limit:
        needed = f"at least {format_size(least.ceiling)} is wanted"
        raise ConfigError("--memory-limit", format_size(limit), needed)
    return least


def speaks_http2(config: Config) -> bool:
    """Whether any client may speak HTTP/2."""
    return config.h2c or (config.http2 and config.has_tls)


def _extra(config: Config) -> tuple[Term, ...]:
    terms = []
    if config.rules is not RulesDialect.OFF:
        terms.append(Term("rules", RULES_SIZE))
    if config.error_pages:
        terms.append(Term("error pages", ERROR_PAGES_SIZE))
    if config.has_tls:
        terms.append(Term("handshakes", MAX_SESSIONS * HANDSHAKE_SIZE + TLS_CACHE_SIZE))
    if config.htpasswd:
        terms.append(Term("passwords", PASSWORDS_SIZE))
    if config.dictionaries:
        terms.append(Term("dictionaries", FAULTS_SIZE))
    if constant_fields(config.cors) is None:
        terms.append(Term("origins", PREPARED_SIZE))
    return tuple(terms)


def _directories_size(config: Config) -> int:
    """Return the bytes that listings and archives may come to take, as far as they may be on."""
    size = 0
    if config.listing is not Listing.OFF:
        size += MAX_LISTINGS * LISTING_SIZE
    if config.archives:
        size += MAX_ARCHIVES * ARCHIVE_SIZE
    return size + SORT_SIZE if size else 0


def _least(wanted: MemoryPlan, *, implied: bool) -> MemoryPlan:
    """Return the smallest plan with which a server makes sense."""
    heavy = min(_LEAST_CONNECTIONS, wanted.connections)
    light = _LEAST_LIGHT_CONNECTIONS if implied else heavy
    return wanted._replace(
        memory_budget=0, connections=min(light, wanted.connections), heavy_connections=heavy
    )


def _fit(wanted: MemoryPlan, least: MemoryPlan, limit: int) -> MemoryPlan:
    """Return the largest plan beneath *limit*, where *least* has room."""
    empty = least._replace(connections=0, heavy_connections=0)
    # What may be live of files and connections, so that their slack has room as well.
    room = (limit - empty.ceiling) * _SLACK_DENOMINATOR // (_SLACK_NUMERATOR + _SLACK_DENOMINATOR)
    # Preload less; but connections get more than half only of what preloading leaves.
    budget = min(
        wanted.memory_budget,
        max(room - wanted.connections_size, room // 2),
        room - least.connections_size,
    )
    room -= budget
    most, size, light_size = wanted.connections, wanted.heavy_size, wanted.light_size
    connections = heavy = min(most, room // size)
    if heavy < most:
        share = room * _HEAVY_NUMERATOR // _HEAVY_DENOMINATOR
        heavy = max(least.heavy_connections, share // size)
        connections = min(most, heavy + (room - heavy * size) // light_size)
        # When all that may come are light, heavy ones get the rest.
        heavy = min(connections, (room - connections * light_size) // (size - light_size))
    return wanted._replace(memory_budget=budget, connections=connections, heavy_connections=heavy)


def process_size() -> int:
    """Return the bytes that are resident now, or at their peak where only that is told."""
    try:
        with open("/proc/self/statm", "rb") as statm:
            return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return _peak_by_usage()


def peak_size() -> int:
    """Return the most bytes that were resident since the program began."""
    try:
        with open("/proc/self/status", "rb") as status:
            # VmHWM (proc_pid_status(5)). ru_maxrss would be that of the process that started
            # this one, where it was larger: it lasts through execve(2).
            peaks = [line.split()[1] for line in status if line.startswith(b"VmHWM:")]
        return int(peaks[0]) * 1024
    except (OSError, IndexError):  # another system, or a sandbox with a /proc of its own
        return _peak_by_usage()


def _peak_by_usage() -> int:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024  # getrusage(2): kilobytes
