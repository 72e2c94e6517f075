"""The coders that are installed, at the levels for what is compressed once and sent often."""

import gzip
import importlib
import zlib
from collections.abc import Callable
from typing import Any

Encode = Callable[[bytes, bool], bytes]
"""Takes the next bytes, and whether they are the last; returns coded bytes, maybe none."""

PIECE_SIZE = 8 * 1024 * 1024
"""Bytes that are coded in one call. A file that is one piece is known by its size to zstd, which
then picks the parameters for that, and can be given to zopfli, which takes no pieces."""

_ZSTD_LEVEL = 19  # the window is 8 MiB, the most that browsers decode (RFC 9659 section 3)
_BROTLI_QUALITY = 11
_GZIP_LEVEL = 9
_GZIP = 16 + zlib.MAX_WBITS  # zlib.h, deflateInit2(): the gzip format, without a name and a time
# zopfli takes 2 to 5 seconds for a MiB.
_MAX_ZOPFLI_SIZE = 2 * 1024 * 1024

_PACKAGES = {
    "zstd": ("compression.zstd", "backports.zstd"),
    "br": ("brotli",),
    "gzip": ("zlib",),
}
REQUIREMENTS = {
    "zstd": "backports.zstd (part of Python from 3.14 on)",
    "br": "brotli",
    "gzip": "zlib",
}
"""What has to be installed for each coding."""


def is_installed(coding: str) -> bool:
    """Whether there is a coder of *coding*."""
    return _module(*_PACKAGES[coding]) is not None


def encoder(coding: str, size: int) -> Encode:
    """Return the encoder for one file of *size* bytes. Raises ModuleNotFoundError."""
    return _ENCODERS[coding](size)


def decode(coding: str, data: bytes) -> bytes:
    """Return what *data* was made of. Raises whatever the decoder raises for broken data."""
    if coding == "gzip":
        return gzip.decompress(data)
    decoded: bytes = _need(coding).decompress(data)
    return decoded


def encode_against(old: bytes, new: bytes) -> bytes:
    """Return *new* as one Zstandard frame with *old* as its dictionary. Raises ModuleNotFoundError.

    The window is the least that reaches all of both, and no larger than clients must decode: 8
    MiB, or 1.25 times the dictionary (RFC 9842 section 5).
    """
    zstd = _need("zstd")
    most = max(8 * 1024 * 1024, len(old) + len(old) // 4)
    wanted = max(len(old) + len(new), 1024)
    window_log = min((wanted - 1).bit_length(), most.bit_length() - 1)
    parameter = zstd.CompressionParameter
    options = {
        parameter.compression_level: _ZSTD_LEVEL,
        parameter.window_log: window_log,
        parameter.enable_long_distance_matching: 1,
    }
    dictionary = zstd.ZstdDict(old, is_raw=True)
    coded: bytes = zstd.compress(new, options=options, zstd_dict=dictionary)
    return coded


def _zstd_encoder(size: int) -> Encode:
    coder = _need("zstd").ZstdCompressor(level=_ZSTD_LEVEL)

    def encode(data: bytes, is_last: bool) -> bytes:
        mode = coder.FLUSH_FRAME if is_last else coder.CONTINUE
        coded: bytes = coder.compress(data, mode)
        return coded

    return encode


def _brotli_encoder(size: int) -> Encode:
    coder = _need("br").Compressor(quality=_BROTLI_QUALITY)

    def encode(data: bytes, is_last: bool) -> bytes:
        coded: bytes = coder.process(data)
        return coded + coder.finish() if is_last else coded

    return encode


def _gzip_encoder(size: int) -> Encode:
    zopfli: Any = _module("zopfli.gzip") if size <= _MAX_ZOPFLI_SIZE else None
    coder = zlib.compressobj(_GZIP_LEVEL, zlib.DEFLATED, _GZIP)

    def encode(data: bytes, is_last: bool) -> bytes:
        coded = coder.compress(data)
        return coded + coder.flush() if is_last else coded

    def encode_whole(data: bytes, is_last: bool) -> bytes:
        coded: bytes = zopfli.compress(data)
        return coded

    return encode if zopfli is None else encode_whole


_ENCODERS: dict[str, Callable[[int], Encode]] = {
    "zstd": _zstd_encoder,
    "br": _brotli_encoder,
    "gzip": _gzip_encoder,
}


def _need(coding: str) -> Any:
    module = _module(*_PACKAGES[coding])
    if module is None:
        raise ModuleNotFoundError(f"{coding} needs {REQUIREMENTS[coding]}")
    return module


def _module(*names: str) -> Any:
    """Return the first of *names* that is installed, or None."""
    for name in names:
        try:
            return importlib.import_module(name)
        except ModuleNotFoundError:
            continue
    return None
