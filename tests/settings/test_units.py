"""Sizes and durations as people write them."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evloop.settings.units import format_duration, format_size, parse_duration, parse_size

KIB, MIB, GIB, TIB = 1024, 1024**2, 1024**3, 1024**4

SIZES = {
    "0": 0,
    "1": 1,
    "32768": 32 * KIB,
    "32K": 32 * KIB,
    "32k": 32 * KIB,
    "32KiB": 32 * KIB,
    "32kib": 32 * KIB,
    "32 KiB": 32 * KIB,
    " 32KiB ": 32 * KIB,
    "1M": MIB,
    "1MiB": MIB,
    "64MiB": 64 * MIB,
    "2G": 2 * GIB,
    "3TiB": 3 * TIB,
    "12B": 12,
    "007": 7,
}

NO_SIZES = (
    "",
    " ",
    "K",
    "KiB",
    "-1",
    "+1",
    "1.5M",
    "1,5M",
    "1e6",
    "0x10",
    "1_000",
    "1KiBs",
    "1KK",
    "1i",
    "1P",
    "1 K B",
    "one",
    "\u0661",
    "1\u212a",  # the Kelvin sign
)

SIZE_TEXTS = {
    0: "0 B",
    1: "1 B",
    1023: "1023 B",
    KIB: "1 KiB",
    1536: "1.5 KiB",
    32 * KIB: "32 KiB",
    500 * KIB: "500 KiB",
    MIB - 1: "1024 KiB",
    MIB: "1 MiB",
    64 * MIB: "64 MiB",
    GIB: "1 GiB",
    5 * TIB: "5 TiB",
    5000 * TIB: "5000 TiB",
    0.5: "0.5 B",
    -2 * MIB: "-2 MiB",
}

DURATIONS = {
    "0": 0.0,
    "10": 10.0,
    "10s": 10.0,
    "10S": 10.0,
    "500ms": 0.5,
    "500 ms": 0.5,
    "1.5s": 1.5,
    "0.25": 0.25,
    "2m": 120.0,
    "1.5m": 90.0,
    "1h": 3600.0,
    " 30s ": 30.0,
}

NO_DURATIONS = (
    "",
    "s",
    "ms",
    "-1s",
    "+1s",
    "1,5s",
    ".5s",
    "1.s",
    "1e3",
    "inf",
    "nan",
    "1d",
    "1us",
    "10sec",
    "1h30m",
    "1_0s",
    "\u0661s",
)

DURATION_TEXTS = {
    0: "0s",
    0.001: "1ms",
    0.5: "500ms",
    1.0: "1s",
    1.5: "1.5s",
    30.0: "30s",
    59.0: "59s",
    60.0: "1m",
    90.0: "90s",
    120.0: "2m",
    3600.0: "60m",
}


@pytest.mark.parametrize(("text", "size"), SIZES.items())
def test_a_size_is_read(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", NO_SIZES)
def test_what_is_no_size_is_told_how_one_looks(text: str) -> None:
    with pytest.raises(ValueError, match="KiB"):
        parse_size(text)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("1MB", "MB may be 1000^2 or 1024^2; MiB = 1024^2: write 1MiB"),
        ("32 kb", "KB may be 1000 or 1024; KiB = 1024: write 32KiB"),
        ("2Gb", "GB may be 1000^3 or 1024^3; GiB = 1024^3: write 2GiB"),
    ],
)
def test_a_unit_that_means_two_things_is_refused(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(reason)}$"):
        parse_size(text)


@pytest.mark.parametrize(("size", "text"), SIZE_TEXTS.items())
def test_a_size_is_shown_in_its_largest_unit(size: float, text: str) -> None:
    assert format_size(size) == text


@pytest.mark.parametrize(("text", "seconds"), DURATIONS.items())
def test_a_duration_is_read(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", NO_DURATIONS)
def test_what_is_no_duration_is_told_how_one_looks(text: str) -> None:
    with pytest.raises(ValueError, match="ms, s, m or h"):
        parse_duration(text)


@pytest.mark.parametrize(("seconds", "text"), DURATION_TEXTS.items())
def test_a_duration_is_shown_in_the_unit_that_reads_best(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text


@given(st.integers(0, 1023), st.integers(0, 4))
def test_a_size_of_one_unit_is_read_back(number: int, power: int) -> None:
    size = number << 10 * power
    assert parse_size(format_size(size)) == size


@given(st.integers(0, 100_000).map(lambda number: number / 8))
def test_a_duration_is_read_back(seconds: float) -> None:
    assert parse_duration(format_duration(seconds)) == pytest.approx(seconds, rel=1e-5)
