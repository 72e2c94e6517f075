"""Precompressed files as a client sees them: which one it gets, and what is said of it."""

import gzip
import os
import random
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from evloop.files.cache import CacheSettings
from evloop.files.variants import FORMATS
from evloop.http.negotiation import CODINGS
from evloop.http.response import Response
from evloop.http1.head import parse_head
from evloop.settings.choices import PreloadMode
from tests.support.bench import OLD, Answer, Bench, write
from tests.support.client import request as request_head
from tests.support.descriptors import no_leaks

BROWSER = "Accept-Encoding: gzip, deflate, br, zstd"
DATA_CLIENT = "Accept-Encoding: gzip, deflate, br, zstd, identity"
WORDS = b"one two three four five six seven eight nine ten eleven twelve".split()


def text(size: int) -> bytes:
    chance = random.Random(size)
    return b" ".join(chance.choices(WORDS, k=size))[:size]


PLAIN = text(9000)
GZIP = gzip.compress(PLAIN, mtime=0)
# No coder of these two is needed to send files of them.
ZSTD = b"\x28\xb5\x2f\xfd" + b"z" * (len(GZIP) - 1000)
BROTLI = b"b" * (len(GZIP) - 500)
CODED = {"zstd": ZSTD, "br": BROTLI, "gzip": GZIP}
ENDINGS = {"zstd": ".zst", "br": ".br", "gzip": ".gz"}

WAYS = {
    "preloaded": CacheSettings(),
    "streamed": CacheSettings(max_in_memory_size=0),
    "mixed": CacheSettings(max_in_memory_size=len(GZIP) - 1),  # only the file and its .gz stream
    "private": CacheSettings(sharing=PreloadMode.PRIVATE),
    "always checked": CacheSettings(revalidate=0.0),
}


def put(root: Path, name: str, data: bytes = PLAIN, **coded: bytes) -> None:
    write(root / name, data)
    for coding, coded_data in coded.items():
        write(root / (name + ENDINGS[coding]), coded_data)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("variants")
    put(root, "all.js", **CODED)
    put(root, "gzip.css", gzip=GZIP)
    put(root, "none.js")
    put(root, "index.html", br=BROTLI)
    put(root, "sub/index.html", gzip=GZIP)
    put(root, "empty.js", b"", gzip=gzip.compress(b""))
    put(root, "tiny.js", b"x", gzip=gzip.compress(b"x"))
    put(root, "photo.jpg", gzip=GZIP)
    put(root, "same.js", BROTLI, br=BROTLI)
    put(root, "drawing.svg", gzip=GZIP)
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


def accept(value: str) -> str:
    return f"Accept-Encoding: {value}"


def coding_of(answer: Answer) -> str:
    """The coding of an answer, after all that must be right about it."""
    coding = answer.fields.get("content-encoding", "identity")
    if answer.status in {200, 206}:
        assert answer.fields["content-length"] == str(len(answer.body))
    return coding


def test_the_codings_that_are_sent_are_those_that_are_parsed() -> None:
    assert tuple(each.coding for each in FORMATS) == CODINGS


class TestSelection:
    @pytest.mark.parametrize(
        ("target", "fields", "coding"),
        [
            ("/all.js", BROWSER, "zstd"),
            ("/all.js", accept("gzip, br"), "br"),
            ("/all.js", accept("gzip"), "gzip"),
            ("/all.js", accept("x-gzip"), "gzip"),
            ("/all.js", accept("GZIP"), "gzip"),
            ("/all.js", accept("gzip, br;q=0.9"), "gzip"),
            ("/all.js", accept("gzip;q=0, br;q=0"), "identity"),
            ("/all.js", accept("*;q=0.1, zstd;q=0"), "br"),
            ("/all.js", accept("*"), "zstd"),
            ("/all.js", accept("deflate"), "identity"),
            ("/all.js", accept("identity;q=0"), "identity"),
            ("/all.js", accept("identity, gzip;q=0.5"), "identity"),
            ("/all.js", accept(""), "identity"),
            ("/all.js", accept("gzip") + "\n" + accept("zstd"), "zstd"),
            ("/all.js", "", "identity"),
            ("/gzip.css", BROWSER, "gzip"),
            ("/gzip.css", accept("br"), "identity"),
            ("/", BROWSER, "br"),
            ("/sub/", BROWSER, "gzip"),
            ("/none.js", BROWSER, "identity"),
            ("/photo.jpg", BROWSER, "identity"),
            ("/drawing.svg", BROWSER, "gzip"),
            ("/tiny.js", BROWSER, "gzip"),
            ("/empty.js", BROWSER, "gzip"),
            ("/empty.js", DATA_CLIENT, "identity"),
        ],
    )
    @pytest.mark.parametrize("method", ["GET", "HEAD"])
    def test_accept_encoding_selects(
        self, bench: Bench, target: str, fields: str, coding: str, method: str
    ) -> None:
        plain = bench.get(target)
        answer = bench.get(target, fields, method=method)
        assert answer.status == 200
        assert answer.fields.get("content-encoding", "identity") == coding
        for name in ("content-type", "cache-control", "accept-ranges", "x-content-type-options"):
            assert answer.fields[name] == plain.fields[name]
        assert answer.fields.get("vary") == plain.fields.get("vary")
        if method == "GET":
            coding_of(answer)
            if coding == "gzip":
                assert gzip.decompress(answer.body) == plain.body
            elif coding in CODED:
                assert answer.body == CODED[coding]
            else:
                assert answer.body == plain.body

    @pytest.mark.parametrize("version", ["HTTP/1.0", "HTTP/1.1"])
    @pytest.mark.parametrize(("target", "count"), [("/all.js", 4), ("/same.js", 2)])
    def test_every_representation_has_its_own_strong_tag(
        self, bench: Bench, target: str, count: int, version: str
    ) -> None:
        """Also where the bytes of both are the same, as those of the second one are."""
        codings = ("identity", "gzip", "br", "zstd")
        answers = [bench.get(target, accept(coding), version=version) for coding in codings]
        tags = {answer.fields["etag"] for answer in answers}
        assert len(tags) == count
        assert all(tag.startswith('"') and tag.endswith('"') for tag in tags)

    @pytest.mark.parametrize(
        ("target", "vary"),
        [
            ("/all.js", "Accept-Encoding"),
            ("/gzip.css", "Accept-Encoding"),
            ("/", "Accept-Encoding"),
            ("/none.js", None),
            ("/photo.jpg", None),
            ("/all.js.gz", None),
        ],
    )
    @pytest.mark.parametrize(
        ("fields", "statuses"),
        [
            ("", {200}),
            ("Range: bytes=0-1", {206}),
            ("Range: bytes=0-1,4-5", {206}),
            ("If-None-Match: *", {304}),
        ],
    )
    @pytest.mark.parametrize("coding", ["", BROWSER, accept("deflate")])
    def test_every_answer_of_a_file_with_sidecars_varies(
        self, bench: Bench, target: str, vary: str | None, fields: str, statuses: set[int],
        coding: str,
    ) -> None:  # fmt: skip
        answer = bench.get(target, "\n".join(filter(None, (fields, coding))))
        assert answer.status in statuses
        assert answer.fields.get("vary") == vary

    def test_a_sidecar_that_is_asked_for_by_name_is_what_it_is(self, bench: Bench) -> None:
        for fields in ("", BROWSER):
            answer = bench.get("/all.js.gz", fields)
            assert answer.fields["content-type"] == "application/gzip"
            assert "content-encoding" not in answer.fields
            assert answer.body == GZIP
        assert answer.fields["etag"] != bench.get("/all.js", accept("gzip")).fields["etag"]

    def test_deflate_never_gets_the_bytes_of_gzip(self, bench: Bench) -> None:
        answer = bench.get("/all.js", accept("deflate, identity;q=0"))
        assert coding_of(answer) == "identity"
        assert answer.body == PLAIN
        with pytest.raises(zlib.error):
            zlib.decompress(GZIP)

    def test_a_long_field_is_answered_with_the_file(self, bench: Bench) -> None:
        answer = bench.get("/all.js", accept("gzip;q=0.5," * 1400))
        assert (answer.status, answer.body) == (200, PLAIN)
        assert answer.fields["vary"] == "Accept-Encoding"


class TestPreconditions:
    """They compare with the tag of the representation that the request selects."""

    @pytest.mark.parametrize("held", ["identity", "gzip", "br", "zstd"])
    @pytest.mark.parametrize("wanted", ["identity", "gzip", "br", "zstd"])
    @pytest.mark.parametrize("pattern", ["{}", "W/{}", '"x", {}', "{}, *"])
    def test_the_tag_of_another_coding_does_not_match(
        self, bench: Bench, held: str, wanted: str, pattern: str
    ) -> None:
        tag = bench.get("/all.js", accept(held)).fields["etag"]
        fields = f"{accept(wanted)}\nIf-None-Match: {pattern.format(tag)}"
        answer = bench.get("/all.js", fields)
        if held == wanted:
            assert (answer.status, answer.body) == (304, b"")
            assert answer.fields["etag"] == tag
            assert "content-encoding" not in answer.fields
        else:
            assert answer.status == 200
            assert coding_of(answer) == wanted

    @pytest.mark.parametrize("wanted", ["identity", "gzip", "br", "zstd"])
    def test_a_client_that_holds_all_of_them_has_the_selected_one(
        self, bench: Bench, wanted: str
    ) -> None:
        tags = [bench.get("/all.js", accept(held)).fields["etag"] for held in ("br", "gzip", "*")]
        tags.append(bench.get("/all.js").fields["etag"])
        fields = f"{accept(wanted)}\nIf-None-Match: {', '.join(tags)}"
        answer = bench.get("/all.js", fields)
        assert answer.status == 304
        assert answer.fields["etag"] == bench.get("/all.js", accept(wanted)).fields["etag"]

    def test_if_match_is_about_the_selected_one_too(self, bench: Bench) -> None:
        tag = bench.get("/all.js", accept("br")).fields["etag"]
        assert bench.get("/all.js", f"{accept('br')}\nIf-Match: {tag}").status == 200
        assert bench.get("/all.js", f"{accept('gzip')}\nIf-Match: {tag}").status == 412
        assert bench.get("/all.js", f"If-Match: {tag}").status == 412


class TestRanges:
    @pytest.mark.parametrize("fields", ["", BROWSER, DATA_CLIENT, accept("gzip"), accept("*")])
    @pytest.mark.parametrize("if_range", ["", "identity", "date", '"other-br"', '"x-gzip"', '"-"'])
    def test_a_range_is_one_of_the_file_itself(
        self, bench: Bench, fields: str, if_range: str
    ) -> None:
        plain = bench.get("/all.js")
        lines = [fields, "Range: bytes=10-19"]
        if if_range:
            known = {"identity": plain.fields["etag"], "date": plain.fields["last-modified"]}
            lines.append(f"If-Range: {known.get(if_range, if_range)}")
        answer = bench.get("/all.js", "\n".join(filter(None, lines)))
        assert coding_of(answer) == "identity"
        assert answer.fields["etag"] == plain.fields["etag"]
        if if_range in {"", "identity"}:
            assert (answer.status, answer.body) == (206, PLAIN[10:20])
            assert answer.fields["content-range"] == f"bytes 10-19/{len(PLAIN)}"
        else:
            assert (answer.status, answer.body) == (200, PLAIN)

    @pytest.mark.parametrize("coding", CODED)
    @pytest.mark.parametrize("fields", ["", BROWSER, DATA_CLIENT, accept("identity")])
    def test_if_range_with_the_tag_of_a_coding_goes_on_in_it(
        self, bench: Bench, coding: str, fields: str
    ) -> None:
        tag = bench.get("/all.js", accept(coding)).fields["etag"]
        data = CODED[coding]
        lines = filter(None, (fields, "Range: bytes=100-", f"If-Range: {tag}"))
        answer = bench.get("/all.js", "\n".join(lines))
        assert (answer.status, answer.body) == (206, data[100:])
        assert answer.fields["content-range"] == f"bytes 100-{len(data) - 1}/{len(data)}"
        assert coding_of(answer) == coding
        assert answer.fields["etag"] == tag
        assert answer.fields["vary"] == "Accept-Encoding"
        assert answer.fields["content-type"] == "text/javascript; charset=utf-8"

    def test_who_refuses_the_file_itself_gets_a_range_of_a_coding(self, bench: Bench) -> None:
        fields = accept("br, identity;q=0") + "\nRange: bytes=-5"
        answer = bench.get("/all.js", fields)
        assert (answer.status, answer.body) == (206, BROTLI[-5:])
        assert coding_of(answer) == "br"
        assert bench.get("/none.js", fields).body == PLAIN[-5:]

    def test_who_refuses_the_file_goes_on_in_the_coding_it_holds(self, bench: Bench) -> None:
        tag = bench.get("/all.js", accept("br")).fields["etag"]
        fields = accept("*, identity;q=0") + f"\nRange: bytes=-5\nIf-Range: {tag}"
        answer = bench.get("/all.js", fields)
        assert (answer.status, coding_of(answer), answer.body) == (206, "br", BROTLI[-5:])

    def test_the_end_of_a_coding_is_where_its_bytes_end(self, bench: Bench) -> None:
        tag = bench.get("/all.js", accept("br")).fields["etag"]
        beyond = f"Range: bytes={len(BROTLI)}-\n"
        assert bench.get("/all.js", f"{beyond}If-Range: {tag}").status == 416
        assert bench.get("/all.js", beyond.strip()).status == 206

    def test_parts_have_the_type_of_the_file_and_the_coding_of_the_whole(
        self, bench: Bench
    ) -> None:
        tag = bench.get("/all.js", accept("br")).fields["etag"]
        answer = bench.get("/all.js", f"Range: bytes=0-1,50-51\nIf-Range: {tag}")
        assert answer.status == 206
        assert coding_of(answer) == "br"
        assert b"Content-Type: text/javascript; charset=utf-8" in answer.body
        assert b"Content-Range: bytes 50-51/%d" % len(BROTLI) in answer.body


# What is wrong with the .gz beside a file, and what the log says of it.
FAULTS: dict[str, tuple[Callable[[Path], object], str | None]] = {
    "older": (lambda path: write(path, GZIP, OLD - 2.001), "is older than its file"),
    "brotli": (lambda path: write(path, BROTLI), "is no gzip file"),
    "zstd": (lambda path: write(path, ZSTD), "is no gzip file"),
    "one byte": (lambda path: write(path, GZIP[:1]), "is no gzip file"),
    "empty": (lambda path: write(path, b""), "is empty"),
    "directory": (lambda path: path.mkdir(), None),
    "fifo": (os.mkfifo, None),
    "dangling link": (lambda path: path.symlink_to("nowhere.gz"), None),
    "link out": (lambda path: path.symlink_to("/etc/hostname"), None),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_sidecar_that_is_wrong_is_not_used_and_named_once(tmp_path: Path, fault: str) -> None:
    make, complaint = FAULTS[fault]
    put(tmp_path, "a.js")
    make(tmp_path / "a.js.gz")
    with no_leaks(), Bench(tmp_path) as bench:
        for now in range(5):
            answer = bench.get("/a.js", BROWSER, now=now * 2)
            assert answer.body == PLAIN
            assert "vary" not in answer.fields
        assert bench.complaints == ([(b"a.js.gz", complaint)] if complaint else [])


@pytest.mark.parametrize("lag", [0, 1, 2.0, -1000])
def test_a_sidecar_may_be_a_little_older(tmp_path: Path, lag: float) -> None:
    put(tmp_path, "a.js")
    write(tmp_path / "a.js.gz", GZIP, OLD - lag)
    with Bench(tmp_path) as bench:
        assert coding_of(bench.get("/a.js", BROWSER)) == "gzip"
        assert not bench.complaints


def test_a_link_to_a_sidecar_beneath_the_root_is_followed(tmp_path: Path) -> None:
    put(tmp_path, "a.js")
    write(tmp_path / "other.gz", GZIP)
    (tmp_path / "a.js.gz").symlink_to("other.gz")
    with Bench(tmp_path) as bench:
        assert coding_of(bench.get("/a.js", BROWSER)) == "gzip"


class TestChanges:
    """All that happens to a sidecar is noticed within `revalidate`, which is a second here."""

    @pytest.mark.parametrize("size", [0, 1024**2])
    def test_it_appears_is_replaced_and_vanishes(self, tmp_path: Path, size: int) -> None:
        put(tmp_path, "a.js")
        sidecar = tmp_path / "a.js.gz"
        with no_leaks(), Bench(tmp_path, CacheSettings(max_in_memory_size=size)) as bench:

            def seen(now: float) -> tuple[str, bytes, str | None]:
                answer = bench.get("/a.js", BROWSER, now=now)
                return (
                    coding_of(answer),
                    answer.body,
                    bench.get("/a.js", now=now).fields.get("vary"),
                )

            assert seen(0.0) == ("identity", PLAIN, None)
            write(sidecar, GZIP)
            assert seen(1.1) == ("gzip", GZIP, "Accept-Encoding")
            better = gzip.compress(PLAIN, 9, mtime=1)
            write(sidecar, better, OLD + 1)
            assert seen(2.2) == ("gzip", better, "Accept-Encoding")
            sidecar.unlink()
            assert seen(3.3) == ("identity", PLAIN, None)
            write(sidecar, GZIP)
            assert seen(4.4)[0] == "gzip"
            write(tmp_path / "a.js", PLAIN[::-1], OLD + 100)  # and nobody compressed it anew
            assert seen(5.5) == ("identity", PLAIN[::-1], None)
            assert bench.complaints == [(b"a.js.gz", "is older than its file")]

    def test_one_that_was_wrong_twice_is_named_twice(self, tmp_path: Path) -> None:
        put(tmp_path, "a.js", gzip=BROTLI)
        with Bench(tmp_path) as bench:
            bench.get("/a.js", BROWSER)
            write(tmp_path / "a.js.gz", GZIP)
            assert coding_of(bench.get("/a.js", BROWSER, now=2)) == "gzip"
            write(tmp_path / "a.js.gz", ZSTD)
            bench.get("/a.js", BROWSER, now=4)
            assert bench.complaints == [(b"a.js.gz", "is no gzip file")] * 2

    @pytest.mark.parametrize("size", [0, 1024**2])
    def test_one_that_vanishes_within_the_second_leaves_the_file(
        self, tmp_path: Path, size: int
    ) -> None:
        put(tmp_path, "a.js", gzip=GZIP)
        with no_leaks(), Bench(tmp_path, CacheSettings(max_in_memory_size=size)) as bench:
            bench.get("/a.js")  # looks, but takes the file itself
            (tmp_path / "a.js.gz").unlink()
            answer = bench.get("/a.js", BROWSER, now=0.5)
            assert (coding_of(answer), answer.body) == ("identity", PLAIN)

    @pytest.mark.parametrize("size", [0, 1024**2])
    def test_one_that_is_replaced_within_the_second_is_judged_first(
        self, tmp_path: Path, size: int
    ) -> None:
        put(tmp_path, "a.js", gzip=GZIP)
        with no_leaks(), Bench(tmp_path, CacheSettings(max_in_memory_size=size)) as bench:
            bench.get("/a.js")
            write(tmp_path / "a.js.gz", b"not gzip at all")
            assert bench.get("/a.js", BROWSER, now=0.5).body == PLAIN
            assert bench.get("/a.js", BROWSER, now=1.5).body == PLAIN

    @pytest.mark.parametrize("now", [0.0, 0.9, 1.0, 5.0])
    def test_a_prepared_answer_is_used_again_while_all_is_fresh(
        self, tmp_path: Path, now: float
    ) -> None:
        put(tmp_path, "a.js", **CODED)
        asked = parse_head(request_head("/a.js", BROWSER))
        with Bench(tmp_path) as bench:
            bench.site.respond(asked, 0.0)
            first, second = (bench.site.respond(asked, now + late) for late in (0.0, 0.05))
            assert isinstance(first, Response)
            assert first is second
            assert now + 0.05 < first.fresh_until <= now + 1.0

    def test_prepared_answers_are_kept_for_each_representation(self, tmp_path: Path) -> None:
        put(tmp_path, "a.js", **CODED)
        with Bench(tmp_path) as bench:
            for _ in range(3):
                for coding in ("identity", *CODED):
                    bench.get("/a.js", accept(coding))
                bench.get("/a.js.gz")
            assert len(bench.prepared) == 5
