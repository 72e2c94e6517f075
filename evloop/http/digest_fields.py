"""Digests of a representation, for those who ask for them (RFC 9530)."""

import binascii
import re

_MAX_SIZE = 256  # bytes of a Want-Repr-Digest that are read: all algorithms of the registry
# RFC 9530 section 4: a dictionary of weights, from 0 (not acceptable) to 10.
_SHA256 = re.compile(rb"(?:\A|,)[ \t]*+sha-256=(?:10|[1-9])[ \t]*+(?=,|\Z)")


def wants_sha256(value: bytes | None) -> bool:
    """Whether a Want-Repr-Digest field asks for SHA-256. What is no weight asks for nothing."""
    return value is not None and len(value) <= _MAX_SIZE and _SHA256.search(value) is not None


def repr_digest(sha256: bytes) -> tuple[bytes, bytes]:
    """Return the Repr-Digest field of a SHA-256 (RFC 9530 section 3)."""
    return b"Repr-Digest", b"sha-256=:%b:" % binascii.b2a_base64(sha256, newline=False)
