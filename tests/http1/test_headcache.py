"""The head cache: exact, bounded, never stale, and without any effect that a client could see."""

import gc
import os
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evloop.files.cache import CacheSettings
from evloop.http.response import NEVER, Response
from evloop.http1.answering import Wait, answer
from evloop.http1.head import parse_head
from evloop.http1.headcache import MAX_BYTES, MAX_HEAD_SIZE, HeadCache
from evloop.http1.writer import Answer
from evloop.http1.writer import write as write_response
from tests.http1.support import Forgetful, context_of, converse
from tests.support.bench import WALL, Bench, write

NOW = 1000.0
HEAD = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
REQUEST = parse_head(HEAD)


def response(fresh_until: float = NOW + 1) -> Answer:
    return write_response(Response(200, [], fresh_until=fresh_until), REQUEST)


def test_the_same_bytes_are_answered_with_the_same_response() -> None:
    cache, planned = HeadCache(), response()
    cache.remember(HEAD, planned, NOW)
    assert cache.recall(HEAD, NOW) is planned
    assert cache.recall(HEAD + b" ", NOW) is None
    assert cache.recall(HEAD[:-1], NOW) is None


def test_nothing_is_recalled_from_the_moment_it_is_not_fresh() -> None:
    cache = HeadCache()
    cache.remember(HEAD, response(NOW + 1), NOW)
    assert cache.recall(HEAD, NOW + 0.999) is not None
    assert cache.recall(HEAD, NOW + 1) is None


@pytest.mark.parametrize("fresh_until", [NEVER, NOW - 1, NOW])
def test_what_is_not_fresh_is_not_kept(fresh_until: float) -> None:
    cache = HeadCache()
    cache.remember(HEAD, response(fresh_until), NOW)
    assert len(cache) == 0


@pytest.mark.parametrize(("size", "count"), [(MAX_HEAD_SIZE, 1), (MAX_HEAD_SIZE + 1, 0)])
def test_a_long_head_is_planned_each_time(size: int, count: int) -> None:
    cache = HeadCache()
    cache.remember(b"x" * size, response(), NOW)
    assert len(cache) == count


def test_a_later_response_takes_the_place_of_a_stale_one() -> None:
    cache, later = HeadCache(), response(NOW + 2)
    cache.remember(HEAD, response(NOW + 1), NOW)
    cache.remember(HEAD, later, NOW + 1)
    assert cache.recall(HEAD, NOW + 1) is later
    assert len(cache) == 1


def test_a_cleared_memo_knows_nothing_and_has_room_again() -> None:
    cache = HeadCache(max_bytes=6000)
    for _ in range(3):
        cache.clear()
        assert cache.recall(HEAD, NOW) is None
        for number in range(3):
            cache.remember(b"%d" % number, response(), NOW)
        assert len(cache) == 3


def test_what_was_written_for_one_response_is_found_for_it_alone() -> None:
    cache = HeadCache()
    planned, other = Response(200, []), Response(200, [])
    written = write_response(planned, REQUEST)
    cache.written[planned] = written
    cache.forget(other)
    assert cache.written == {planned: written}
    cache.forget(planned)
    cache.forget(planned)
    assert cache.written == {}


def test_an_answer_for_many_heads_is_counted_once_until_all_are_forgotten() -> None:
    large = write_response(Response(404, [], page=bytes(20_000), fresh_until=NOW + 1), REQUEST)
    cache = HeadCache(max_bytes=30_000)
    for number in range(9):
        cache.remember(b"%d" % number, large, NOW)
    assert len(cache) == 9
    for number in range(9, 100):
        cache.remember(b"%d" % number, large, NOW)
        assert len(cache) < 14  # 20,000 bytes, and some 800 for each head


def test_different_heads_without_end_are_not_kept() -> None:
    cache, planned = HeadCache(), response()
    most = 0
    for number in range(100_000):
        cache.remember(b"%d" % number, planned, NOW)
        most = max(most, len(cache))
    assert 1000 < most < 3000


def test_the_limit_is_never_passed() -> None:
    cache, planned = HeadCache(max_bytes=14_000), response()
    most = 0
    for number in range(100):
        cache.remember(b"%02000d" % number, planned, NOW)
        most = max(most, len(cache))
    assert 3 <= most <= 5


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Bench]:
    write(tmp_path / "index.html", b"<p>index")
    write(tmp_path / "a.txt", b"a" * 8000)
    write(tmp_path / "empty", b"")
    write(tmp_path / "large.bin", bytes(range(256)) * 80)
    write(tmp_path / "sub" / "index.html", b"<p>sub")
    limits = CacheSettings(max_in_memory_size=10_000, revalidate=1.0)
    with Bench(tmp_path, limits) as bench:
        yield bench


# Heads that lead to a response of their own each, with the file behind it in memory.
DISTINCT = {
    "plain": b"GET /a.txt HTTP/1.1\r\nHost: %d\r\n\r\n",
    "another validator": b'GET /a.txt HTTP/1.1\r\nHost: a\r\nIf-None-Match: "%d"\r\n\r\n',
    "closing": b"GET /a.txt HTTP/1.1\r\nHost: %d\r\nConnection: close\r\n\r\n",
    "HTTP/1.0": b"GET /a.txt HTTP/1.0\r\nHost: %d\r\n\r\n",
    "HEAD": b"HEAD /a.txt HTTP/1.1\r\nHost: %d\r\n\r\n",
    "not modified": b"GET /a.txt HTTP/1.1\r\nHost: %d\r\nIf-None-Match: *\r\n\r\n",
    "long": b"GET /a.txt HTTP/1.1\r\nHost: %d\r\nX: " + b"x" * 1900 + b"\r\n\r\n",
    "many targets": b"GET /a.txt?%d HTTP/1.1\r\nHost: a\r\n\r\n",
}


QUICK = {"plain", "many targets"}
FORMS = [
    pytest.param(form, id=name, marks=[] if name in QUICK else pytest.mark.slow)
    for name, form in DISTINCT.items()
]


@pytest.mark.parametrize(
    "moving",
    [
        pytest.param(False, id="within a second"),
        pytest.param(True, id="over seconds", marks=pytest.mark.slow),
    ],
)
@pytest.mark.parametrize("form", FORMS)
def test_its_memory_stays_within_what_it_says(site: Bench, form: bytes, moving: bool) -> None:
    # Over seconds, the answers of the second before are there still when new ones are made.
    context = context_of(site.site, HeadCache())
    site.prepared.on_forget = context.cache.forget
    tracemalloc.start()
    try:
        for number in range(4000):
            if number == 100:  # what everybody shares is there by now
                context.cache.clear()
                site.prepared.clear()
                gc.collect()
                before, _ = tracemalloc.get_traced_memory()
                tracemalloc.reset_peak()
            now = number / 10 if moving else 0.0
            if moving:
                site.set_time(WALL + int(now))
                site.clock.until = int(now) + 1.0
            found = answer(form % number, context, now)
            while isinstance(found, Wait):
                found = answer(form % number, context, now)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    routes = 2048 * 1024  # the router remembers targets, within its own limit
    assert peak - before < MAX_BYTES + (routes if b"?%d" in form else 100 * 1024)


def test_a_changed_file_is_not_hidden_by_a_remembered_head(site: Bench, tmp_path: Path) -> None:
    context = context_of(site.site, HeadCache())
    head = b"GET /a.txt HTTP/1.1\r\nHost: a\r\n\r\n"
    assert converse(context, [head], now=0.0).got.endswith(b"aaa")
    write(tmp_path / "a.txt", b"b" * 8000)
    assert converse(context, [head], now=0.999).got.endswith(b"aaa")
    assert converse(context, [head], now=1.0).got.endswith(b"bbb")


def test_no_error_is_remembered(site: Bench, tmp_path: Path) -> None:
    context = context_of(site.site, HeadCache())
    head = b"GET /later.txt HTTP/1.1\r\nHost: a\r\n\r\n"
    assert b" 404 " in converse(context, [head]).got
    write(tmp_path / "later.txt", b"here")
    assert converse(context, [head]).got.endswith(b"here")


def test_a_remembered_answer_is_not_sent_by_a_server_that_stops(site: Bench) -> None:
    context = context_of(site.site, HeadCache())
    head = b"GET /a.txt HTTP/1.1\r\nHost: a\r\n\r\n"
    converse(context, [head])
    context.drain()
    assert b"\r\nConnection: close\r\n" in converse(context, [head]).got
    assert len(context.cache) == 0


_METHODS = st.sampled_from([b"GET", b"GET", b"GET", b"HEAD", b"OPTIONS", b"POST", b"BREW"])
_TARGETS = st.sampled_from(
    [b"/", b"/a.txt", b"/a.txt", b"/empty", b"/large.bin", b"/sub", b"/sub/", b"/no", b"/a.txt?q"]
)
_VERSIONS = st.sampled_from([b"1.1", b"1.1", b"1.1", b"1.0", b"2.0"])
_FIELDS = st.lists(
    st.sampled_from(
        [
            b"Connection: close",
            b"Connection: keep-alive",
            b"If-None-Match: *",
            b'If-None-Match: "x"',
            b"If-Match: *",
            b'If-Match: "x"',
            b"If-Modified-Since: Fri, 01 Jan 2100 00:00:00 GMT",
            b"If-Unmodified-Since: Thu, 01 Jan 1970 00:00:00 GMT",
            b"Range: bytes=1-2",
            b"Range: bytes=99999-",
            b'If-Range: "x"',
            b"Accept: text/html",
            b"Content-Length: 0",
            b"Host: again",
        ]
    ),
    max_size=2,
)


def _request(method: bytes, target: bytes, version: bytes, fields: list[bytes]) -> bytes:
    lines = [b"%b %b HTTP/%b" % (method, target, version), b"Host: a", *fields, b"", b""]
    return b"\r\n".join(lines)


# Few different requests and many of each, so that most are remembered.
_REQUESTS = st.lists(
    st.builds(_request, _METHODS, _TARGETS, _VERSIONS, _FIELDS), min_size=1, max_size=4
).flatmap(lambda few: st.lists(st.sampled_from(few), min_size=1, max_size=12))


@settings(
    max_examples=200,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(requests=_REQUESTS, pipelined=st.booleans())
def test_the_fast_way_and_the_slow_way_say_the_same(
    site: Bench, requests: list[bytes], pipelined: bool
) -> None:
    pieces = [b"".join(requests)] if pipelined else requests
    slow = converse(context_of(site.site, Forgetful()), pieces)
    cache = HeadCache()
    for _ in range(2):  # the second time everything that can be is remembered
        assert converse(context_of(site.site, cache), pieces) == slow


def test_the_fast_way_is_taken(site: Bench) -> None:
    cache = HeadCache()
    context = context_of(site.site, cache)
    head = b"GET /a.txt HTTP/1.1\r\nHost: a\r\n\r\n"
    first = converse(context, [head])
    os.unlink(os.path.join(site.root.path, "a.txt"))
    site.cache.close()  # whoever asks the slow way now gets a 404
    assert converse(context, [head]) == first
    assert b" 404 " in converse(context_of(site.site), [head]).got
