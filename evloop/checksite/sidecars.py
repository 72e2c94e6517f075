"""Compressed files beside the plain ones: whether they can be theirs."""

from collections.abc import Iterator
from os import fsdecode

from evloop.checksite.tree import Finding, Tree
from evloop.compress.coders import decode, is_installed
from evloop.files.variants import FORMATS, MAX_LAG_NS, Format

MAX_DECODED_SIZE = 64 * 1024 * 1024
"""Bytes of a file that is compared with what its compressed one decodes to."""

_FORMATS = {each.ending: each for each in FORMATS}


def broken_sidecars(tree: Tree) -> Iterator[Finding]:
    """Yield compressed files that are older than their plain file, or not what they are called."""
    for path in sorted(tree.files):
        plain, dot, ending = path.rpartition(b".")
        format_ = _FORMATS.get(dot + ending)
        if format_ is not None and plain in tree.files:
            fault = _fault(tree, path, plain, format_)
            if fault:
                yield Finding(fsdecode(path), fault)


def _fault(tree: Tree, path: bytes, plain: bytes, format_: Format) -> str:
    """Return what is wrong with the file at *path*; empty: nothing."""
    lag = tree.files[plain].st_mtime_ns - tree.files[path].st_mtime_ns
    if not tree.files[path].st_size:
        return "it is empty"
    if not tree.read(path, len(format_.magic)).startswith(format_.magic):
        return f"it does not begin as a file of type {format_.ending[1:].decode()}"
    if lag > MAX_LAG_NS:
        return f"it is older than {fsdecode(plain)}, and is not sent"
    if tree.files[plain].st_size > MAX_DECODED_SIZE or not is_installed(format_.coding.decode()):
        return ""
    try:
        is_same = decode(format_.coding.decode(), tree.read(path)) == tree.read(plain)
    except Exception:  # each decoder has errors of its own
        return "it can't be decoded"
    return "" if is_same else f"it does not decode to {fsdecode(plain)}"
