"""The ceiling on memory: its terms, and what is given up to stay beneath a limit."""

import io
import resource
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import evloop.process.cgroup
import evloop.process.memory
from evloop.files.cache import DIGESTS_SIZE
from evloop.files.compression import COMPRESSION_SIZE
from evloop.files.faults import FAULTS_SIZE
from evloop.files.reader import Reader
from evloop.files.variants import VARIANTS_SIZE
from evloop.http.response import Response
from evloop.http1.head import parse_head
from evloop.http1.headcache import MAX_BYTES as HEAD_CACHE_SIZE
from evloop.http1.headcache import HeadCache
from evloop.http1.writer import write as write_response
from evloop.http2.context import MAX_STREAMS
from evloop.http2.huffman import HUFFMAN_SIZE
from evloop.http2.memo import MAX_BYTES as MEMO_SIZE
from evloop.net.pool import ADDRESSES_SIZE
from evloop.observe.logwriter import LOG_SIZE, LogWriter
from evloop.observe.messages import MESSAGES_SIZE
from evloop.process.cgroup import cgroup_limit
from evloop.process.memory import (
    CONNECTION_SIZE,
    HTTP2_LEAST_STREAMS,
    HTTP2_LIGHT_SIZE,
    LIGHT_SIZE,
    MemoryPlan,
    plan_memory,
    process_size,
)
from evloop.settings.config import Config, ConfigError
from evloop.site.access.sizes import PASSWORDS_SIZE
from evloop.site.errorpages import ERROR_PAGES_SIZE
from evloop.site.origins import PREPARED_SIZE
from evloop.site.routes import ROUTES_SIZE
from evloop.site.rules.model import RULES_SIZE

KIB, MIB, GIB = 1024, 1024**2, 1024**3
START = 20 * MIB
HEAVY_SIZE = CONNECTION_SIZE + 16 * KIB


def terms(plan: MemoryPlan) -> dict[str, int]:
    return dict(plan.terms)


class TestTerms:
    def test_each_has_a_name_and_the_ceiling_is_their_sum(self) -> None:
        plan = plan_memory(Config(chunk_size=16 * MIB), START, 1000, None)
        # Written out: a term that is left out, or made smaller, is missed here.
        expected = {
            "process at the start": START,
            "refill buffer": 16 * MIB,
            "receive buffer": 16 * KIB,
            "head cache": HEAD_CACHE_SIZE,
            "routes": ROUTES_SIZE,
            "digests": DIGESTS_SIZE,
            "variants": VARIANTS_SIZE,
            "compression": 0,
            "addresses": ADDRESSES_SIZE,
            "log": LOG_SIZE,
            "messages": MESSAGES_SIZE,
            "directories": 2 * MIB + 32 * 24 * KIB,
            "HTTP/2": 0,
            "preloaded files": 64 * MIB,
            "connections": 1000 * HEAVY_SIZE,
            "rules": RULES_SIZE,
            "error pages": ERROR_PAGES_SIZE,
        }
        replaced = sum(expected.values()) - START - 16 * MIB - 16 * KIB
        assert terms(plan) == {**expected, "allocator slack": replaced // 2}
        assert plan.ceiling == sum(terms(plan).values())

    @pytest.mark.parametrize(
        ("setting", "term", "growth"),
        [
            ({"chunk_size": 16 * MIB}, "refill buffer", 16 * MIB - 32 * KIB),
            ({"memory_budget": 65 * MIB}, "preloaded files", MIB),
            ({"max_head_size": MIB}, "connections", 100 * (MIB - 16 * KIB)),
            ({"max_head_size": MIB}, "receive buffer", MIB - 16 * KIB),
            ({"compress": True}, "compression", COMPRESSION_SIZE),
            ({"tls_self_signed": True, "http2": False}, "handshakes", 512 * 28 * KIB + 4 * MIB),
            ({"tls_self_signed": True, "http2": False}, "connections", 100 * (16 + 17) * KIB),
            ({"tls_self_signed": True}, "connections", 100 * (16 + 17 + 83) * KIB),
            ({"max_connections": 10}, "connections", -90 * HEAVY_SIZE),
            ({"listing": "off"}, "directories", -(2 * MIB + 32 * 24 * KIB)),
            ({"archives": True}, "directories", 16 * 256 * KIB),
            ({"h2c": True}, "HTTP/2", HUFFMAN_SIZE + MEMO_SIZE + 100 * KIB),
            ({"h2c": True}, "connections", 100 * 83 * KIB),
            ({"rules": "off"}, "rules", -RULES_SIZE),
            ({"error_pages": False}, "error pages", -ERROR_PAGES_SIZE),
            ({"dictionaries": True}, "dictionaries", FAULTS_SIZE),
            ({"htpasswd": "file"}, "passwords", PASSWORDS_SIZE),
            ({"cors": ("https://a.test", "https://b.test")}, "origins", PREPARED_SIZE),
        ],
    )
    def test_a_setting_that_takes_memory_is_in_its_term(
        self, setting: dict[str, Any], term: str, growth: int
    ) -> None:
        plain, plan = (plan_memory(Config(**it), START, 100, None) for it in ({}, setting))
        assert terms(plan).get(term, 0) - terms(plain).get(term, 0) == growth
        assert abs(plan.ceiling - plain.ceiling) >= abs(growth)


def _fill_head_cache(keep: list[object], tmp_path: Path) -> None:
    memo = HeadCache()
    keep.append(memo)
    for number in range(20_000):
        head = b"GET /%06d HTTP/1.1\r\nHost: files.test\r\nUser-Agent: %050d\r\n\r\n" % (
            number,
            number,
        )
        response = Response(200, [(b"X", b"%0900d" % number)], fresh_until=2.0)
        memo.remember(head, write_response(response, parse_head(head)), 1.0)


def _fill_refill_buffer(keep: list[object], tmp_path: Path) -> None:
    keep.append(Reader(MIB))


def _fill_log(keep: list[object], tmp_path: Path) -> None:
    writer = LogWriter(str(tmp_path / "log"))
    keep.append(writer)
    for _ in range(20_000):
        writer.write(b"x" * 99 + b"\n", 0.0)


# What fills a term to its brim. Routes, digests, files and connections are measured in
# tests/integration/test_exhaustion.py and tests/files, where there is a server to fill them.
FILLERS: dict[str, Callable[[list[object], Path], None]] = {
    "head cache": _fill_head_cache,
    "refill buffer": _fill_refill_buffer,
    "log": _fill_log,
}


@pytest.mark.parametrize("name", FILLERS)
def test_a_term_is_what_its_owner_takes_at_the_most(name: str, tmp_path: Path) -> None:
    size = terms(plan_memory(Config(chunk_size=MIB), START, 100, None))[name]
    keep: list[object] = []
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        FILLERS[name](keep, tmp_path)
        taken = tracemalloc.get_traced_memory()[1] - before  # at the peak: a memo is emptied
    finally:
        tracemalloc.stop()
    for each in keep:
        if isinstance(each, LogWriter):
            each.close()
    # A growing bytearray is an eighth larger than its bytes; the slack has room for that.
    assert size // 2 < taken <= size * 9 // 8


def test_without_a_limit_all_is_as_wanted() -> None:
    plan = plan_memory(Config(), START, 1000, None)
    assert (plan.memory_budget, plan.connections, plan.heavy_connections) == (64 * MIB, 1000, 1000)


def test_connections_are_no_more_than_there_are_descriptors_for() -> None:
    assert plan_memory(Config(max_connections=10), START, 1000, None).connections == 10
    assert plan_memory(Config(max_connections=5000), START, 1000, None).connections == 1000


def test_preloading_is_what_gives_way_first() -> None:
    free = plan_memory(Config(), START, 100, None)
    plan = plan_memory(Config(memory_limit=free.ceiling - 3 * MIB), START, 100, None)
    assert plan.memory_budget == free.memory_budget - 2 * MIB  # and its slack
    assert plan.connections == 100


def test_connections_give_way_when_they_would_take_more_than_half() -> None:
    bare = plan_memory(Config(memory_budget=0), START, 0, None)
    limit = bare.ceiling + 96 * MIB
    plan = plan_memory(Config(memory_limit=limit), START, 100_000, None)
    assert plan.memory_budget == 32 * MIB
    assert terms(plan)["connections"] <= 32 * MIB
    assert 32 * MIB - terms(plan)["connections"] < HEAVY_SIZE


def test_the_last_connections_go_before_preloading() -> None:
    least = plan_memory(Config(max_head_size=MIB, memory_budget=0), START, 8, None)
    config = Config(max_head_size=MIB, memory_limit=least.ceiling + 1500)
    plan = plan_memory(config, START, 100, None)
    assert (plan.connections, plan.memory_budget) == (8, 1000)


def test_half_of_a_cgroups_memory_is_ours() -> None:
    limited = plan_memory(Config(), START, 100_000, 256 * MIB)
    assert limited == plan_memory(Config(memory_limit=128 * MIB), START, 100_000, None)
    said = plan_memory(Config(memory_limit=200 * MIB), START, 100_000, 256 * MIB)
    assert said.ceiling > limited.ceiling


def test_a_limit_without_room_to_serve_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"--memory-limit 1 MiB: at least .* is wanted"):
        plan_memory(Config(memory_limit=MIB), START, 100, None)


@pytest.mark.parametrize("size", [MIB, 16 * MIB, 32 * MIB, 48 * MIB])
def test_a_small_container_is_served_with_the_least(size: int) -> None:
    plan = plan_memory(Config(), START, 1000, size)
    assert plan.memory_budget == 0
    assert plan.heavy_connections == 8
    assert plan.connections == 64
    with pytest.raises(ConfigError):
        plan_memory(Config(memory_limit=size // 2), START, 1000, None)


def test_light_connections_are_not_planned_for_at_their_worst() -> None:
    plan = plan_memory(Config(), START, 5000, 80 * MIB)
    # What they would be if each were planned for as a heavy one.
    worst = terms(plan)["connections"] // HEAVY_SIZE
    assert plan.connections > 4 * worst
    assert plan.heavy_connections >= worst * 3 // 4 - 1
    assert plan.ceiling <= 40 * MIB
    light = plan.connections - plan.heavy_connections
    assert terms(plan)["connections"] == light * LIGHT_SIZE + plan.heavy_connections * HEAVY_SIZE


@given(
    limit=st.integers(20 * MIB, GIB),
    connections=st.integers(8, 100_000),
    budget=st.integers(0, GIB),
    head=st.integers(256, MIB),
    chunk=st.integers(512, 16 * MIB),
    implied=st.booleans(),
)
def test_the_ceiling_is_beneath_the_limit_or_the_least(
    limit: int,
    connections: int,
    budget: int,
    head: int,
    chunk: int,
    implied: bool,
) -> None:
    config = Config(
        memory_limit=0 if implied else limit,
        memory_budget=budget,
        max_head_size=head,
        chunk_size=chunk,
    )
    cgroup = 2 * limit if implied else None
    try:
        plan = plan_memory(config, START, connections, cgroup)
    except ConfigError:
        assert not implied
        return
    assert plan.ceiling <= limit or (implied and plan.memory_budget == 0)
    assert 8 <= plan.heavy_connections <= plan.connections <= connections
    assert 0 <= plan.memory_budget <= budget


def test_the_size_of_this_process_is_read() -> None:
    assert MIB < process_size() < 4 * GIB


CGROUPS = {
    # /proc/self/cgroup, the files of limits, and what they come to
    "v2": ("0::/app\n", {"/sys/fs/cgroup/app/memory.max": "1000\n"}, 1000),
    "v2 in a container": ("0::/\n", {"/sys/fs/cgroup/memory.max": "2000\n"}, 2000),
    "v2, the outer one is lower": (
        "0::/app\n",
        {"/sys/fs/cgroup/app/memory.max": "1000\n", "/sys/fs/cgroup/memory.max": "500\n"},
        500,
    ),
    "v2 without": ("0::/app\n", {"/sys/fs/cgroup/app/memory.max": "max\n"}, None),
    "v1": (
        "5:cpu:/x\n4:hugetlb,memory:/app\n",
        {"/sys/fs/cgroup/memory/app/memory.limit_in_bytes": "3000\n"},
        3000,
    ),
    "v1 without": (
        "4:memory:/app\n",
        {"/sys/fs/cgroup/memory/app/memory.limit_in_bytes": "9223372036854771712\n"},
        None,
    ),
    "v1 with a path of the host": (
        "4:memory:/docker/abc\n",
        {"/sys/fs/cgroup/memory/memory.limit_in_bytes": "4000\n"},
        4000,
    ),
    "none": ("", {}, None),
    "nonsense": ("0::/app\n", {"/sys/fs/cgroup/app/memory.max": "\n"}, None),
}


@pytest.mark.parametrize("case", CGROUPS)
def test_the_limit_of_a_cgroup_is_found(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    memberships, limits, expected = CGROUPS[case]
    files = {"/proc/self/cgroup": memberships, **limits}

    def fake_open(path: str, **_: object) -> io.StringIO:
        if path not in files:
            raise FileNotFoundError(path)
        return io.StringIO(files[path])

    monkeypatch.setattr(evloop.process.cgroup, "open", fake_open, raising=False)
    assert cgroup_limit() == expected


@pytest.mark.parametrize(("platform", "unit"), [("linux", 1024), ("darwin", 1)])
def test_a_platform_without_proc_tells_the_peak(
    platform: str, unit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fake_open(path: str, *_: object, **__: object) -> io.StringIO:
        raise FileNotFoundError(path)

    monkeypatch.setattr(evloop.process.memory, "open", fake_open, raising=False)
    monkeypatch.setattr(evloop.process.cgroup, "open", fake_open, raising=False)
    monkeypatch.setattr("evloop.process.memory.sys.platform", platform)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert process_size() >= peak * unit > 0
    assert cgroup_limit() is None


def test_connections_of_http2_take_more_each_and_so_are_fewer() -> None:
    plain = plan_memory(Config(memory_limit=80 * MIB), START, 100_000, None)
    plan = plan_memory(Config(memory_limit=80 * MIB, h2c=True), START, 100_000, None)
    assert plan.ceiling <= 80 * MIB
    assert plan.connections < plain.connections
    light = plan.connections - plan.heavy_connections
    heavy_size = plan.heavy_connections * (HEAVY_SIZE + 83 * KIB)
    assert terms(plan)["connections"] == light * (LIGHT_SIZE + HTTP2_LIGHT_SIZE) + heavy_size


def test_streams_are_as_many_as_connections_and_one_may_have_what_it_may() -> None:
    assert plan_memory(Config(), START, 5000, None).streams == 0
    assert plan_memory(Config(h2c=True), START, 5000, None).streams == 5000
    assert plan_memory(Config(h2c=True, max_connections=1), START, 5000, None).streams == 100
    assert HTTP2_LEAST_STREAMS == MAX_STREAMS
