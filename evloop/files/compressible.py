"""Which media types gain by compression, and which are compressed already.

A sidecar is looked for unless the type is *compressed already*: then nobody makes one. What is
compressed without being asked for each file is *compressible*: types of which that is certain.
Between the two are types that may be either, application/octet-stream for one.
"""

from functools import lru_cache

_COMPRESSED = {
    "raster images are entropy-coded": (
        "image/png image/apng image/jpeg image/gif image/webp image/avif image/heic image/jxl"
    ),
    "sound is coded by its own models": "audio/mpeg audio/mp4 audio/aac audio/ogg audio/flac"
    " audio/webm",
    "so are moving pictures": "video/*",
    "archives hold deflated, or better compressed, members": (
        "application/zip application/gzip application/x-bzip2 application/x-xz application/zstd"
        " application/x-7z-compressed application/vnd.rar application/java-archive"
        " application/vnd.android.package-archive application/vnd.debian.binary-package"
        " application/x-rpm"
    ),
    "office documents and books are zip files": (
        "application/epub+zip"
        " application/vnd.openxmlformats-officedocument.wordprocessingml.document"
        " application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
        " application/vnd.openxmlformats-officedocument.presentationml.presentation"
        " application/vnd.oasis.opendocument.text application/vnd.oasis.opendocument.spreadsheet"
        " application/vnd.oasis.opendocument.presentation"
    ),
    "WOFF is deflated, WOFF 2 is brotli": "font/woff font/woff2",
    "its pages are compressed, and it is read in ranges": "application/vnd.apache.parquet",
}
COMPRESSIBLE = (
    "text/*",
    "*+json",
    "*+xml",
    "application/json",
    "application/x-ndjson",
    "application/toml",
    "application/wasm",
    "application/rtf",
    "application/postscript",
    "application/vnd.apple.mpegurl",
    "font/ttf",
    "font/otf",
    "font/collection",
    "image/bmp",
    "image/vnd.microsoft.icon",
    "model/gltf-binary",
)
"""Patterns of types that shrink: text, and formats that are plain tables of numbers."""

_COMPRESSED_PATTERNS = tuple(name for names in _COMPRESSED.values() for name in names.split())
# The types of `mime.py` are fewer than this.
_MAX_TYPES = 256


@lru_cache(_MAX_TYPES)
def is_compressed_already(media_type: bytes) -> bool:
    """Whether files of *media_type*, a Content-Type, are as small as they get."""
    return matches(media_type, _COMPRESSED_PATTERNS)


@lru_cache(_MAX_TYPES)
def is_compressible(media_type: bytes) -> bool:
    """Whether files of *media_type*, a Content-Type, shrink by compression."""
    return matches(media_type, COMPRESSIBLE)


def matches(media_type: bytes, patterns: tuple[str, ...]) -> bool:
    """Whether one of *patterns* means the type: a name, `type/*` or `*+suffix`."""
    name = media_type.decode("latin-1").partition(";")[0]
    return any(_matches(name, pattern) for pattern in patterns)


def _matches(name: str, pattern: str) -> bool:
    if pattern.startswith("*"):
        return name.endswith(pattern[1:])
    if pattern.endswith("*"):
        return name.startswith(pattern[:-1])
    return name == pattern
