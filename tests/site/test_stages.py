"""The stages of a site together: rules, listings, archives, codings, fallback and error pages."""

import errno
import gzip
import io
import json
import tarfile
from pathlib import Path

import pytest

from evloop.files.cache import CacheSettings
from evloop.settings.choices import PreloadMode
from evloop.site.rules.dialect import CLOUDFLARE, NETLIFY, Dialect
from evloop.site.settings import SiteSettings
from tests.support.bench import Answer, Bench, write
from tests.support.descriptors import no_leaks

HTML = "Accept: text/html"
NAVIGATE = "Accept: text/html\nSec-Fetch-Mode: navigate"
PAGE = b"page " * 1000
CODED = gzip.compress(PAGE, mtime=0)
WAYS = {
    "preloaded": CacheSettings(),
    "streamed": CacheSettings(max_in_memory_size=0),
    "private": CacheSettings(sharing=PreloadMode.PRIVATE),
}


def make(root: Path, files: dict[str, bytes]) -> Path:
    for name, data in files.items():
        write(root / name, data)
    return root


def short(answer: Answer) -> str:
    """Return an answer as the tables have it."""
    if "location" in answer.fields:
        return f"{answer.status} {answer.fields['location']}"
    for begin, kind in ((b"<!doctype html>", "page"), (b"[", "json"), (b"bare/", "tar")):
        if answer.status == 200 and answer.body.startswith(begin):
            return f"200 {kind}"
    return f"{answer.status} {answer.body.decode()}" if answer.status == 200 else str(answer.status)


# What stands in for a file, by the target and by what the site has: a rule, listings, a fallback.
STAND_INS: dict[tuple[str, str], str] = {
    ("/bare/", ""): "404",
    ("/bare/", "fallback"): "200 app",
    ("/bare/", "listings"): "200 page",
    ("/bare/", "listings fallback"): "200 page",
    ("/bare/", "rule listings fallback"): "302 /ruled",
    ("/bare", ""): "404",
    ("/bare", "fallback"): "200 app",
    ("/bare", "listings fallback"): "308 ./bare/",
    ("/bare", "rule listings fallback"): "302 /ruled",
    ("/bare/?archive=tar", ""): "404",
    ("/bare/?archive=tar", "archives"): "200 tar",
    ("/bare/?archive=tar", "rule archives fallback"): "200 tar",
    ("/bare?archive=tar", "archives"): "308 ./bare/?archive=tar",
    ("/nothing/", "listings archives"): "404",
    ("/nothing/", "listings archives fallback"): "200 app",
    ("/nothing/?archive=tar", "listings archives"): "404",
    ("/nothing/?archive=tar", "listings archives fallback"): "200 app",
    ("/nothing/?archive=tar", "rule listings archives fallback"): "302 /ruled?archive=tar",
    ("/bare/a.js/", "listings archives"): "404",
    ("/bare/a.js/", "listings archives fallback"): "200 app",
    ("/full", "rule listings fallback"): "308 ./full/",
    ("/full/", "rule listings fallback"): "200 full",
    ("/full/", "forced listings archives fallback"): "302 /ruled",
    ("/full/?archive=tar", "forced listings archives fallback"): "302 /ruled?archive=tar",
    ("/bare/a.js", "rule listings fallback"): "200 js",
}
RULES = {"rule": b"/* /ruled 302", "forced": b"/* /ruled 302!"}


@pytest.mark.parametrize(("target", "has"), STAND_INS)
def test_what_stands_in_for_a_file_has_an_order(tmp_path: Path, target: str, has: str) -> None:
    make(tmp_path, {"bare/a.js": b"js", "full/index.html": b"full", "app.html": b"app"})
    make(tmp_path, {"_redirects": RULES.get(has.partition(" ")[0], b"")})
    settings = SiteSettings(fallback=b"app.html" if "fallback" in has else b"")
    lists, archives = "listings" in has, "archives" in has
    with (
        no_leaks(),
        Bench(tmp_path, None, settings, lists=lists, archives=archives, dialect=NETLIFY) as bench,
    ):
        assert short(bench.get(target, NAVIGATE)) == STAND_INS[target, has]


def test_a_directory_that_may_not_be_read_is_refused_for_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(tmp_path, {"app.html": b"app", "secret/a": b"a"})
    settings = SiteSettings(fallback=b"app.html")
    with Bench(tmp_path, None, settings, lists=True, dialect=NETLIFY) as bench:
        opened = bench.root.open

        def refuse(path: bytes) -> int:
            if path == b"secret":
                raise PermissionError(errno.EACCES, "Permission denied")
            return opened(path)

        monkeypatch.setattr(bench.root, "open", refuse)
        assert bench.get("/secret/", NAVIGATE).status == 403


# The rule files themselves


@pytest.mark.parametrize("ending", ["", ".br", ".gz", ".zst"])
@pytest.mark.parametrize("name", ["_headers", "_redirects"])
def test_rule_files_are_neither_served_nor_listed_nor_sent(
    tmp_path: Path, name: str, ending: str
) -> None:
    hidden = name + ending
    make(tmp_path, {hidden: b"", "a": b"a", f"sub/{hidden}": b"mine"})
    for dialect, is_there in ((NETLIFY, False), (None, True)):
        with Bench(tmp_path, lists=True, archives=True, dialect=dialect) as bench:
            assert bench.get(f"/{hidden}").status == (200 if is_there else 404)
            assert bench.get(f"/sub/{hidden}").body == b"mine"
            entries = json.loads(bench.get("/?format=json").body)
            assert (hidden in [entry["name"] for entry in entries]) is is_there
            assert hidden.encode() in bench.get("/sub/").body
            tar = bench.get("/?archive=tar").body
            names = tarfile.open(fileobj=io.BytesIO(tar)).getnames()
            assert (f"root/{hidden}" in names) is is_there
            assert f"root/sub/{hidden}" in names


# The fields of _headers

HEADERS = b"""\
/*
  X-All: 1
  Cache-Control: max-age=60
/bare/*
  Vary: Origin
  Content-Length: 1
"""


@pytest.mark.parametrize(
    ("target", "vary"),
    [
        ("/bare/", "Accept, Origin"),
        ("/bare/?format=json", "Accept, Origin"),
        ("/bare/?archive=tar", "Origin"),
        ("/bare/?archive=zip", "Origin"),
    ],
)
def test_what_is_made_of_a_directory_has_the_fields_of_its_address(
    tmp_path: Path, target: str, vary: str
) -> None:
    make(tmp_path, {"bare/a": b"a", "_headers": HEADERS})
    with Bench(tmp_path, lists=True, archives=True, dialect=NETLIFY) as bench:
        answer = bench.get(target)
        assert (answer.fields["x-all"], answer.fields["vary"]) == ("1", vary)
        assert answer.fields["cache-control"] == "max-age=60"
        assert "content-length" not in answer.fields
        head = bench.get(target, method="HEAD")
        assert head.fields == {
            name: value for name, value in answer.fields.items() if name != "transfer-encoding"
        }


@pytest.mark.parametrize("way", WAYS)
def test_each_coding_of_a_file_has_its_fields(tmp_path: Path, way: str) -> None:
    make(tmp_path, {"bare/a.js": PAGE, "bare/a.js.gz": CODED, "_headers": HEADERS})
    with no_leaks(), Bench(tmp_path, WAYS[way], dialect=NETLIFY) as bench:
        for _ in range(2):  # and when they are prepared
            for fields, body in (("", PAGE), ("Accept-Encoding: gzip", CODED)):
                bench.know_all()
                answer = bench.get("/bare/a.js", fields)
                assert answer.body == body
                assert answer.fields["x-all"] == "1"
                assert answer.fields["vary"] == "Accept-Encoding, Origin"
                assert answer.fields["cache-control"] == "max-age=60"
                assert answer.fields.get("content-encoding") == ("gzip" if fields else None)
                tag = answer.fields["etag"]
                same = bench.get("/bare/a.js", f"{fields}\nIf-None-Match: {tag}".strip())
                assert same.status == 304
                assert same.fields["vary"] == "Accept-Encoding, Origin"
                assert same.fields["x-all"] == "1"
        assert bench.get("/bare/a.js.gz").fields["content-type"] == "application/gzip"


def test_what_is_compressed_in_memory_has_the_fields_of_its_file(tmp_path: Path) -> None:
    make(tmp_path, {"bare/a.js": PAGE, "_headers": HEADERS})
    with Bench(tmp_path, compress=True, dialect=NETLIFY) as bench:
        bench.get("/bare/a.js", "Accept-Encoding: gzip")
        bench.scheduler.run()
        answer = bench.get("/bare/a.js", "Accept-Encoding: gzip")
        assert gzip.decompress(answer.body) == PAGE
        assert (answer.fields["x-all"], answer.fields["vary"]) == ("1", "Accept-Encoding, Origin")


@pytest.mark.parametrize(("dialect", "has_fields"), [(NETLIFY, False), (CLOUDFLARE, True)])
@pytest.mark.parametrize("target", ["/bare", "/page.html", "/old"])
def test_a_redirect_has_fields_where_the_host_gives_it_some(
    tmp_path: Path, target: str, dialect: Dialect, has_fields: bool
) -> None:
    files = {"page.html": b"page", "bare/a": b"a", "_headers": HEADERS + b"  Location: /evil\n"}
    make(tmp_path, {**files, "_redirects": b"/old /new 308"})
    settings = SiteSettings(clean_urls=True)
    with Bench(tmp_path, None, settings, lists=True, dialect=dialect) as bench:
        answer = bench.get(target)
        assert answer.status == 308
        assert ("x-all" in answer.fields) is has_fields
        kept = "max-age=60" if has_fields else "public, max-age=3600"
        assert answer.fields["cache-control"] == kept
        assert answer.fields["location"] in {"./bare/", "./page", "/new"}


# The codings of pages that stand in


@pytest.fixture
def pages(tmp_path: Path) -> Path:
    files = {"404.html": PAGE, "404.html.gz": CODED, "app.html": PAGE, "app.html.gz": CODED}
    return make(tmp_path, {**files, "_redirects": b"/gone /404.html 410\n/app/* /app.html 200"})


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("target", "status"), [("/nothing", 404), ("/gone", 410)])
def test_an_error_page_is_sent_in_the_coding_that_is_asked_for(
    pages: Path, way: str, target: str, status: int
) -> None:
    with no_leaks(), Bench(pages, WAYS[way], dialect=NETLIFY) as bench:
        for wanted, coding, body in (("gzip", "gzip", CODED), ("br", None, PAGE)):
            answer = bench.get(target, f"{HTML}\nAccept-Encoding: {wanted}")
            assert (answer.status, answer.body) == (status, body)
            assert answer.fields.get("content-encoding") == coding
            assert answer.fields["vary"] == "Accept-Encoding"
            assert answer.fields["content-type"] == "text/html; charset=utf-8"
            assert answer.fields["content-length"] == str(len(body))
            assert answer.fields["cache-control"] == "no-store"
            assert not {"etag", "accept-ranges"} & set(answer.fields)
            head = bench.get(target, f"{HTML}\nAccept-Encoding: {wanted}", method="HEAD")
            assert (head.fields, head.body) == (answer.fields, b"")


@pytest.mark.parametrize("way", WAYS)
def test_a_fallback_page_is_sent_in_the_coding_that_is_asked_for(pages: Path, way: str) -> None:
    settings = SiteSettings(fallback=b"app.html")
    fields = f"{NAVIGATE}\nAccept-Encoding: gzip"
    with no_leaks(), Bench(pages, WAYS[way], settings, dialect=NETLIFY) as bench:
        bench.know_all()
        answer = bench.get("/deep/link", fields)
        assert (answer.status, answer.body) == (200, CODED)
        assert answer.fields["content-encoding"] == "gzip"
        assert answer.fields["cache-control"] == "no-cache"
        assert answer.fields["vary"] == "Accept-Encoding, Accept, Sec-Fetch-Mode"
        tag = answer.fields["etag"]
        assert bench.get("/other", f"{fields}\nIf-None-Match: {tag}").status == 304
        part = bench.get("/deep/link", f"{fields}\nRange: bytes=0-3\nIf-Range: {tag}")
        assert (part.status, part.body) == (206, CODED[:4])
        part = bench.get("/deep/link", f"{fields}\nRange: bytes=0-3")
        assert (part.status, part.body) == (206, b"page")
        assert bench.get("/app/x", "Accept-Encoding: gzip").body == CODED


def test_an_error_page_whose_codings_can_not_be_looked_for_is_ours(
    pages: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with no_leaks(), Bench(pages, dialect=NETLIFY) as bench:
        opened = bench.root.open

        def refuse(path: bytes) -> int:
            if path.endswith(b".gz"):
                raise OSError(errno.EMFILE, "too many")
            return opened(path)

        monkeypatch.setattr(bench.root, "open", refuse)
        answer = bench.get("/nothing", f"{HTML}\nAccept-Encoding: gzip")
        assert answer.status == 404
        assert b"<h1>" in answer.body
