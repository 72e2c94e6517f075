"""Media types by name."""

import mimetypes

import pytest

from evloop.files.mime import _BY_ENDING, DEFAULT, media_type

TYPES = {
    b"index.html": b"text/html; charset=utf-8",
    b"page.htm": b"text/html; charset=utf-8",
    b"INDEX.HTML": b"text/html; charset=utf-8",
    b"style.css": b"text/css; charset=utf-8",
    b"script.js": b"text/javascript; charset=utf-8",
    b"module.mjs": b"text/javascript; charset=utf-8",
    b"notes.txt": b"text/plain; charset=utf-8",
    b"README.md": b"text/markdown; charset=utf-8",
    b"table.csv": b"text/csv; charset=utf-8",
    b"subtitles.vtt": b"text/vtt; charset=utf-8",
    b"feed.xml": b"text/xml; charset=utf-8",
    b"data.json": b"application/json",
    b"script.js.map": b"application/json",
    b"app.webmanifest": b"application/manifest+json",
    b"code.wasm": b"application/wasm",
    b"paper.pdf": b"application/pdf",
    b"archive.tar.gz": b"application/gzip",
    b"archive.zip": b"application/zip",
    b"archive.tar.zst": b"application/zstd",
    b"wheel.whl": b"application/zip",
    b"picture.svg": b"image/svg+xml",
    b"picture.png": b"image/png",
    b"picture.jpg": b"image/jpeg",
    b"picture.JPEG": b"image/jpeg",
    b"picture.webp": b"image/webp",
    b"picture.avif": b"image/avif",
    b"favicon.ico": b"image/vnd.microsoft.icon",
    b"font.woff2": b"font/woff2",
    b"sound.mp3": b"audio/mpeg",
    b"sound.opus": b"audio/ogg",
    b"film.mp4": b"video/mp4",
    b"film.webm": b"video/webm",
    b"live.m3u8": b"application/vnd.apple.mpegurl",
    b"data.parquet": b"application/vnd.apache.parquet",
    b"deep/in/the.tree/page.html": b"text/html; charset=utf-8",
    # nothing to go by
    b"": DEFAULT,
    b"Makefile": DEFAULT,
    b"data.bin": DEFAULT,
    b"file.": DEFAULT,
    b"file.unknown": DEFAULT,
    b"in.html/file": DEFAULT,
    b".html": DEFAULT,  # a hidden file's name, and no ending
    b"sub/.html": DEFAULT,
    b".hidden.html": b"text/html; charset=utf-8",
    b"..html": b"text/html; charset=utf-8",
    b"\xc3\xbc.html": b"text/html; charset=utf-8",
    b"page.h\xc3\xbctml": DEFAULT,
}


@pytest.mark.parametrize("name", TYPES)
def test_the_type_follows_from_the_last_ending(name: bytes) -> None:
    assert media_type(name) == TYPES[name]


def test_text_is_declared_as_utf_8_and_nothing_else_is() -> None:
    for ending, value in _BY_ENDING.items():
        assert (b"charset=utf-8" in value) is value.startswith(b"text/"), ending


def test_common_types_agree_with_the_python_library() -> None:
    # Without the machine's own tables: they differ from place to place.
    known = mimetypes.MimeTypes(filenames=()).types_map[True]
    for ending in ("html", "css", "png", "jpg", "gif", "svg", "pdf", "zip", "mp4", "webm", "mp3"):
        assert media_type(f"x.{ending}".encode()).split(b";")[0] == known[f".{ending}"].encode()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (b"a.wasm", b"x/own"),
        (b"a.WASM", b"x/own"),
        (b"a.new", b"y/new"),
        (b".wasm", DEFAULT),
        (b"a.css", b"text/css; charset=utf-8"),
    ],
)
def test_given_types_go_first(name: bytes, expected: bytes) -> None:
    assert media_type(name, {b"wasm": b"x/own", b"new": b"y/new"}) == expected
