"""What is remembered takes no more memory than is accounted for, whatever moves meanwhile."""

import gc
import os
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest

import evloop.files.digests
from evloop.files.cache import CacheSettings, Found
from evloop.files.digests import QUIET_NS, TABLE_SIZE, Digests
from evloop.files.entry import Signature
from evloop.files.reader import Reader
from evloop.http1.head import parse_head
from evloop.site.routes import ROUTES_SIZE
from tests.support.bench import WALL, Bench
from tests.support.client import request
from tests.support.scheduler import Scheduler

COUNT = 6000


@pytest.fixture
def traced() -> Iterator[None]:
    gc.collect()
    tracemalloc.start()
    yield
    tracemalloc.stop()


def taken() -> int:
    return tracemalloc.get_traced_memory()[0]


SIZES = [pytest.param(*sizes, marks=pytest.mark.slow) for sizes in [(0, 1), (1, 1), (300, 200)]]


@pytest.mark.parametrize(("size", "name_size"), [*SIZES, (8000, 1)])
def test_small_files_take_what_the_budget_says(tmp_path: Path, size: int, name_size: int) -> None:
    count = COUNT if size < 1000 else COUNT // 10
    names = [f"{'n' * name_size}{number}" for number in range(count)]
    for name in names:
        (tmp_path / name).write_bytes(os.urandom(size))
    with Bench(tmp_path, CacheSettings(memory_budget=1024**3)) as bench:
        gc.collect()
        tracemalloc.start()
        try:
            before = taken()
            for number, name in enumerate(names):
                bench.set_time(WALL + number)  # so that nothing is shared that would not be
                bench.site.respond(parse_head(request(f"/{name}")), number / 100)
                if number % 500 == 499:  # in the middle, too, when tables have just grown
                    assert taken() - before <= bench.cache.budget.used + ROUTES_SIZE
            assert len(bench.cache) == count
        finally:
            tracemalloc.stop()


def test_files_on_their_way_take_what_the_budget_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Reader, "read_into", lambda *_: None)
    names = [b"%d" % number for number in range(200)]
    for name in names:
        (tmp_path / name.decode()).write_bytes(b"x" * 100)
    with Bench(tmp_path) as bench:
        tracemalloc.start()
        try:
            before = taken()
            for number, name in enumerate(names):
                preload = bench.cache.find(name, number / 1000)
                assert not isinstance(preload, Found)
                preload.subscribe(print)
            assert taken() - before <= bench.cache.budget.used
        finally:
            tracemalloc.stop()


@pytest.mark.usefixtures("traced")
def test_digests_take_what_is_planned_for_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All tables are full, and their entries are replaced over and over."""
    (tmp_path / "file").write_bytes(b"x" * 10)
    fd = os.open(tmp_path / "file", os.O_RDONLY)
    scheduler, state = Scheduler(), [Signature(0, 0, 0, 0, 0)]
    monkeypatch.setattr(evloop.files.digests, "signature_of", lambda _: state[0])
    before = taken()
    digests = Digests(Reader(), scheduler.call_at)
    reader_size = 32 * 1024
    for number in range(6000):
        now = number / 10
        whole = (10**9 + number) * 10**9
        unlike = 10**12 + number
        state[0] = Signature(unlike, unlike + 1, 10, whole, whole + unlike)
        digests.tag(fd, state[0], now, quiet_ns=QUIET_NS + 1)
        if number % 3:
            scheduler.run_until(now + 0.05)
        else:  # nobody wants it any more
            monkeypatch.setattr(evloop.files.digests, "_UNWANTED", -1.0)
            scheduler.run_until(now + 0.05)
            monkeypatch.setattr(evloop.files.digests, "_UNWANTED", 10.0)
        if number % 500 == 499:
            assert taken() - before - reader_size <= TABLE_SIZE
    assert len(digests._known) == 2048
    assert len(digests._salts) in {511, 512}  # the last one has its digest
    assert len(digests._paused) == 64
    digests.close()
    os.close(fd)
