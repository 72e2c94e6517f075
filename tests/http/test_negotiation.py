"""Accept-Encoding: what it says, and what is chosen by it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evloop.http.negotiation import (
    CODINGS,
    DCZ,
    IDENTITY,
    MAX_ACCEPT_ENCODING_SIZE,
    MAX_CODINGS,
    choose,
    parse_accept_encoding,
    refuses_identity,
)

# The field, and the weights of zstd, br, gzip and identity; None: it says nothing of identity.
WEIGHTS: dict[bytes | None, tuple[int, int, int, int | None]] = {
    None: (0, 0, 0, None),
    b"": (0, 0, 0, None),
    b",, ,": (0, 0, 0, None),
    b"gzip": (0, 0, 1000, None),
    b"gzip, deflate, br, zstd": (1000, 1000, 1000, None),
    b"gzip, deflate, br, zstd, identity": (1000, 1000, 1000, 1000),
    b"GZIP,Br,\tZStd": (1000, 1000, 1000, None),
    b"x-gzip": (0, 0, 1000, None),
    b"X-GZip;q=0.5": (0, 0, 500, None),
    b"deflate": (0, 0, 0, None),
    b"compress, x-compress": (0, 0, 0, None),
    b"gzipp, xgzip, x-br, br2": (0, 0, 0, None),
    b"gzip br": (0, 0, 0, None),
    b"dcb, dcz": (0, 0, 0, None),
    b"dcz, br": (0, 1000, 0, None),
    b"identity": (0, 0, 0, 1000),
    b"identity;q=0": (0, 0, 0, 0),
    b"identity;q=0.5, gzip;q=1.0": (0, 0, 1000, 500),
    b"*": (1000, 1000, 1000, 1000),
    b"*;q=0": (0, 0, 0, 0),
    b"*;q=0, gzip": (0, 0, 1000, 0),
    b"gzip, *;q=0": (0, 0, 1000, 0),
    b"identity, *;q=0": (0, 0, 0, 1000),
    b"gzip;q=0, *": (1000, 1000, 0, 1000),
    b"br;q=1.0, gzip;q=0.8, *;q=0.1": (100, 1000, 800, 100),
    b"gzip;q=0": (0, 0, 0, None),
    b"gzip;q=0.": (0, 0, 0, None),
    b"gzip;q=0.000": (0, 0, 0, None),
    b"gzip;q=0.001": (0, 0, 1, None),
    b"gzip;q=0.05": (0, 0, 50, None),
    b"gzip;q=1.": (0, 0, 1000, None),
    b"gzip;q=1.000": (0, 0, 1000, None),
    b"gzip;Q=0.7": (0, 0, 700, None),
    b"gzip \t; \tq=0.7 , br": (0, 1000, 700, None),
    # Malformed weights: whatever is meant, it may be a refusal.
    b"gzip;q=1.001": (0, 0, 0, None),
    b"gzip;q=0.0000": (0, 0, 0, None),
    b"gzip;q=2": (0, 0, 0, None),
    b"gzip;q=-1": (0, 0, 0, None),
    b"gzip;q=.5": (0, 0, 0, None),
    b"gzip;q=": (0, 0, 0, None),
    b"gzip;q = 1": (0, 0, 0, None),
    b"gzip;level=1": (0, 0, 0, None),
    b"gzip;q=1;q=0": (0, 0, 0, None),
    b"gzip;": (0, 0, 0, None),
    # One coding twice.
    b"gzip, gzip;q=0": (0, 0, 0, None),
    b"gzip;q=0, x-gzip": (0, 0, 0, None),
    b"gzip;q=0.5, gzip;q=0.7": (0, 0, 500, None),
    b"br, gzip\xff": (0, 1000, 0, None),
}


@pytest.mark.parametrize("value", WEIGHTS)
def test_a_field_gives_each_coding_a_weight(value: bytes | None) -> None:
    weights = parse_accept_encoding(value)
    found = (*(weights[coding] for coding in CODINGS), weights.get(IDENTITY))
    assert found == WEIGHTS[value]
    assert refuses_identity(weights) is (WEIGHTS[value][-1] == 0)


SIZES = {IDENTITY: 1000, b"zstd": 300, b"br": 200, b"gzip": 400}
LARGER = {IDENTITY: 10, b"gzip": 30, b"br": 20}  # sidecars of a tiny file
EQUAL = {IDENTITY: 10, b"zstd": 10, b"gzip": 10}

# What there is, the field, and the coding that is sent.
CHOICES = [
    (SIZES, None, IDENTITY),
    (SIZES, b"", IDENTITY),
    (SIZES, b"gzip, deflate, br, zstd", b"br"),
    (SIZES, b"gzip, deflate, br, zstd, identity", b"br"),
    (SIZES, b"gzip, zstd", b"zstd"),
    (SIZES, b"gzip", b"gzip"),
    (SIZES, b"x-gzip", b"gzip"),
    (SIZES, b"deflate", IDENTITY),
    (SIZES, b"gzip;q=1, br;q=0.9", b"gzip"),
    (SIZES, b"gzip;q=0.1, br;q=0", b"gzip"),
    (SIZES, b"identity;q=1, br;q=0.5", IDENTITY),
    (SIZES, b"identity;q=0.5, br;q=0.5", b"br"),
    (SIZES, b"*", b"br"),
    (SIZES, b"*;q=0.5, gzip", b"gzip"),
    (SIZES, b"*, br;q=0", b"zstd"),
    (SIZES, b"*;q=0", IDENTITY),
    (SIZES, b"identity;q=0", IDENTITY),
    (SIZES, b"identity;q=0, deflate", IDENTITY),
    (SIZES, b"identity;q=0, gzip;q=0.001", b"gzip"),
    (LARGER, b"gzip, br", b"br"),
    (LARGER, b"gzip, br, identity", IDENTITY),
    (LARGER, b"*", IDENTITY),
    (LARGER, b"zstd", IDENTITY),
    (EQUAL, b"*", IDENTITY),
    (EQUAL, b"gzip, zstd", b"zstd"),
    ({IDENTITY: 1000}, b"gzip, br, zstd, identity;q=0", IDENTITY),
]


@pytest.mark.parametrize(("sizes", "value", "coding"), CHOICES)
def test_the_smallest_of_the_most_wanted_is_sent(
    sizes: dict[bytes, int], value: bytes | None, coding: bytes
) -> None:
    assert choose(parse_accept_encoding(value), sizes) == coding


@pytest.mark.parametrize("filler", [b"x", b";q=", b" ", b"identity;", b"=,"])
def test_a_field_that_is_too_long_accepts_nothing(filler: bytes) -> None:
    room = MAX_ACCEPT_ENCODING_SIZE - 3
    many = filler.replace(b",", b"")
    fits = (many * room)[:room] + b",br"
    assert parse_accept_encoding(fits)[b"br"] == 1000
    for size in (1, 16 * 1024):
        long = b"br," + (filler * size)[:size] + fits
        assert choose(parse_accept_encoding(long), SIZES) == IDENTITY


@pytest.mark.parametrize("member", [b"", b"x", b"gzip", b"*;q=1"])
def test_a_field_of_too_many_members_accepts_nothing(member: bytes) -> None:
    fits = b",".join([member] * (MAX_CODINGS - 1) + [b"br"])
    assert parse_accept_encoding(fits)[b"br"] == 1000
    assert choose(parse_accept_encoding(member + b"," + fits), SIZES) == IDENTITY


@given(st.lists(st.sampled_from([*CODINGS, IDENTITY, b"*", b"deflate", b";q=0", b",", b" "])))
def test_what_was_not_named_is_not_sent(parts: list[bytes]) -> None:
    value = b"".join(parts)
    coding = choose(parse_accept_encoding(value), SIZES)
    assert coding == IDENTITY or coding in value or b"*" in value


@given(st.binary(max_size=400))
def test_no_field_is_an_error(value: bytes) -> None:
    assert choose(parse_accept_encoding(value), SIZES) in SIZES


@pytest.mark.parametrize(
    ("field", "weight"),
    [
        (b"dcz", 1000),
        (b"gzip, deflate, br, zstd, dcb, dcz", 1000),
        (b"DCZ;q=0.3", 300),
        (b"dcz;q=0", 0),
        (b"dcz, dcz;q=0.2", 200),
        (b"*", None),
        (b"*;q=0", None),
        (b"dcb", None),
        (b"dczz", None),
        (b"", None),
        (None, None),
    ],
)
def test_differences_are_never_meant_by_a_star(field: bytes | None, weight: int | None) -> None:
    assert parse_accept_encoding(field).get(DCZ) == weight
