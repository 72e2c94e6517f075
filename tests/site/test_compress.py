"""--compress: small files that are compressed in memory, a slice at a time, within the budget."""

import gc
import gzip
import os
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from evloop.files.cache import CacheSettings
from evloop.files.compression import COMPRESSION_SIZE, MIN_SIZE, SLICE_SIZE
from evloop.http.response import Response
from evloop.http1.head import parse_head
from evloop.settings.choices import PreloadMode
from tests.site.test_variants import BROWSER, GZIP, PLAIN, accept, coding_of, text
from tests.support.bench import OLD, Bench, write
from tests.support.client import request
from tests.support.descriptors import no_leaks

LONG = text(5 * SLICE_SIZE + 17)


@pytest.fixture(autouse=True)
def _no_leaks() -> Iterator[None]:
    with no_leaks():
        yield


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    write(tmp_path / "a.js", LONG)
    write(tmp_path / "slice.js", text(SLICE_SIZE))
    write(tmp_path / "small.js", text(MIN_SIZE))
    write(tmp_path / "tiny.js", text(MIN_SIZE - 1))
    write(tmp_path / "photo.png", LONG)
    write(tmp_path / "unknown.bin", LONG)
    write(tmp_path / "dense.js", os.urandom(len(LONG)))
    write(tmp_path / "large.js", text(100_000))
    write(tmp_path / "sidecar.js", PLAIN)
    write(tmp_path / "sidecar.js.br", b"brotli")
    with Bench(tmp_path, CacheSettings(max_in_memory_size=99_999), compress=True) as bench:
        yield bench


def ready(bench: Bench, target: str) -> None:
    """Ask for *target*, and let the loop do what comes of it."""
    bench.get(target)
    bench.scheduler.run()


@pytest.mark.parametrize(
    ("name", "is_coded", "varies"),
    [
        ("a.js", True, True),
        ("slice.js", True, True),
        ("small.js", True, True),
        ("tiny.js", False, False),
        ("photo.png", False, False),
        ("unknown.bin", False, False),
        ("dense.js", False, False),
        ("large.js", False, False),
        ("sidecar.js", False, True),
    ],
)
def test_what_is_worth_it_is_compressed(
    bench: Bench, name: str, is_coded: bool, varies: bool
) -> None:
    ready(bench, f"/{name}")
    plain = bench.get(f"/{name}", now=2.0)
    answer = bench.get(f"/{name}", accept("gzip"), now=2.0)
    assert coding_of(answer) == ("gzip" if is_coded else "identity")
    assert ("vary" in plain.fields, "vary" in answer.fields) == (varies, varies)
    if is_coded:
        assert gzip.decompress(answer.body) == plain.body
        assert answer.fields["content-type"] == plain.fields["content-type"]
        assert answer.fields["last-modified"] == plain.fields["last-modified"]


def test_the_file_is_sent_until_the_result_is_there(bench: Bench) -> None:
    """It takes as many turns as the file has slices, and varies from the first answer on."""
    first = bench.get("/a.js", BROWSER)
    assert (coding_of(first), first.body) == ("identity", LONG)
    assert first.fields["vary"] == "Accept-Encoding"
    for _ in range(5):
        assert bench.scheduler.step()
        assert coding_of(bench.get("/a.js", BROWSER)) == "identity"
    assert bench.scheduler.step()
    assert coding_of(bench.get("/a.js", BROWSER)) == "gzip"
    assert bench.scheduler.pending == 0


def test_it_is_done_once(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    ready(bench, "/a.js")
    monkeypatch.setattr("zlib.compressobj", None)
    for now in (0.0, 0.5, 2.0, 100.0):
        assert coding_of(bench.get("/a.js", BROWSER, now=now)) == "gzip"
    assert bench.scheduler.pending == 0


def test_a_result_is_as_fresh_as_its_file(bench: Bench) -> None:
    ready(bench, "/a.js")
    asked = parse_head(request("/a.js", BROWSER))
    for now in (0.0, 3.0):
        first, second = (bench.site.respond(asked, now) for _ in range(2))
        assert isinstance(first, Response)
        assert first is second
        assert now < first.fresh_until <= now + 1.0


def test_what_did_not_shrink_is_not_tried_again(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    ready(bench, "/dense.js")
    monkeypatch.setattr("zlib.compressobj", None)
    for now in (0.0, 2.0):
        assert coding_of(bench.get("/dense.js", BROWSER, now=now)) == "identity"
        assert bench.scheduler.pending == 0


def test_the_result_has_a_strong_tag_of_its_own(bench: Bench) -> None:
    ready(bench, "/a.js")
    plain, coded = bench.get("/a.js").fields["etag"], bench.get("/a.js", BROWSER).fields["etag"]
    assert coded.endswith('-gzip"')
    assert coded.startswith('"')
    assert bench.get("/a.js", f"{BROWSER}\nIf-None-Match: {plain}").status == 200
    assert bench.get("/a.js", f"{BROWSER}\nIf-None-Match: {coded}").status == 304
    whole = bench.get("/a.js", BROWSER).body
    part = bench.get("/a.js", f"{BROWSER}\nRange: bytes=100-199\nIf-Range: {coded}")
    assert (part.status, part.body) == (206, whole[100:200])
    part = bench.get("/a.js", f"{BROWSER}\nRange: bytes=100-199")
    assert (part.status, part.body) == (206, LONG[100:200])


def test_a_file_that_changes_is_compressed_anew(bench: Bench, tmp_path: Path) -> None:
    ready(bench, "/a.js")
    old = bench.get("/a.js", BROWSER).fields["etag"]
    changed = LONG[::-1]
    write(tmp_path / "a.js", changed, OLD + 5)
    answer = bench.get("/a.js", BROWSER, now=2.0)
    assert (coding_of(answer), answer.body) == ("identity", changed)
    bench.scheduler.run()
    answer = bench.get("/a.js", BROWSER, now=2.0)
    assert gzip.decompress(answer.body) == changed
    assert answer.fields["etag"] != old


def test_a_file_that_is_read_anew_and_is_the_same_keeps_its_result(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ready(bench, "/a.js")
    monkeypatch.setattr("zlib.compressobj", None)
    write(tmp_path / "a.js", LONG, OLD + 5)
    answer = bench.get("/a.js", BROWSER, now=2.0)
    assert coding_of(answer) == "gzip"
    assert answer.fields["last-modified"] == bench.get("/a.js", now=2.0).fields["last-modified"]


def test_a_file_that_changes_meanwhile_is_given_up(bench: Bench, tmp_path: Path) -> None:
    bench.get("/a.js")
    bench.scheduler.step()
    write(tmp_path / "a.js", LONG[::-1], OLD + 5)
    bench.get("/a.js", now=2.0)
    bench.scheduler.run()
    assert gzip.decompress(bench.get("/a.js", BROWSER, now=2.0).body) == LONG[::-1]


def test_a_sidecar_goes_before_what_was_compressed(bench: Bench, tmp_path: Path) -> None:
    ready(bench, "/a.js")
    write(tmp_path / "a.js.gz", GZIP)
    assert bench.get("/a.js", BROWSER, now=2.0).body == GZIP


@pytest.mark.parametrize("sharing", PreloadMode)
def test_the_budget_is_kept(tmp_path: Path, sharing: PreloadMode) -> None:
    for number in range(30):
        write(tmp_path / f"{number}.js", text(20_000 + number))
    settings = CacheSettings(memory_budget=100_000, sharing=sharing)
    with Bench(tmp_path, settings, compress=True) as bench:
        for round_ in range(3):
            for number in range(30):
                answer = bench.get(f"/{number}.js", BROWSER, now=float(round_))
                plain = gzip.decompress(answer.body) if coding_of(answer) == "gzip" else answer.body
                assert plain == text(20_000 + number)
                bench.scheduler.run()
                assert bench.cache.budget.used <= 100_000
                assert coding_of(bench.get(f"/{number}.js", BROWSER, now=float(round_))) == (
                    "gzip" if sharing is PreloadMode.SHARED else "identity"
                )


def test_where_there_is_no_room_nothing_is_compressed(tmp_path: Path) -> None:
    write(tmp_path / "a.js", LONG)
    with Bench(tmp_path, CacheSettings(memory_budget=len(LONG) + 12_000), compress=True) as bench:
        for _ in range(3):
            ready(bench, "/a.js")
            assert coding_of(bench.get("/a.js", BROWSER)) == "identity"


def test_a_result_in_flight_counts_until_it_is_sent(bench: Bench, tmp_path: Path) -> None:
    ready(bench, "/a.js")
    (coded,) = [it.content for it in bench.cache.store.entries.values() if it.coding]
    assert coded is not None
    body = coded.body(0, 10)
    bench.cache.store.clear()
    assert 0 < bench.cache.budget.used < len(LONG)
    body.close()
    assert bench.cache.budget.used == 0


def test_no_request_names_what_lies_in_memory(bench: Bench) -> None:
    ready(bench, "/a.js")
    (key,) = [key for key in bench.cache.store.entries if b"\0" in key]
    assert bench.get("/" + quote(key)).status == 400


def test_a_server_that_closes_stops_in_the_middle(tmp_path: Path) -> None:
    write(tmp_path / "a.js", LONG)
    with Bench(tmp_path, compress=True) as bench:
        bench.get("/a.js")
        bench.scheduler.step()
    assert bench.scheduler.pending == 0  # and Bench looks at the budget


def test_want_of_memory_leaves_the_file(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise MemoryError

    with monkeypatch.context() as patched:
        patched.setattr("zlib.compressobj", fail)
        ready(bench, "/a.js")
    assert coding_of(bench.get("/a.js", BROWSER)) == "identity"
    bench.scheduler.run()
    assert coding_of(bench.get("/a.js", BROWSER)) == "gzip"


def test_many_at_once_wait_in_a_bounded_row(tmp_path: Path) -> None:
    for number in range(100):
        write(tmp_path / f"{number}.js", text(2000 + number))
    with Bench(tmp_path, compress=True) as bench:
        for number in range(100):
            bench.get(f"/{number}.js", now=number / 1e6)
        bench.scheduler.run()
        coded = [coding_of(bench.get(f"/{number}.js", BROWSER)) for number in range(100)]
        assert coded[:64] == ["gzip"] * 64
        assert coded.count("gzip") < 70
        bench.scheduler.run()
        assert coding_of(bench.get("/99.js", BROWSER)) == "gzip"


def test_it_takes_what_the_budget_and_the_plan_say(tmp_path: Path) -> None:
    for number in range(600):
        write(tmp_path / f"{number}.js", text(1100 + number) if number % 2 else os.urandom(2000))
    with Bench(tmp_path, CacheSettings(memory_budget=1024**3), compress=True) as bench:
        bench.get("/0.js")
        gc.collect()
        tracemalloc.start()
        try:
            before, _ = tracemalloc.get_traced_memory()
            used = bench.cache.budget.used
            for number in range(600):
                ready(bench, f"/{number}.js")
                bench.get(f"/{number}.js", BROWSER)
            taken = tracemalloc.get_traced_memory()[0] - before
            assert taken <= bench.cache.budget.used - used + COMPRESSION_SIZE + 1024**2
        finally:
            tracemalloc.stop()
