"""The site's own pages for errors: which one, for whom, and what a flood of errors costs."""

import errno
import tracemalloc
from pathlib import Path

import pytest

from evloop.files.cache import CacheSettings
from evloop.site.errorpages import ERROR_PAGES_SIZE, MAX_LEVELS, page_paths
from tests.support.bench import Bench, write

HTML = "Accept: text/html"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in ("404.html", "de/404.html", "de/a/page.html", "403.html", "500.html", "503.html"):
        write(tmp_path / name, name.encode())
    write(tmp_path / "empty/404.html", b"")
    return tmp_path


NEAREST = {
    "/x": "404.html",
    "/x/y/z": "404.html",
    "/de/x": "de/404.html",
    "/de/a/x": "de/404.html",
    "/de/a/": "de/404.html",
    "/de/": "de/404.html",
    "/.hidden": "404.html",
    "/de/.hidden/x": "404.html",
    "/empty/x": "",
    "/" + "x" * 300: "404.html",
}


@pytest.mark.parametrize("target", NEAREST)
def test_the_nearest_page_is_the_body(root: Path, target: str) -> None:
    for settings in (CacheSettings(), CacheSettings(max_in_memory_size=0)):
        with Bench(root, settings) as bench:
            answer = bench.get(target, HTML)
            assert (answer.status, answer.body.decode()) == (404, NEAREST[target])
            assert answer.fields["cache-control"] == "no-store"
            assert answer.fields["content-type"] == "text/html; charset=utf-8"
            assert not {"etag", "last-modified", "accept-ranges"} & set(answer.fields)
            assert not answer.closes
            head = bench.get(target, HTML, method="HEAD")
            assert (head.fields, head.body) == (answer.fields, b"")


def test_only_clients_that_read_html_get_it(root: Path) -> None:
    with Bench(root) as bench:
        for fields in ("", "Accept: */*", "Accept: application/json"):
            assert bench.get("/x", fields).body.startswith(b"404 Not Found\n")
        assert bench.get("/x", f"{HTML}\nRange: bytes=0-1\nIf-None-Match: *").body == b"404.html"
        assert b"405" in bench.get("/x", HTML, method="POST").body


def test_pages_can_be_switched_off(root: Path) -> None:
    with Bench(root, error_pages=False) as bench:
        assert b"<h1>" in bench.get("/x", HTML).body
        assert bench.get("/404.html", HTML).status == 200


@pytest.mark.parametrize(
    ("number", "status"), [(errno.EACCES, 403), (errno.EIO, 500), (errno.EMFILE, 503)]
)
def test_other_errors_have_a_page_at_the_top(
    root: Path, number: int, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Bench(root) as bench:
        opened = bench.root.open

        def refuse(path: bytes) -> int:
            if path == b"de/a/page.html":
                raise OSError(number, "refused")
            return opened(path)

        monkeypatch.setattr(bench.root, "open", refuse)
        answer = bench.get("/de/a/page.html", HTML)
        assert (answer.status, answer.body) == (status, b"%d.html" % status)
        assert ("retry-after" in answer.fields) is (status == 503)


def test_a_page_that_can_not_be_had_is_ours(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Bench(root) as bench:

        def refuse(path: bytes) -> int:
            raise OSError(errno.EMFILE, "too many")

        monkeypatch.setattr(bench.root, "open", refuse)
        answer = bench.get("/x", HTML)
        assert answer.status == 503
        assert b"<h1>" in answer.body


def test_a_flood_of_404_does_not_walk_up_the_tree_each_time(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Bench(root, CacheSettings(revalidate=10.0)) as bench:
        opened: list[bytes] = []
        real = bench.root.open

        def note(path: bytes) -> int:
            opened.append(path)
            return real(path)

        monkeypatch.setattr(bench.root, "open", note)
        path = "/" + "d/" * 100
        for number in range(50):
            assert bench.get(f"{path}{number}", HTML, now=1.0).body == b"404.html"
        pages = [each for each in opened if each.endswith(b"404.html")]
        assert len(pages) == MAX_LEVELS
        bench.get(f"{path}x", HTML, now=12.0)
        assert len([each for each in opened if each.endswith(b"404.html")]) == 2 * MAX_LEVELS


def test_what_is_remembered_is_bounded(root: Path) -> None:
    with Bench(root, CacheSettings(revalidate=10.0)) as bench:
        pages = bench.error_pages
        assert pages is not None
        for number in range(3000):
            assert bench.get(f"/{number}/x", HTML).status == 404
        assert len(pages._missing) <= 512
        bench.get("/" + "y" * 200 + "/x", HTML)
        assert all(len(path) <= 128 for path in pages._missing)


def test_what_is_remembered_takes_what_is_planned_for_it(root: Path) -> None:
    with Bench(root, CacheSettings(revalidate=1e6)) as bench:
        pages = bench.error_pages
        assert pages is not None
        pages.find(404, b"warm/", 0.0)
        tracemalloc.start()
        try:
            for number in range(3000):
                pages.find(403 if number % 2 else 404, b"%d/%b/" % (number, b"x" * 100), 0.0)
            taken, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert ERROR_PAGES_SIZE // 4 < taken <= ERROR_PAGES_SIZE


def test_a_page_that_appears_is_found_in_time(root: Path) -> None:
    with Bench(root, CacheSettings(revalidate=10.0)) as bench:
        assert bench.get("/fr/x", HTML, now=1.0).body == b"404.html"
        write(root / "fr/404.html", b"fr")
        assert bench.get("/fr/x", HTML, now=5.0).body == b"404.html"
        assert bench.get("/fr/x", HTML, now=12.0).body == b"fr"


@pytest.mark.parametrize(
    ("path", "pages"),
    [
        (b"", [b"404.html"]),
        (b"a", [b"404.html"]),
        (b"a/", [b"a/404.html", b"404.html"]),
        (b"a/b/c", [b"a/b/404.html", b"a/404.html", b"404.html"]),
    ],
)
def test_pages_are_looked_for_upwards(path: bytes, pages: list[bytes]) -> None:
    assert page_paths(b"404.html", path) == pages
    assert len(page_paths(b"404.html", b"a/" * 100)) == MAX_LEVELS
