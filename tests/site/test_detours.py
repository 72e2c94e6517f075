"""Rules, clean addresses and the fallback page, asked of a site."""

import logging
import os
from pathlib import Path

import pytest

from evloop.files.cache import CacheSettings
from evloop.http.response import Response
from evloop.http1.head import parse_head
from evloop.site.prepared import CHANGED_SIZE
from evloop.site.rules.dialect import CLOUDFLARE, NETLIFY, Dialect
from evloop.site.settings import SiteSettings
from evloop.site.siterules import RULE_FILES
from tests.support.bench import Answer, Bench, write
from tests.support.client import request

HTML = "Accept: text/html,*/*;q=0.8"
NAVIGATE = "Sec-Fetch-Mode: navigate"
FALLBACK = SiteSettings(fallback=b"app.html")
CLEAN = SiteSettings(clean_urls=True)


def make(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        write(root / name, text.encode())
    return root


def short(answer: Answer) -> str:
    """Return an answer as the tables have it: `200 body`, or `301 address`."""
    if answer.status // 100 == 3 and "location" in answer.fields:
        return f"{answer.status} {answer.fields['location']}"
    return f"{answer.status} {answer.body.decode()}" if answer.status == 200 else str(answer.status)


# The table of trailing-slash-guide, from the documents and sources of each server; "?" where it
# is not known. The last two are ours.
TARGETS = [
    *("/file", "/file/", "/file.html"),
    *("/folder", "/folder/", "/folder/index.html"),
    *("/both", "/both/", "/both.html"),
]
PEERS: dict[str, str] = {
    "GitHub Pages": "200 404 200 >/folder/ 200 200 200 200 200",
    "Netlify, pretty": "200 >/file 200 >/folder/ 200 200 200 >/both 200",
    "Netlify": "200 200 200 200 200 200 200 200 200",
    "Cloudflare, auto": "200 >/file >/file >/folder/ 200 >/folder/ 200 200 >/both",
    "Cloudflare, drop": "200 >/file >/file 200 >/folder >/folder 200 >/both >/both",
    "Cloudflare, force": ">/file/ 200 >/file/ >/folder/ 200 >/folder/ >/both/ 200 200",
    "Cloudflare, none": "404 404 200 404 404 200 404 404 200",
    "Vercel, clean": "200 > >/file 200 >/folder >/folder 200 > >/both",
    "Azure": "200 404 200 200 200 200 ? ? ?",
    "Render": "200 200 200 200 200 200 ? ? ?",
    "serve": "200 200 >/file 200 200 >/folder 200 200 >/both",
    "Caddy": "404 404 200 >/folder/ 200 200 >/both/ 200 200",
    "static-web-server": "200 ? 200 >/folder/ 200 200 >/both/ 200 200",
}
OURS: dict[bool, tuple[str, ...]] = {
    False: (
        "404", "404", "200 file", "308 ./folder/", "200 index", "200 index",
        "308 ./both/", "200 both index", "200 both",
    ),
    True: (
        "200 file", "308 ../file", "308 ./file", "308 ./folder/", "200 index", "308 ./",
        "200 both", "200 both index", "308 ./both",
    ),
}  # fmt: skip
LIKE = {False: "Caddy", True: "Cloudflare, auto"}
"""Whose column each of ours is."""


@pytest.fixture
def pages(tmp_path: Path) -> Path:
    files = {"file.html": "file", "folder/index.html": "index", "both.html": "both"}
    return make(tmp_path, {**files, "both/index.html": "both index"})


@pytest.mark.parametrize("clean_urls", [False, True])
def test_the_table_of_slashes_and_endings(pages: Path, clean_urls: bool) -> None:
    with Bench(pages, site_settings=SiteSettings(clean_urls=clean_urls)) as bench:
        answers = tuple(short(bench.get(target)) for target in TARGETS)
    assert answers == OURS[clean_urls]
    statuses = [cell.replace("308 ", ">")[: 1 if cell.startswith("308") else 3] for cell in answers]
    peer = [cell[: 1 if cell.startswith(">") else 3] for cell in PEERS[LIKE[clean_urls]].split()]
    assert statuses == peer
    assert all(len(row.split()) == len(TARGETS) for row in PEERS.values())


# Targets beside the table, with clean addresses on.
SPELLINGS = {
    "/file.html?a=/b": "308 ./file?a=/b",
    "/file/?a": "308 ../file?a",
    "/file//": "308 /file",
    "/file/.": "308 /file",
    "/x/../file.html": "308 ./file",
    "/file.html/": "404",
    "/file/index.html": "308 ../file",
    "/file/index.html?a": "308 ../file?a",
    "/folder/deep/index.html": "308 ../deep",
    "/file/index.html/": "404",
    "/file/other.html": "404",
    "/folder/index": "308 ./",
    "/index.html": "308 ./",
    "/index": "308 ./",
    "//index.html": "308 ./",
    "//file.html": "308 ./file",
    "//evil.test/..//file.html": "308 ./file",
    "http://h.test/file.html": "308 /file",
    "/exact": "200 exact",
    "/exact.html": "200 exact page",
    "/evil.test/": "308 ../evil.test",
    "/a%20b.html": "308 ./a%20b",
    "/javascript:x.html": "308 ./javascript:x",
    "/.html": "404",
    "/twice/index.html": "308 ./",
    "/%2f%2fevil.test": "404",
}


@pytest.mark.parametrize("target", SPELLINGS)
def test_a_page_has_one_clean_address(pages: Path, target: str) -> None:
    names = ("index.html", "exact.html", "evil.test.html", "a b.html", "javascript:x.html")
    make(pages, {**dict.fromkeys(names, "exact page"), "exact": "exact", ".html": "dot"})
    make(pages, {"twice/index.html": "a", "folder/deep.html": "deep"})
    with Bench(pages, site_settings=CLEAN) as bench:
        answer = bench.get(target)
        assert short(answer) == SPELLINGS[target]
        head = bench.get(target, method="HEAD")
        assert (head.status, head.fields, head.body) == (answer.status, answer.fields, b"")


def test_an_address_that_is_another_file_is_not_redirected_to(tmp_path: Path) -> None:
    make(tmp_path, {"a/first.html": "first", "a/second.html": "second"})
    settings = SiteSettings((b"first.html", b"second.html"), clean_urls=True)
    with Bench(tmp_path, site_settings=settings) as bench:
        assert short(bench.get("/a/second.html")) == "200 second"
        assert short(bench.get("/a/first.html")) == "308 ./"


NAVIGATIONS: dict[tuple[str, str], str] = {
    ("/nothing", NAVIGATE): "200 app",
    ("/user/jane.doe", NAVIGATE): "200 app",
    ("/nothing/", NAVIGATE): "200 app",
    ("/assets", NAVIGATE): "200 app",
    ("/nothing", HTML): "200 app",
    ("/jane.doe/", HTML): "200 app",
    ("/nothing.js", HTML): "404",
    ("/nothing", ""): "404",
    ("/nothing", "Accept: */*"): "404",
    ("/nothing", "Sec-Fetch-Mode: cors\n" + HTML): "404",
    ("/nothing.js", "Sec-Fetch-Mode: no-cors"): "404",
    ("/nothing", "Sec-Fetch-Mode: navigate, navigate"): "404",
    ("/assets/a.js", NAVIGATE): "200 js",
    ("/.env", NAVIGATE): "404",
    ("/_headers", NAVIGATE): "404",
    ("/../x", NAVIGATE): "400",
}


# What others with a fallback page answer, from their documents and sources: to a navigation, for a
# script that is missing, to a navigation whose last name has a dot, to HEAD, and to POST.
FALLBACKS: dict[str, str] = {
    "static-web-server --page-fallback": "200 200 200 404 405",
    "sirv single": "200 404 404 200 next",
    "serve -s": "200 200 200 200 200",
    "Caddy try_files": "200 200 200 200 405",
    "miniserve --spa": "200 200 200 ? ?",
    "Vite preview": "200 404 404 200 next",
    "Cloudflare, by Sec-Fetch-Mode": "200 404 200 ? ?",
}
OUR_FALLBACK = "200 404 200 200 405"


def test_the_table_of_fallback_pages(tmp_path: Path) -> None:
    make(tmp_path, {"app.html": "app"})
    browser = f"{HTML}\n{NAVIGATE}"
    with Bench(tmp_path, site_settings=FALLBACK) as bench:
        answers = [
            bench.get("/users/7", browser),
            bench.get("/missing.js", "Accept: */*\nSec-Fetch-Mode: no-cors"),
            bench.get("/users/jane.doe", browser),
            bench.get("/users/7", browser, method="HEAD"),
            bench.get("/users/7", browser, method="POST"),
        ]
    assert " ".join(str(answer.status) for answer in answers) == OUR_FALLBACK
    assert all(len(row.split()) == len(answers) for row in FALLBACKS.values())
    assert OUR_FALLBACK not in FALLBACKS.values()


@pytest.mark.parametrize(("target", "fields"), NAVIGATIONS)
def test_the_fallback_is_for_navigations(tmp_path: Path, target: str, fields: str) -> None:
    make(tmp_path, {"app.html": "app", "assets/a.js": "js", "_headers": "/x\n X-A: 1"})
    with Bench(tmp_path, site_settings=FALLBACK, dialect=NETLIFY) as bench:
        answer = bench.get(target, fields)
        assert short(answer) == NAVIGATIONS[target, fields]
        if answer.body == b"app":
            assert answer.fields["cache-control"] == "no-cache"
            assert answer.fields["vary"] == "Accept, Sec-Fetch-Mode"
        head = bench.get(target, fields, method="HEAD")
        assert (head.status, head.fields) == (answer.status, answer.fields)
        assert bench.get(target, fields, method="POST").status in {400, 405}


def test_the_fallback_is_a_file_like_any(tmp_path: Path) -> None:
    make(tmp_path, {"app.html": "app"})
    for settings in (CacheSettings(), CacheSettings(max_in_memory_size=0)):
        with Bench(tmp_path, settings, FALLBACK) as bench:
            bench.know_all()
            tag = bench.get("/x", NAVIGATE).fields["etag"]
            assert bench.get("/y", f"{NAVIGATE}\nIf-None-Match: {tag}").status == 304
            assert bench.get("/y", f"{NAVIGATE}\nRange: bytes=0-0").status == 206
            assert bench.get("/app.html").fields["cache-control"] == "public, max-age=3600"
        (tmp_path / "app.html").rename(tmp_path / "kept.html")
        with Bench(tmp_path, settings, FALLBACK) as bench:
            assert bench.get("/x", NAVIGATE).status == 404
        (tmp_path / "kept.html").rename(tmp_path / "app.html")


REDIRECTS = """\
/old/* /new/:splat
/file /elsewhere
/forced /elsewhere 302!
/app/* /app.html 200
/gone /gone.html 410
/law /nothing.html 451
/de/* /de/404.html 404
/self /self/ 302
/a/* /a/:splat 302!
/pretty /folder 200
/secret /.env 200
/rules /_headers 200
/up /..%2f..%2fetc/passwd 200
/circle /circle?x=1 302!
/:any/c /round/c 302!
"""
FILES = {
    "file": "file", "forced": "forced", "app.html": "app", "gone.html": "gone",
    "de/404.html": "nix",
    "a/b": "a b", "folder/index.html": "folder", ".env": "secret", "circle": "circle",
    "round/c": "round",
    "new/x": "new", "_redirects": REDIRECTS,
}  # fmt: skip
# By target: Netlify's answer, and Cloudflare's.
RULED: dict[str, tuple[str, str]] = {
    "/old/x?q=1": ("301 /new/x?q=1", "302 /new/x?q=1"),
    "/file": ("200 file", "302 /elsewhere"),
    "/forced": ("302 /elsewhere", "200 forced"),
    "/app/users/7": ("200 app", "200 app"),
    "/app": ("200 app", "404"),
    "/gone": ("410", "404"),
    "/law": ("451", "404"),
    "/de/x": ("404", "404"),
    "/self": ("404", "302 /self/"),
    "/a/b": ("200 a b", "200 a b"),
    "/pretty": ("200 folder", "200 folder"),
    "/secret": ("404", "404"),
    "/rules": ("404", "404"),
    "/up": ("404", "404"),
    "/circle": ("200 circle", "200 circle"),
    "/round/c": ("200 round", "200 round"),
    "/other/c": ("302 /round/c", "404"),
    "/_redirects": ("404", "404"),
    "/%5fredirects": ("404", "404"),
    "/x/../_redirects": ("404", "404"),
    "/_redirects/": ("404", "404"),
}


@pytest.mark.parametrize("target", RULED)
@pytest.mark.parametrize(("dialect", "column"), [(NETLIFY, 0), (CLOUDFLARE, 1)])
def test_the_rules_of_a_site(tmp_path: Path, target: str, dialect: Dialect, column: int) -> None:
    with Bench(make(tmp_path, FILES), dialect=dialect) as bench:
        answer = bench.get(target, HTML)
        assert short(answer) == RULED[target][column]
        head = bench.get(target, HTML, method="HEAD")
        assert (head.status, head.fields, head.body) == (answer.status, answer.fields, b"")


def test_an_error_of_a_rule_has_its_page_for_all(tmp_path: Path) -> None:
    with Bench(make(tmp_path, FILES), dialect=NETLIFY) as bench:
        for target, body in (("/gone", b"gone"), ("/de/x", b"nix")):
            answer = bench.get(target)
            assert answer.body == body
            assert answer.fields["cache-control"] == "no-store"
            assert "etag" not in answer.fields
        assert b"451" in bench.get("/law").body


def test_without_rules_the_files_are_files(tmp_path: Path) -> None:
    with Bench(make(tmp_path, FILES)) as bench:
        assert bench.get("/_redirects").body == REDIRECTS.encode()
        assert bench.get("/old/x").status == 404


HEADERS = """\
/*
  X-All: 1
/index.html
  X-File: 1
  Cache-Control: no-cache
/
  X-Root: 1
/assets/*
  Cache-Control: max-age=31536000
/app.html
  X-App: 1
/404.html
  X-Missing: 1
  Cache-Control: public
"""


@pytest.fixture
def headed(tmp_path: Path) -> Path:
    files = dict.fromkeys(("index.html", "app.html", "404.html", "assets/a.js", "large.bin"), "x")
    return make(tmp_path, {**files, "_headers": HEADERS, "_redirects": "/r/* /app.html 200"})


def test_rules_see_the_address_and_the_file(headed: Path) -> None:
    with Bench(headed, site_settings=FALLBACK, dialect=NETLIFY) as bench:
        for _ in range(2):  # and when the response is prepared
            root = bench.get("/").fields
            assert (root["x-all"], root["x-file"], root["x-root"]) == ("1", "1", "1")
            assert root["cache-control"] == "no-cache"
            page = bench.get("/index.html").fields
            assert "x-root" not in page
            assert page["x-file"] == "1"
        assert bench.get("/assets/a.js").fields["cache-control"] == "max-age=31536000"
        rewritten = bench.get("/r/x").fields
        assert (rewritten["x-app"], rewritten["x-all"]) == ("1", "1")


def test_a_fallback_page_has_the_fields_of_its_file_alone(headed: Path) -> None:
    with Bench(headed, site_settings=FALLBACK, dialect=NETLIFY) as bench:
        fields = bench.get("/assets/gone", NAVIGATE).fields
        assert (fields["x-app"], fields["cache-control"]) == ("1", "no-cache")


def test_an_error_page_has_fields_but_is_never_kept(headed: Path) -> None:
    with Bench(headed, dialect=NETLIFY) as bench:
        fields = bench.get("/assets/gone", HTML).fields
        assert (fields["x-missing"], fields["cache-control"]) == ("1", "no-store")


def test_every_kind_of_response_of_a_file_has_its_fields(headed: Path) -> None:
    for settings in (CacheSettings(), CacheSettings(max_in_memory_size=0)):
        with Bench(headed, settings, dialect=NETLIFY) as bench:
            bench.know_all()
            whole = bench.get("/index.html")
            tag = whole.fields["etag"]
            for fields in (f"If-None-Match: {tag}", "Range: bytes=0-0", "Range: bytes=0-0,0-0", ""):
                answer = bench.get("/index.html", fields)
                assert answer.fields["x-all"] == "1"
                assert answer.fields["cache-control"] == "no-cache"
            assert bench.get("/index.html", method="HEAD").fields == whole.fields


def test_a_prepared_response_is_not_that_of_another_address(headed: Path) -> None:
    with Bench(headed, dialect=NETLIFY) as bench:
        for target, has_root in (("/", True), ("/index.html", False), ("/", True)):
            assert ("x-root" in bench.get(target).fields) is has_root
        assert len(bench.prepared) == 1


def test_responses_with_large_fields_are_kept_within_bounds(tmp_path: Path) -> None:
    make(tmp_path, {"_headers": "/*\n X-Long: " + "x" * 4000})
    make(tmp_path, {f"{number}": "x" for number in range(200)})
    with Bench(tmp_path, dialect=NETLIFY) as bench:
        most = 0
        for number in range(200):
            assert len(bench.get(f"/{number}").fields["x-long"]) == 4000
            most = max(most, len(bench.prepared))
        assert 10 < most < CHANGED_SIZE // 4000


# Changes at run time


def test_a_changed_file_is_read_within_the_time_of_revalidation(tmp_path: Path) -> None:
    make(tmp_path, {"a": "a", "_headers": "/a\n X-A: 1"})
    with Bench(tmp_path, CacheSettings(revalidate=10.0), dialect=NETLIFY) as bench:
        assert bench.get("/a", now=1.0).fields["x-a"] == "1"
        make(tmp_path, {"_headers": "/a\n X-A: 22", "_redirects": "/b /c"})
        assert bench.get("/a", now=9.0).fields["x-a"] == "1"
        assert bench.get("/b", now=9.0).status == 404
        assert bench.get("/a", now=11.0).fields["x-a"] == "22"
        assert bench.get("/b", now=11.0).fields["location"] == "/c"
        (tmp_path / "_headers").unlink()
        assert "x-a" not in bench.get("/a", now=30.0).fields


def test_no_response_is_kept_longer_than_the_rules(tmp_path: Path) -> None:
    make(tmp_path, {"a": "a", "b": "b", "_headers": "/*\n X-A: 1"})
    with Bench(tmp_path, CacheSettings(revalidate=10.0), dialect=NETLIFY) as bench:
        for target, now in (("/a", 1.0), ("/b", 9.0), ("/a", 12.0), ("/b", 13.0)):
            response = bench.site.respond(parse_head(request(target)), now)
            assert isinstance(response, Response)
            assert bench.rules is not None
            assert now < response.fresh_until <= bench.rules.check_at


def test_the_last_good_rules_stay(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    make(tmp_path, {"a": "a", "_headers": "/a\n X-A: 1", "_redirects": "/b /c"})
    with Bench(tmp_path, CacheSettings(revalidate=1.0), dialect=NETLIFY) as bench:
        make(tmp_path, {"_headers": "/a\n X-A: 2\n" + "#" * 70_000, "_redirects": "/b /d"})
        with caplog.at_level(logging.INFO, "evloop"):
            assert bench.get("/a", now=5.0).fields["x-a"] == "1"
            assert bench.get("/b", now=5.0).fields["location"] == "/d"
        (message,) = caplog.messages
        assert message.startswith("_headers:3: the file is larger than 64 KiB")
        make(tmp_path, {"_headers": "/a\n X-A: 3\n"})
        assert bench.get("/a", now=10.0).fields["x-a"] == "3"


def test_a_file_that_can_not_be_opened_leaves_the_last_good_rules(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    make(tmp_path, {"a": "a", "_headers": "/a\n X-A: 1"})
    with Bench(tmp_path, CacheSettings(revalidate=1.0), dialect=NETLIFY) as bench:
        opened = bench.root.open

        def refuse(path: bytes) -> int:
            if path in RULE_FILES:
                raise PermissionError(13, "Permission denied")
            return opened(path)

        monkeypatch.setattr(bench.root, "open", refuse)
        for now in (5.0, 10.0, 15.0):
            assert bench.get("/a", now=now).fields["x-a"] == "1"
    assert (
        caplog.messages.count("_headers: Permission denied; its last good rules stay in force") == 1
    )


def test_a_root_that_is_replaced_brings_its_own_rules(tmp_path: Path) -> None:
    for name in ("one", "two"):
        make(tmp_path / name, {"a": "a", "_headers": f"/a\n X-A: {name}"})
    (tmp_path / "now").symlink_to("one")
    with Bench(tmp_path / "now", CacheSettings(revalidate=1.0), dialect=NETLIFY) as bench:
        assert bench.get("/a", now=1.0).fields["x-a"] == "one"
        os.symlink("two", tmp_path / "next")
        (tmp_path / "next").rename(tmp_path / "now")
        assert bench.get("/a", now=5.0).fields["x-a"] == "two"


def test_ignored_lines_are_told_once_and_a_bounded_number(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    make(tmp_path, {"_redirects": "/a\n" * 50, "a": "a"})
    with Bench(tmp_path, CacheSettings(revalidate=0.0), dialect=NETLIFY) as bench:
        bench.get("/a", now=1.0)
        bench.get("/a", now=2.0)
    assert len(caplog.messages) == 21
    assert caplog.messages[0] == "_redirects:1: no destination; the line is ignored"
    assert caplog.messages[-1] == "_redirects: 30 more lines are ignored"


@pytest.mark.parametrize("kind", ["directory", "fifo", "link outside"])
def test_what_is_no_file_is_no_rules(tmp_path: Path, kind: str) -> None:
    root = make(tmp_path / "root", {"a": "a"})
    if kind == "directory":
        (root / "_headers").mkdir()
    elif kind == "fifo":
        os.mkfifo(root / "_headers")
    else:
        make(tmp_path, {"outside": "/a\n X-A: 1"})
        (root / "_headers").symlink_to("../outside")
    with Bench(root, dialect=NETLIFY) as bench:
        assert "x-a" not in bench.get("/a").fields


FREE = 384 * 1024
"""Bytes of compiled rules that need no budget, at 128 for each byte of text."""


def test_large_rules_are_paid_for_out_of_the_memory_budget(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    many = "".join(f"/{number}/* /x\n" for number in range(1500))
    make(tmp_path, {"_redirects": many})
    with Bench(tmp_path, CacheSettings(memory_budget=4 << 20), dialect=NETLIFY) as bench:
        assert bench.cache.budget.used == len(many) * 128 - FREE
        make(tmp_path, {"_redirects": "/a /b\n"})
        assert bench.get("/a", now=5.0).fields["location"] == "/b"
        assert bench.cache.budget.used == 0
        make(tmp_path, {"_redirects": many})
        write(tmp_path / "_headers", many.encode() + b"\xff")
        assert bench.get("/1/2", now=10.0).fields["location"] == "/x"
        assert bench.cache.budget.used == len(many) * 128 - FREE  # the wrong one costs nothing


def test_rules_that_can_not_be_paid_for_are_tried_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    make(tmp_path, {"_redirects": "/a /b\n"})
    settings = CacheSettings(memory_budget=4 << 20, revalidate=1.0)
    with Bench(tmp_path, settings, dialect=NETLIFY) as bench:
        assert bench.cache.budget.reserve(3 << 20)
        make(tmp_path, {"_redirects": "".join(f"/{n}/* /x\n" for n in range(1500))})
        for now in (5.0, 10.0):
            assert bench.get("/a", now=now).fields["location"] == "/b"
        (message,) = caplog.messages
        assert "of the memory budget are wanted; its last good rules stay in force" in message
        bench.cache.budget.release(3 << 20)
        assert bench.get("/7/8", now=15.0).fields["location"] == "/x"
