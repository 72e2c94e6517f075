"""Who gets the difference to what it has, and what everybody is told about it."""

import base64
import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from evloop.files.deltas import MAGIC
from tests.support.bench import Bench, write

OLD_DIGEST = hashlib.sha256(b"old").digest()
NAME = f"app.js.{OLD_DIGEST.hex()[:16]}.dcz"
CODED = MAGIC + OLD_DIGEST + b"difference"
SMALLER = b"\x28\xb5\x2f\xfd small"
HAS = f"Available-Dictionary: :{base64.b64encode(OLD_DIGEST).decode()}:\n"
BROWSER = "Accept-Encoding: gzip, deflate, br, zstd, dcb, dcz\nSec-Fetch-Site: same-origin\n"
BOTH = "Accept-Encoding, Available-Dictionary"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write(tmp_path / "app.js", b"a" * 2000)
    write(tmp_path / "app.js.zst", SMALLER)
    write(tmp_path / "plain.js", b"p" * 2000)
    write(tmp_path / "app.png", b"p" * 2000)
    write(tmp_path / "tiny.js", b"t")
    write(tmp_path / "docs/index.html", b"h" * 2000)
    write(tmp_path / "assets/app-Ab12Cd34.js", b"v" * 2000)
    write(tmp_path / NAME, CODED)
    return tmp_path


@pytest.fixture
def bench(root: Path) -> Iterator[Bench]:
    with Bench(root, dictionaries=True) as bench:
        yield bench


def test_who_has_the_old_version_gets_the_difference(bench: Bench) -> None:
    answer = bench.get("/app.js", (HAS + BROWSER))
    assert (answer.status, answer.body) == (200, CODED)
    assert answer.fields["content-encoding"] == "dcz"
    assert answer.fields["content-type"] == "text/javascript; charset=utf-8"
    assert answer.fields["vary"] == BOTH
    assert answer.fields["etag"].endswith('-dcz"')
    # What it makes is a dictionary for the next version.
    assert answer.fields["use-as-dictionary"] == 'match="/app.js"'
    assert bench.get("/app.js", (HAS + BROWSER), method="HEAD").fields == answer.fields


# What a client says, and the coding it gets.
CLIENTS = {
    HAS + BROWSER: "dcz",
    HAS + "Accept-Encoding: dcz\n": "dcz",
    HAS + "Accept-Encoding: DCZ, zstd\n": "dcz",
    HAS + "Accept-Encoding: zstd, dcz;q=0.9\n": "zstd",
    HAS + "Accept-Encoding: zstd;q=0.5, dcz;q=0.9\n": "dcz",
    HAS + "Accept-Encoding: zstd, dcz;q=0\n": "zstd",
    HAS + "Accept-Encoding: *\n": "zstd",
    HAS + "Accept-Encoding: dcb\n": "",
    HAS + "Accept-Encoding: br\n": "",
    HAS: "",
    BROWSER: "zstd",
    HAS.replace(":\n", "\n") + BROWSER: "zstd",
    HAS + HAS + BROWSER: "zstd",
    f"Available-Dictionary: :{'A' * 43}=:\n" + BROWSER: "zstd",
    HAS + BROWSER.replace("same-origin", "none"): "dcz",
    HAS + BROWSER.replace("same-origin", "same-site"): "zstd",
    HAS + BROWSER.replace("same-origin", "cross-site"): "zstd",
    HAS + BROWSER + "Range: bytes=0-9\n": "",
    HAS + BROWSER + 'Range: bytes=0-9\nIf-Range: "x-dcz"\n': "",
}


@pytest.mark.parametrize("fields", CLIENTS)
def test_it_is_for_those_who_ask_and_may_read_it(bench: Bench, fields: str) -> None:
    answer = bench.get("/app.js", fields)
    assert answer.status in {200, 206}
    assert answer.fields.get("content-encoding", "") == CLIENTS[fields]
    assert answer.fields["vary"] == BOTH


# A file, whether it may be a dictionary, for what, and Vary.
FILES = {
    "/app.js": ("/app.js", BOTH),
    "/plain.js": ("/plain.js", BOTH),
    "/docs/": ("/docs/", BOTH),
    "/docs/index.html": ("/docs/", BOTH),
    "/assets/app-Ab12Cd34.js": ("/assets/app-*.js", BOTH),
    "/app.png": (None, None),
    "/tiny.js": (None, None),
    f"/{NAME}": (None, None),
}


@pytest.mark.parametrize("target", FILES)
@pytest.mark.parametrize("fields", ["", "Accept-Encoding: zstd\n"])
def test_files_say_for_what_they_may_be_kept(bench: Bench, target: str, fields: str) -> None:
    match, vary = FILES[target]
    answer = bench.get(target, fields)
    assert answer.status == 200
    expected = None if match is None else f'match="{match}"'
    assert answer.fields.get("use-as-dictionary") == expected
    assert answer.fields.get("vary") == vary


def test_a_difference_is_revalidated_like_any_representation(bench: Bench) -> None:
    etag = bench.get("/app.js", (HAS + BROWSER)).fields["etag"]
    same = bench.get("/app.js", (HAS + BROWSER + f"If-None-Match: {etag}\n"))
    assert (same.status, same.fields["vary"]) == (304, BOTH)
    # Who has another version by now selects another representation.
    assert bench.get("/app.js", (BROWSER + f"If-None-Match: {etag}\n")).status == 200


def test_one_that_vanishes_is_not_sent(bench: Bench, root: Path) -> None:
    assert bench.get("/app.js", (HAS + BROWSER)).body == CODED
    (root / NAME).unlink()
    assert bench.get("/app.js", (HAS + BROWSER), now=2.0).body == SMALLER


def test_where_it_is_off_nothing_is_said(root: Path) -> None:
    with Bench(root) as bench:
        answer = bench.get("/app.js", (HAS + BROWSER))
        assert answer.body == SMALLER
        assert answer.fields["vary"] == "Accept-Encoding"
        assert "use-as-dictionary" not in answer.fields
        assert "vary" not in bench.get("/plain.js", (HAS + BROWSER)).fields
