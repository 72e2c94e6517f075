"""From a request to a response, without a socket: every rule that HTTP has for files here."""

import os
import socket
import time
from collections.abc import Iterator
from email.parser import BytesParser
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evloop import __version__
from evloop.files.cache import CacheSettings
from evloop.http.dates import format_date
from evloop.http.response import Response
from evloop.http1.head import parse_head
from evloop.settings.choices import PreloadMode
from evloop.site.clock import Clock
from evloop.site.site import SiteSettings
from tests.support.bench import OLD, WALL, Answer, Bench, write
from tests.support.client import request
from tests.support.descriptors import no_leaks

SMALL = bytes(range(100, 150)) * 20  # 1000 bytes
LARGE = os.urandom(20_000)
MODIFIED = format_date(OLD).decode()
NOW = format_date(WALL).decode()
SETTINGS = CacheSettings(max_in_memory_size=len(SMALL))

WAYS = {
    "shared": SETTINGS,
    "private": SETTINGS._replace(sharing=PreloadMode.PRIVATE),
    "over budget": SETTINGS._replace(memory_budget=100),
}
"""How the bytes of a small file come to a response: no client may see the difference."""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("site")
    write(root / "index.html", b"<h1>root</h1>")
    write(root / "small.txt", SMALL)
    write(root / "large.bin", LARGE)
    write(root / "empty.txt", b"")
    write(root / "page.html", b"<h1>page</h1>")
    write(root / "no ending", b"?")
    write(root / "sub/index.html", b"<h1>sub</h1>")
    write(root / "sub/second.htm", b"<h1>second</h1>")
    write(root / "other/second.htm", b"<h1>other</h1>")
    write(root / "bare/file.txt", b"bare")
    write(root / "odd/index.html/file.txt", b"odd")
    write(root / "even/index.html/file.txt", b"odd")
    write(root / "even/second.htm", b"<h1>even</h1>")
    write(root / "a b/index.html", b"space")
    write(root / "\u00fc/index.html", b"umlaut")
    write(root / "q?x=1/index.html", b"question")
    write(root / "evil.example/index.html", b"host")
    write(root / "javascript:x/index.html", b"scheme")
    write(root / ".hidden", b"hidden")
    write(root / ".well-known/security.txt", b"known")
    os.mkfifo(root / "fifo")
    return root


@pytest.fixture(scope="module", params=WAYS)
def bench(request: pytest.FixtureRequest, root: Path) -> Iterator[Bench]:
    with Bench(root, WAYS[request.param]) as bench:
        bench.know_all()
        yield bench


@pytest.fixture(autouse=True)
def _no_leaks(bench: Bench) -> Iterator[None]:
    with no_leaks():
        yield


def etag(bench: Bench, target: str) -> str:
    return bench.get(target).fields["etag"]


class TestMethods:
    @pytest.mark.parametrize("target", ["/", "/small.txt", "/nothing", "/bare/", "*"])
    def test_options_says_what_is_allowed(self, bench: Bench, target: str) -> None:
        answer = bench.get(target, method="OPTIONS")
        assert answer == Answer(
            204,
            {"server": f"evloop/{__version__}", "date": NOW, "allow": "GET, HEAD, OPTIONS"},
            b"",
            closes=False,
        )

    def test_options_of_nonsense_is_refused(self, bench: Bench) -> None:
        assert bench.get("/../x", method="OPTIONS").status == 400

    @pytest.mark.parametrize(
        "method", ["POST", "PUT", "DELETE", "PATCH", "TRACE", "PROPFIND", "MKCOL", "PURGE"]
    )
    @pytest.mark.parametrize("target", ["/small.txt", "/nothing"])
    def test_known_methods_are_not_allowed(self, bench: Bench, method: str, target: str) -> None:
        answer = bench.get(target, method=method)
        assert answer.status == 405
        assert answer.fields["allow"] == "GET, HEAD, OPTIONS"
        assert not answer.closes

    def test_connect_is_not_allowed_either(self, bench: Bench) -> None:
        assert bench.get("files.test:80", method="CONNECT").status == 405

    @pytest.mark.parametrize("method", ["BREW", "get", "GETS", "X-Y"])
    def test_unknown_methods_are_not_implemented(self, bench: Bench, method: str) -> None:
        assert bench.get("/small.txt", method=method).status == 501

    def test_a_star_is_for_options_alone(self, bench: Bench) -> None:
        assert bench.get("*").status == 400


class TestFields:
    @pytest.mark.parametrize(
        ("target", "media_type", "data"),
        [
            ("/small.txt", "text/plain; charset=utf-8", SMALL),
            ("/large.bin", "application/octet-stream", LARGE),
            ("/empty.txt", "text/plain; charset=utf-8", b""),
            ("/page.html", "text/html; charset=utf-8", b"<h1>page</h1>"),
            ("/no%20ending", "application/octet-stream", b"?"),
            ("/", "text/html; charset=utf-8", b"<h1>root</h1>"),
            ("/.well-known/security.txt", "text/plain; charset=utf-8", b"known"),
        ],
    )
    def test_a_200_has_all_that_a_client_needs(
        self, bench: Bench, target: str, media_type: str, data: bytes
    ) -> None:
        answer = bench.get(target)
        tag = answer.fields.pop("etag")
        assert tag.startswith('"')
        assert tag.endswith('"')
        assert answer == Answer(
            200,
            {
                "server": f"evloop/{__version__}",
                "date": NOW,
                "content-type": media_type,
                "content-length": str(len(data)),
                "cache-control": "public, max-age=3600",
                "last-modified": MODIFIED,
                "accept-ranges": "bytes",
                "x-content-type-options": "nosniff",
            },
            data,
            closes=False,
        )

    @pytest.mark.parametrize("mtime", [0, 1, WALL + 1, WALL + 10**8, -1, -(10**9)])
    def test_a_time_that_means_nothing_is_left_out(self, tmp_path: Path, mtime: int) -> None:
        write(tmp_path / "small.txt", SMALL, mtime)
        write(tmp_path / "large.bin", LARGE, mtime)
        with Bench(tmp_path, SETTINGS) as bench:
            for target in ("/small.txt", "/large.bin"):
                answer = bench.get(target)
                assert answer.status == 200
                assert "last-modified" not in answer.fields
                assert "etag" in answer.fields
                since = f"If-Modified-Since: {format_date(WALL).decode()}"
                assert bench.get(target, since).status == 200

    @pytest.mark.parametrize("mtime", [2, WALL - 1, WALL])
    def test_a_time_that_means_something_is_told(self, tmp_path: Path, mtime: int) -> None:
        write(tmp_path / "small.txt", SMALL, mtime)
        with Bench(tmp_path) as bench:
            told = bench.get("/small.txt").fields["last-modified"]
            assert told == format_date(mtime).decode()

    def test_cache_control_is_a_matter_of_taste(self, root: Path) -> None:
        settings = SiteSettings(cache_control=b"no-cache")
        with Bench(root, site_settings=settings) as bench:
            for target in ("/small.txt", "/", "/sub"):
                assert bench.get(target).fields["cache-control"] == "no-cache"


class TestEntityTags:
    def test_every_way_to_send_has_the_same_tag(self, root: Path) -> None:
        tags = set()
        for settings in WAYS.values():
            with Bench(root, settings) as bench:
                bench.know_all()
                for fields in ("", "Range: bytes=0-9", "Range: bytes=0-1,5-9", "Connection: close"):
                    tags.add(bench.get("/small.txt", fields).fields["etag"])
                tags.add(bench.get("/small.txt", method="HEAD").fields["etag"])
                tags.add(bench.get("/small.txt", version="HTTP/1.0").fields["etag"])
        assert len(tags) == 1

    def test_a_small_file_is_known_by_its_bytes(self, tmp_path: Path) -> None:
        write(tmp_path / "one.txt", SMALL, OLD)
        write(tmp_path / "two.html", SMALL, 0)
        write(tmp_path / "three.txt", SMALL[::-1], OLD)
        with Bench(tmp_path) as bench:
            one, two, three = (
                etag(bench, f"/{name}") for name in ("one.txt", "two.html", "three.txt")
            )
        assert one == two != three

    def test_a_large_file_is_known_by_its_bytes_when_they_were_read(self, tmp_path: Path) -> None:
        write(tmp_path / "one.bin", LARGE, OLD)
        write(tmp_path / "two.bin", LARGE, OLD + 0.001)
        write(tmp_path / "three.bin", LARGE[::-1], OLD)
        with Bench(tmp_path, SETTINGS) as bench:
            weak = etag(bench, "/one.bin")
            bench.know_all()
            one, two, three = (etag(bench, f"/{name}.bin") for name in ("one", "two", "three"))
        assert weak.startswith('W/"')
        assert one == two != three
        assert one.startswith('"')

    @pytest.mark.parametrize("if_range", ["{etag}", MODIFIED])
    def test_a_weak_tag_lets_no_part_be_sent(self, tmp_path: Path, if_range: str) -> None:
        write(tmp_path / "one.bin", LARGE, OLD)
        with Bench(tmp_path, SETTINGS) as bench:
            field = if_range.format(etag=etag(bench, "/one.bin"))
            answer = bench.get("/one.bin", f"Range: bytes=0-4\nIf-Range: {field}")
            assert (answer.status, answer.body) == (200, LARGE)


PRECONDITIONS = {
    # If-None-Match
    "If-None-Match: {etag}": 304,
    'If-None-Match: "other", {etag}': 304,
    'If-None-Match: "other",{etag} , "more"': 304,
    "If-None-Match: W/{etag}": 304,
    "If-None-Match: *": 304,
    'If-None-Match: "other"': 200,
    'If-None-Match: ""': 200,
    "If-None-Match:": 200,
    # If-Modified-Since
    f"If-Modified-Since: {MODIFIED}": 304,
    f"If-Modified-Since: {NOW}": 304,
    f"If-Modified-Since: {format_date(OLD + 1).decode()}": 304,
    f"If-Modified-Since: {format_date(OLD - 1).decode()}": 200,
    "If-Modified-Since: Monday, 13-Nov-23 18:26:40 GMT": 304,
    "If-Modified-Since: Mon Nov 13 18:26:40 2023": 304,
    "If-Modified-Since: Sunday, 12-Nov-23 18:26:40 GMT": 200,
    "If-Modified-Since: yesterday": 200,
    "If-Modified-Since: 0": 200,
    # If-Modified-Since counts only where If-None-Match is not
    f'If-None-Match: "other"\nIf-Modified-Since: {NOW}': 200,
    f"If-None-Match: {{etag}}\nIf-Modified-Since: {format_date(0).decode()}": 304,
    # If-Match
    "If-Match: {etag}": 200,
    'If-Match: "other", {etag}': 200,
    "If-Match: *": 200,
    'If-Match: "other"': 412,
    "If-Match: W/{etag}": 412,
    # If-Unmodified-Since
    f"If-Unmodified-Since: {MODIFIED}": 200,
    f"If-Unmodified-Since: {NOW}": 200,
    f"If-Unmodified-Since: {format_date(OLD - 1).decode()}": 412,
    "If-Unmodified-Since: yesterday": 200,
    # If-Unmodified-Since counts only where If-Match is not
    f"If-Match: {{etag}}\nIf-Unmodified-Since: {format_date(0).decode()}": 200,
    f'If-Match: "other"\nIf-Unmodified-Since: {NOW}': 412,
    # all of them
    "If-Match: {etag}\nIf-None-Match: {etag}": 304,
    'If-Match: "other"\nIf-None-Match: {etag}': 412,
    f"If-Unmodified-Since: {MODIFIED}\nIf-Modified-Since: {MODIFIED}": 304,
    # before Range
    "If-None-Match: {etag}\nRange: bytes=0-0": 304,
    "If-None-Match: {etag}\nRange: bytes=99999-": 304,
    'If-Match: "other"\nRange: bytes=99999-': 412,
    "If-Match: {etag}\nRange: bytes=0-0": 206,
}
"""Statuses in the order of RFC 9110 section 13.2.2; {etag} stands for the file's own."""


class TestPreconditions:
    @pytest.mark.parametrize("target", ["/small.txt", "/large.bin"])
    @pytest.mark.parametrize("fields", PRECONDITIONS)
    def test_the_table(self, bench: Bench, target: str, fields: str) -> None:
        tag = etag(bench, target)
        answer = bench.get(target, fields.replace("{etag}", tag))
        assert answer.status == PRECONDITIONS[fields]
        assert not answer.closes

    @pytest.mark.parametrize("target", ["/small.txt", "/large.bin"])
    @pytest.mark.parametrize("method", ["GET", "HEAD"])
    def test_a_304_says_what_section_15_4_5_asks_for(
        self, bench: Bench, target: str, method: str
    ) -> None:
        tag = etag(bench, target)
        answer = bench.get(target, f"If-None-Match: {tag}", method=method)
        assert answer == Answer(
            304,
            {
                "server": f"evloop/{__version__}",
                "date": NOW,
                "etag": tag,
                "cache-control": "public, max-age=3600",
            },
            b"",
            closes=False,
        )


RANGES: dict[str, list[tuple[int, int]] | int] = {
    # one range: first and end, half-open, in a file of SIZE bytes
    "bytes=0-0": [(0, 1)],
    "bytes=0-": [(0, 1000)],
    "bytes=1-": [(1, 1000)],
    "bytes=999-": [(999, 1000)],
    "bytes=5-9": [(5, 10)],
    "bytes=0-999": [(0, 1000)],
    "bytes=0-1000": [(0, 1000)],
    "bytes=500-99999999999999999999999": [(500, 1000)],
    "bytes=0-" + "9" * 2000: [(0, 1000)],
    "bytes=-1": [(999, 1000)],
    "bytes=-1000": [(0, 1000)],
    "bytes=-99999999999999999999999": [(0, 1000)],
    "bytes=0000005-009": [(5, 10)],
    "Bytes=5-9": [(5, 10)],
    "bytes=5-9,": [(5, 10)],
    # several
    "bytes=0-1,5-9": [(0, 2), (5, 10)],
    "bytes=5-9, 0-1": [(5, 10), (0, 2)],
    "bytes=0-1,,5-9": [(0, 2), (5, 10)],
    "bytes=0-0,-1": [(0, 1), (999, 1000)],
    "bytes=0-1,5000-": [(0, 2)],
    "bytes=" + ",".join(f"{first}-{first}" for first in range(0, 160, 10)): [
        (first, first + 1) for first in range(0, 160, 10)
    ],
    # merged
    "bytes=0-5,3-9": [(0, 10)],
    "bytes=0-4,5-9": [(0, 10)],
    "bytes=5-9,0-4": [(0, 10)],
    "bytes=0-,-1": [(0, 1000)],
    "bytes=0-9,20-29,5-24": [(0, 30)],
    "bytes=" + ",".join(["0-"] * 50): [(0, 1000)],
    # ignored
    "bytes=": 200,
    "bytes=-": 200,
    "bytes": 200,
    "bytes=a-b": 200,
    "bytes=5-2": 200,
    "bytes=0-1,5-2": 200,
    "bytes=0-1,x": 200,
    "bytes=--1": 200,
    "bytes=0--1": 200,
    "bytes=+0-1": 200,
    "bytes=0x0-0x5": 200,
    "bytes=1.0-2": 200,
    "bytes=0-1;2-3": 200,
    "lines=0-1": 200,
    "items 0-1": 200,
    "bytes 0-1": 200,
    "bytes=" + ",".join(f"{first}-{first}" for first in range(0, 170, 10)): 200,
    # unsatisfiable
    "bytes=1000-": 416,
    "bytes=1000-2000": 416,
    "bytes=-0": 416,
    "bytes=99999999999999999999999-": 416,
    "bytes=1000-,2000-": 416,
}


def parts_of(answer: Answer) -> list[tuple[str, str, bytes]]:
    """Return (Content-Type, Content-Range, bytes) of each part of a multipart answer."""
    media_type, _, boundary = answer.fields["content-type"].partition("; boundary=")
    assert media_type == "multipart/byteranges"
    beginning, *texts, ending = answer.body.split(b"--" + boundary.encode())
    assert (beginning, ending) == (b"", b"--\r\n")
    parts = []
    for text in texts:
        assert text.startswith(b"\r\n")
        assert text.endswith(b"\r\n")
        head, _, data = text[2:-2].partition(b"\r\n\r\n")
        fields = BytesParser().parsebytes(head + b"\r\n\r\n")
        assert len(fields) == 2
        parts.append((fields["content-type"], fields["content-range"], data))
    return parts


class TestRanges:
    @pytest.mark.parametrize("value", RANGES)
    def test_the_table(self, bench: Bench, value: str) -> None:
        self.check(bench.get("/small.txt", f"Range: {value}"), RANGES[value], SMALL)

    @pytest.mark.parametrize("value", RANGES)
    def test_the_table_for_a_streamed_file(self, root: Path, value: str) -> None:
        with Bench(root, SETTINGS._replace(max_in_memory_size=999)) as streaming:
            self.check(streaming.get("/small.txt", f"Range: {value}"), RANGES[value], SMALL)

    def check(self, answer: Answer, expected: list[tuple[int, int]] | int, data: bytes) -> None:
        size = len(data)
        assert answer.fields["content-length"] == str(len(answer.body))
        if expected == 200:
            assert (answer.status, answer.body) == (200, data)
            assert "content-range" not in answer.fields
        elif expected == 416:
            assert answer.status == 416
            assert answer.fields["content-range"] == f"bytes */{size}"
        else:
            assert isinstance(expected, list)
            assert answer.status == 206
            self.check_parts(answer, expected, data)

    def check_parts(self, answer: Answer, expected: list[tuple[int, int]], data: bytes) -> None:
        size = len(data)
        if len(expected) == 1:
            ((start, end),) = expected
            assert answer.fields["content-range"] == f"bytes {start}-{end - 1}/{size}"
            assert answer.fields["content-type"] == "text/plain; charset=utf-8"
            assert answer.body == data[start:end]
        else:
            assert "content-range" not in answer.fields
            assert answer.fields["content-type"].startswith("multipart/byteranges; boundary=")
            assert parts_of(answer) == [
                ("text/plain; charset=utf-8", f"bytes {start}-{end - 1}/{size}", data[start:end])
                for start, end in expected
            ]
        for name in ("etag", "last-modified", "cache-control", "date", "server", "accept-ranges"):
            assert name in answer.fields

    @given(
        specs=st.lists(
            st.one_of(
                st.tuples(st.integers(0, 21_000), st.integers(0, 21_000)).map(
                    lambda ends: f"{min(ends)}-{max(ends)}"
                ),
                st.integers(0, 21_000).map(lambda start: f"{start}-"),
                st.integers(1, 21_000).map(lambda count: f"-{count}"),
            ),
            min_size=1,
            max_size=5,
        )
    )
    def test_whatever_is_asked_for_comes_from_the_file(
        self, bench: Bench, specs: list[str]
    ) -> None:
        answer = bench.get("/large.bin", f"Range: bytes={','.join(specs)}")
        wanted: set[int] = set()
        for spec in specs:
            first, _, last = spec.partition("-")
            start = int(first) if first else max(0, len(LARGE) - int(last))
            stop = int(last) + 1 if first and last else len(LARGE)
            wanted |= set(range(start, min(stop, len(LARGE))))
        if not wanted:
            assert answer.status == 416
            return
        assert answer.status == 206
        single = [("", answer.fields.get("content-range", ""), answer.body)]
        parts = single if "content-range" in answer.fields else parts_of(answer)
        got: set[int] = set()
        for _, content_range, data in parts:
            ends, _, size = content_range.removeprefix("bytes ").partition("/")
            begin, end = (int(offset) for offset in ends.split("-"))
            assert size == str(len(LARGE))
            assert data == LARGE[begin : end + 1]
            assert got.isdisjoint(range(begin, end + 1))
            got |= set(range(begin, end + 1))
        assert got == wanted

    @pytest.mark.parametrize("value", ["bytes=0-1", "bytes=-1", "bytes=0-", "bytes=99-"])
    def test_an_empty_file_has_no_ranges(self, bench: Bench, value: str) -> None:
        answer = bench.get("/empty.txt", f"Range: {value}")
        if value == "bytes=-1":
            assert answer.status == 200
        else:
            assert answer.status == 416
            assert answer.fields["content-range"] == "bytes */0"

    @pytest.mark.parametrize(
        ("if_range", "status"),
        [
            ("{etag}", 206),
            ("W/{etag}", 200),
            ('"other"', 200),
            (MODIFIED, 200),
            (format_date(OLD + 1).decode(), 200),
            (format_date(OLD - 1).decode(), 200),
            (NOW, 200),
            ("nonsense", 200),
            ("*", 200),
        ],
    )
    @pytest.mark.parametrize("target", ["/small.txt", "/large.bin"])
    def test_if_range_asks_for_the_same_file(
        self, bench: Bench, target: str, if_range: str, status: int
    ) -> None:
        tag = etag(bench, target)
        fields = f"Range: bytes=5-9\nIf-Range: {if_range.replace('{etag}', tag)}"
        answer = bench.get(target, fields)
        data = SMALL if target == "/small.txt" else LARGE
        assert (answer.status, answer.body) == (status, data[5:10] if status == 206 else data)

    def test_if_range_without_a_range_changes_nothing(self, bench: Bench) -> None:
        assert bench.get("/small.txt", 'If-Range: "other"').status == 200

    def test_a_date_that_an_unpacker_has_set_is_no_strong_validator(self, tmp_path: Path) -> None:
        write(tmp_path / "small.txt", SMALL)
        with Bench(tmp_path, CacheSettings(revalidate=0.0)) as bench:
            date = bench.get("/small.txt").fields["last-modified"]
            write(tmp_path / "small.txt", SMALL[::-1])
            answer = bench.get("/small.txt", f"Range: bytes=5-9\nIf-Range: {date}")
            assert answer.fields["last-modified"] == date
            assert (answer.status, answer.body) == (200, SMALL[::-1])

    def test_range_is_for_get_alone(self, bench: Bench) -> None:
        for value in ("bytes=0-0", "bytes=99999-"):
            answer = bench.get("/small.txt", f"Range: {value}", method="HEAD")
            assert answer.status == 200
            assert answer.fields["content-length"] == "1000"

    def test_several_ranges_are_told_apart_by_a_boundary_that_nobody_can_guess(
        self, bench: Bench
    ) -> None:
        first, second = (bench.get("/small.txt", "Range: bytes=0-1,5-9") for _ in range(2))
        assert first.fields["content-type"] != second.fields["content-type"]
        assert len(first.body) == len(second.body)

    def test_a_repeated_field_is_one_list(self, bench: Bench) -> None:
        answer = bench.get("/small.txt", "Range: bytes=0-1\nRange: bytes=5-9")
        assert answer.status == 200  # "bytes=0-1, bytes=5-9" is no list of ranges


class TestHead:
    FIELDS = (
        "",
        "Connection: close",
        "If-None-Match: *",
        'If-Match: "other"',
        f"If-Modified-Since: {MODIFIED}",
        "Accept: text/html",
        "Content-Length: 5",
    )
    TARGETS = ("/", "/small.txt", "/large.bin", "/empty.txt", "/sub", "/sub/", "/nothing", "/../x")

    @pytest.mark.parametrize("target", TARGETS)
    @pytest.mark.parametrize("fields", FIELDS)
    @pytest.mark.parametrize("version", ["HTTP/1.1", "HTTP/1.0"])
    def test_head_is_get_without_a_body(
        self, bench: Bench, target: str, fields: str, version: str
    ) -> None:
        get = bench.get(target, fields, version=version)
        head = bench.get(target, fields, method="HEAD", version=version)
        assert head == get._replace(body=b"")
        if get.status not in {204, 304}:
            assert head.fields["content-length"] == str(len(get.body))


class TestDirectories:
    @pytest.mark.parametrize(
        ("target", "location"),
        [
            ("/sub", "./sub/"),
            ("/sub?", "./sub/?"),
            ("/sub?a=b&c=%20", "./sub/?a=b&c=%20"),
            ("/sub?//evil.example", "./sub/?//evil.example"),
            ("//sub", "./sub/"),
            ("/./sub", "./sub/"),
            ("/bare/../sub", "./sub/"),
            ("/%73ub", "./sub/"),
            ("//evil.example", "./evil.example/"),
            ("//evil.example/../sub", "./sub/"),
            ("/a%20b", "./a%20b/"),
            ("/%c3%bc", "./%C3%BC/"),
            ("/q%3fx=1", "./q%3Fx=1/"),
            ("/javascript:x", "./javascript:x/"),
            ("http://files.test/sub", "./sub/"),
            ("http://evil.example/sub?x", "./sub/?x"),
        ],
    )
    @pytest.mark.parametrize("method", ["GET", "HEAD"])
    def test_a_directory_without_its_slash_is_sent_there(
        self, bench: Bench, target: str, location: str, method: str
    ) -> None:
        answer = bench.get(target, method=method)
        assert answer.status == 308
        assert answer.fields["location"] == location
        assert answer.fields["vary"] == "Accept"  # the page is HTML or text, and is cached
        assert not answer.closes

    @pytest.mark.parametrize("target", ["/bare", "/bare/", "/odd", "/odd/", "/.well-known"])
    def test_a_directory_without_an_index_is_not_found(self, bench: Bench, target: str) -> None:
        assert bench.get(target).status == 404

    @pytest.mark.parametrize(
        "target", ["/small.txt/", "/large.bin/", "/small.txt/.", "/small.txt//", "/small.txt/x"]
    )
    def test_a_file_is_no_directory(self, bench: Bench, target: str) -> None:
        assert bench.get(target).status == 404

    def test_the_first_index_that_is_there_answers(self, root: Path) -> None:
        settings = SiteSettings(index_names=(b"index.html", b"second.htm"))
        with Bench(root, site_settings=settings) as bench:
            assert bench.get("/sub/").body == b"<h1>sub</h1>"
            assert bench.get("/other/").body == b"<h1>other</h1>"
            assert bench.get("/other").status == 308
            assert bench.get("/even/").body == b"<h1>even</h1>"
            assert bench.get("/bare/").status == 404
            assert bench.get("/odd/").status == 404

    def test_an_index_is_held_to_the_same_rules_as_any_file(self, root: Path) -> None:
        settings = SiteSettings(index_names=(b".hidden",))
        with Bench(root, site_settings=settings) as bench:
            assert bench.get("/").status == 404
        write(root / "secret/.hidden", b"hidden")
        with Bench(root, site_settings=settings) as bench:
            assert bench.get("/secret").status == 404
            assert bench.get("/secret/").status == 404
        with Bench(root, site_settings=settings._replace(hidden=True)) as bench:
            assert bench.get("/").body == b"hidden"
            assert bench.get("/secret").status == 308

    def test_the_conditions_hold_for_an_index_too(self, bench: Bench) -> None:
        tag = etag(bench, "/sub/")
        assert tag == etag(bench, "/sub/index.html")
        assert bench.get("/sub/", f"If-None-Match: {tag}").status == 304
        assert bench.get("/sub/", "Range: bytes=0-3").body == b"<h1>"


class TestErrors:
    @pytest.mark.parametrize("accept", ["text/html", "text/html;q=0.9, */*;q=0.1", "text/*"])
    def test_a_person_gets_a_page(self, bench: Bench, accept: str) -> None:
        answer = bench.get("/nothing", f"Accept: {accept}")
        assert answer.fields["content-type"] == "text/html; charset=utf-8"
        assert answer.body.startswith(b"<!doctype html>")
        assert b"404" in answer.body

    @pytest.mark.parametrize("accept", ["*/*", "application/json", "text/html;q=0", ""])
    def test_a_program_gets_a_line(self, bench: Bench, accept: str) -> None:
        answer = bench.get("/nothing", f"Accept: {accept}")
        assert answer.fields["content-type"] == "text/plain; charset=utf-8"
        assert answer.body == b"404 Not Found\nThere is no file at this address.\n"

    @pytest.mark.parametrize(
        ("head", "status"),
        [
            (request("/nothing"), 404),
            (request("/../x"), 400),
            (request("/%zz"), 400),
            (request("/fifo"), 404),
            (request("/small.txt", method="POST"), 405),
            (request("/small.txt", method="BREW"), 501),
            (request("/small.txt", 'If-Match: "x"'), 412),
            (request("/small.txt", "Range: bytes=99999-"), 416),
            (request("/small.txt", version="HTTP/2.0"), 505),
            (b"GET /small.txt HTTP/1.1\r\n\r\n", 400),
            (b"nonsense\r\n\r\n", 400),
        ],
    )
    def test_an_error_is_complete_and_not_kept(
        self, bench: Bench, head: bytes, status: int
    ) -> None:
        answer = bench.ask(head)
        assert answer.status == status
        assert answer.fields["content-length"] == str(len(answer.body))
        assert answer.fields["cache-control"] == "no-store"
        assert answer.fields["x-content-type-options"] == "nosniff"
        assert answer.fields["date"] == NOW
        assert b"small.txt" not in answer.body  # nothing of the request is repeated
        closes = status in {400, 501, 505}
        assert answer.closes is closes
        assert answer.fields.get("connection") == ("close" if closes else None)

    def test_nothing_but_files_is_served(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "fifo")
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(tmp_path / "socket"))
        (tmp_path / "null").symlink_to("/dev/null")
        with Bench(tmp_path) as bench:
            for name in ("fifo", "socket", "null", "missing"):
                assert bench.get(f"/{name}").status == 404
                assert bench.get(f"/{name}/").status == 404
        listener.close()


CONNECTIONS = {
    ("HTTP/1.1", ""): None,
    ("HTTP/1.1", "Connection: keep-alive"): None,
    ("HTTP/1.1", "Connection: close"): "close",
    ("HTTP/1.1", "Connection: Close"): "close",
    ("HTTP/1.1", "Connection: upgrade, close"): "close",
    ("HTTP/1.1", "Connection: upgrade\nUpgrade: websocket"): None,
    ("HTTP/1.0", ""): "close",
    ("HTTP/1.0", "Connection: keep-alive"): "keep-alive",
    ("HTTP/1.0", "Connection: Keep-Alive, x"): "keep-alive",
    ("HTTP/1.0", "Connection: keep-alive, close"): "close",
    ("HTTP/1.1", "Content-Length: 0"): None,
    ("HTTP/1.1", "Content-Length: 5"): "close",
    ("HTTP/1.1", "Transfer-Encoding: chunked"): "close",
    ("HTTP/1.1", "Expect: 100-continue"): None,
    ("HTTP/1.1", "Expect: 100-continue\nContent-Length: 5"): "close",
    ("HTTP/1.0", "Connection: keep-alive\nContent-Length: 5"): "close",
}
"""What becomes of the connection, as its field says."""


class TestConnections:
    @pytest.mark.parametrize(
        "target", ["/small.txt", "/large.bin", "/empty.txt", "/nothing", "/sub"]
    )
    @pytest.mark.parametrize(("version", "fields"), CONNECTIONS)
    def test_the_table(self, bench: Bench, target: str, version: str, fields: str) -> None:
        answer = bench.get(target, fields, version=version)
        assert answer.status in {200, 404, 308}
        named = CONNECTIONS[version, fields]
        assert (answer.fields.get("connection"), answer.closes) == (named, named == "close")


class TestFreshness:
    def test_a_file_that_changes_is_seen_when_it_is_time(self, tmp_path: Path) -> None:
        write(tmp_path / "file.txt", b"old")
        with Bench(tmp_path, CacheSettings(revalidate=2.0)) as bench:
            assert bench.get("/file.txt", now=10.0).body == b"old"
            write(tmp_path / "file.txt", b"newer", OLD + 60)
            assert bench.get("/file.txt", now=11.9).body == b"old"
            answer = bench.get("/file.txt", now=12.0)
            assert answer.body == b"newer"
            assert answer.fields["last-modified"] == format_date(OLD + 60).decode()

    def test_the_same_response_is_given_to_all_within_its_second(self, root: Path) -> None:
        with Bench(root, SETTINGS) as bench:
            asked = parse_head(request("/small.txt"))
            first = bench.site.respond(asked, 5.0)
            assert bench.site.respond(asked, 5.9) is first
            assert isinstance(first, Response)
            assert first.fresh_until == 6.0  # when the file is looked at again
            bench.clock.until = 6.2
            second = bench.site.respond(asked, 6.0)
            assert isinstance(second, Response)
            assert second is not first
            assert second.fresh_until == 6.2  # when the date is another
            bench.clock.until = 1e9
            bench.set_time(WALL + 1)
            third = bench.site.respond(asked, 6.2)
            assert isinstance(third, Response)
            assert (b"Date", format_date(WALL + 1)) in third.fields

    def test_the_date_is_that_of_the_clock(self, root: Path) -> None:
        with Bench(root, SETTINGS) as bench:
            for target in ("/large.bin", "/nothing", "/sub"):
                for seconds in (WALL, WALL + 1):
                    bench.set_time(seconds)
                    assert bench.get(target).fields["date"] == format_date(seconds).decode()


class TestClock:
    def test_the_time_is_read_once_a_second(self, monkeypatch: pytest.MonkeyPatch) -> None:
        times = [100.25, 101.0, 107.5]
        monkeypatch.setattr(time, "time", lambda: times.pop(0))
        clock = Clock()
        for now, seconds, until in (
            (10.0, 100, 10.75),
            (10.74, 100, 10.75),
            (10.75, 101, 11.75),
            (20.0, 107, 20.5),
        ):
            clock.refresh(now)
            assert (clock.seconds, clock.date) == (seconds, format_date(seconds))
            assert clock.until == pytest.approx(until)
