"""Compressed files beside the plain ones: whether they can be theirs."""

from collections.abc import Iterator
from os import fsdecode

from evloop.checksite.tree import Finding, Tree

# RFC 1952 section 2.3.1, RFC 8878 section 3.1.1. Brotli (RFC 7932) has no mark of its own.
_MAGIC = {b".gz": b"\x1f\x8b", b".zst": b"\x28\xb5\x2f\xfd", b".br": b""}


def broken_sidecars(tree: Tree) -> Iterator[Finding]:
    """Yield compressed files that are older than their plain file, or not what they are called."""
    for path, status in sorted(tree.files.items()):
        plain, dot, ending = path.rpartition(b".")
        magic = _MAGIC.get(dot + ending)
        if magic is None or plain not in tree.files:
            continue
        name = fsdecode(path)
        start = tree.read(path, max(1, len(magic)))
        if not start:
            yield Finding(name, "it is empty")
        elif not start.startswith(magic):
            yield Finding(name, f"it does not begin as a file of type {ending.decode()}")
        if status.st_mtime_ns < tree.files[plain].st_mtime_ns:
            yield Finding(name, f"it is older than {fsdecode(plain)}")
