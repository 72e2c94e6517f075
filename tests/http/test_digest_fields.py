"""Want-Repr-Digest and Repr-Digest (RFC 9530)."""

import hashlib

import pytest

from evloop.http.digest_fields import repr_digest, wants_sha256

WANTED = {
    None: False,
    b"": False,
    b"sha-256=1": True,
    b"sha-256=10": True,
    b"sha-512=3, sha-256=10, unixsum=0": True,
    b"sha-512=3,sha-256=1 ": True,
    b"sha-256=0": False,
    b"sha-256=11": False,
    b"sha-256": False,
    b"xsha-256=1": False,
    b"sha-256=1;x": False,
    b"sha-512=10": False,
    b"sha-256=1" + b" " * 300: False,  # longer than is read
}


@pytest.mark.parametrize("value", WANTED)
def test_a_weight_asks_for_it(value: bytes | None) -> None:
    assert wants_sha256(value) is WANTED[value]


def test_the_field_is_that_of_the_standard() -> None:
    # RFC 9530 appendix B.1
    digest = hashlib.sha256(b'{"hello": "world"}\n').digest()
    expected = b"sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:"
    assert repr_digest(digest) == (b"Repr-Digest", expected)
