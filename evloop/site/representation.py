"""The digest of what a file's bytes are, made once for each of its states."""

from collections.abc import Callable
from importlib import import_module
from typing import Any

from evloop.files.entry import Entry
from evloop.http.digest_fields import repr_digest
from evloop.http.response import Field

MAX_DIGESTED = 1024 * 1024
"""Bytes of a file for which a SHA-256 is made while a client waits: 3 ms of the loop's time, once
for each state of a file. It is the largest that is preloaded unless the settings say otherwise."""


def digest_field(entry: Entry) -> Field | None:
    """Return the Repr-Digest of *entry*; None when it is streamed, or over MAX_DIGESTED bytes."""
    if entry.content is None or entry.size > MAX_DIGESTED:
        return None
    if not entry.sha256:
        entry.sha256 = _new_sha256()(entry.content.view).digest()
    return repr_digest(entry.sha256)


def _new_sha256() -> Callable[[memoryview], Any]:
    # hashlib would load OpenSSL, 2 MB, for an algorithm that Python has in itself: _sha256 is
    # its module in Python 3.11, _sha2 from 3.12 on.
    for name in ("_sha2", "_sha256", "hashlib"):
        try:
            module: Any = import_module(name)
        except ImportError:
            continue
        new: Callable[[memoryview], Any] = module.sha256
        return new
    raise ImportError("no SHA-256")
