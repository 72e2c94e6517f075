"""Range arithmetic: a table, and a slice of bytes as the oracle."""

import itertools
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evloop.http.ranges import (
    MAX_PARTS,
    MAX_SIZE,
    MAX_SPECS,
    UnsatisfiableRangeError,
    content_range,
    multipart_preambles,
    parse_ranges,
    unsatisfied_range,
)

SIZE = 11
LARGE = 5 * 1024**4

ONE = {
    b"bytes=0-0": range(1),  # one byte is a range
    b"bytes=0-10": range(11),
    b"bytes=5-7": range(5, 8),
    b"bytes=5-": range(5, 11),
    b"bytes=10-": range(10, 11),
    b"bytes=10-10": range(10, 11),
    b"bytes=5-99": range(5, 11),  # an end past the file is clamped
    b"bytes=5-" + b"9" * 5000: range(5, 11),  # however many digits
    b"bytes=-1": range(10, 11),
    b"bytes=-11": range(11),
    b"bytes=-99": range(11),  # a suffix longer than the file is the whole file
    b"bytes=-" + b"9" * 5000: range(11),
    b"bytes=000005-000007": range(5, 8),
    b"bytes=" + b"0" * 5000 + b"5-7": range(5, 8),
    b"BYTES=0-0": range(1),  # units are case-insensitive
    b"bytes= 0-0": range(1),
    b"bytes=0-0,": range(1),  # empty members of a list are ignored
    b"bytes=,,\t0-0 , ": range(1),
}

SEVERAL = {
    b"bytes=0-1,4-5": [range(2), range(4, 6)],
    b"bytes=4-5,0-1": [range(4, 6), range(2)],  # the client's order stays
    b"bytes=0-1, 4-5": [range(2), range(4, 6)],
    b"bytes=0-0,-1": [range(1), range(10, 11)],
    b"bytes=0-3,2-5": [range(6)],  # overlapping
    b"bytes=0-3,4-5": [range(6)],  # adjacent
    b"bytes=4-5,0-3": [range(6)],
    b"bytes=0-9,3-4": [range(10)],  # one inside another
    b"bytes=8-9,0-1,1-3": [range(8, 10), range(4)],
    b"bytes=0-1,8-9,1-3": [range(4), range(8, 10)],
    b"bytes=1-3,8-9,0-1": [range(4), range(8, 10)],
    b"bytes=0-,-5": [range(11)],
    b"bytes=9-9,5-5,,7-7,6-6, ,1-1": [range(9, 10), range(5, 8), range(1, 2)],
    b"bytes=0-0,99-": [range(1)],  # what matches nothing is left out
    b"bytes=99-,0-0,-0": [range(1)],
}

IGNORED = (
    b"",
    b"bytes",
    b"bytes=",
    b"bytes=,",
    b"bytes=-",
    b"bytes=--1",
    b"bytes=1",
    b"bytes=a-b",
    b"bytes=0-a",
    b"bytes=5-2",  # backwards
    b"bytes=0-0,5-2",  # one bad member spoils the list
    b"bytes=5-2,0-0",
    b"bytes=+1-2",
    b"bytes=1-+2",
    b"bytes=0x1-2",
    b"bytes=1_0-",
    b"bytes=1.0-2",
    b"bytes=0 - 1",
    b"bytes=0-1 2-3",
    b"bytes=0-1;2-3",
    b"bytes =0-1",
    b" bytes=0-1",
    b"bytes:0-1",
    b"octets=0-1",
    b"seconds=0-1",
    b"byte=0-1",
    b"bytes=\xd9\xa0-\xd9\xa1",  # digits, but not ASCII
    b"bytes=\xb2-",
    b"bytes=0-1\x00",
)

UNSATISFIABLE = (
    b"bytes=11-",
    b"bytes=11-12",
    b"bytes=99-",
    b"bytes=" + b"9" * 5000 + b"-",
    b"bytes=-0",
    b"bytes=11-,12-,-0",
)


def spec_text(spec: tuple[int | None, int | None]) -> bytes:
    return b"-".join(b"" if number is None else b"%d" % number for number in spec)


def slices(specs: Sequence[tuple[int | None, int | None]], data: bytes) -> set[int]:
    """The offsets that the specs select, by Python's own slicing."""
    offsets: set[int] = set()
    numbered = range(len(data))
    for first, last in specs:
        if first is None:
            offsets.update(numbered[-last:] if last else ())
        else:
            offsets.update(numbered[first:] if last is None else numbered[first : last + 1])
    return offsets


NUMBER = st.integers(0, 40)
SPEC = st.one_of(
    st.tuples(NUMBER, st.none()),
    st.tuples(st.none(), NUMBER),
    st.tuples(NUMBER, NUMBER).map(lambda pair: (min(pair), max(pair))),
)


@pytest.mark.parametrize(("value", "expected"), ONE.items(), ids=lambda it: str(it)[:30])
def test_one_range(value: bytes, expected: range) -> None:
    assert parse_ranges(value, SIZE) == (expected,)


@pytest.mark.parametrize(("value", "expected"), SEVERAL.items())
def test_several_ranges_are_merged_and_keep_their_order(
    value: bytes, expected: list[range]
) -> None:
    assert parse_ranges(value, SIZE) == tuple(expected)


@pytest.mark.parametrize("value", IGNORED)
def test_what_is_no_byte_range_is_ignored(value: bytes) -> None:
    assert parse_ranges(value, SIZE) is None


@pytest.mark.parametrize("value", UNSATISFIABLE, ids=lambda value: value[:30].decode())
def test_a_range_without_a_byte_is_an_error(value: bytes) -> None:
    with pytest.raises(UnsatisfiableRangeError):
        parse_ranges(value, SIZE)


def test_an_empty_file_has_no_range() -> None:
    with pytest.raises(UnsatisfiableRangeError):
        parse_ranges(b"bytes=0-", 0)


def test_the_end_of_an_empty_file_is_the_whole_of_it() -> None:
    assert parse_ranges(b"bytes=-5", 0) is None


def test_offsets_beyond_32_bits_are_exact() -> None:
    value = b"bytes=%d-%d" % (LARGE - 2, LARGE - 2)
    assert parse_ranges(value, LARGE) == (range(LARGE - 2, LARGE - 1),)


def test_sixteen_parts_are_allowed() -> None:
    assert MAX_PARTS == 16


def test_as_many_parts_as_allowed_are_sent() -> None:
    value = b"bytes=" + b",".join(b"%d-%d" % (3 * n, 3 * n) for n in range(MAX_PARTS))
    assert parse_ranges(value, 1000) == tuple(range(3 * n, 3 * n + 1) for n in range(MAX_PARTS))


def test_more_parts_than_allowed_are_answered_with_the_whole() -> None:
    value = b"bytes=" + b",".join(b"%d-%d" % (3 * n, 3 * n) for n in range(MAX_PARTS + 1))
    assert parse_ranges(value, 1000) is None


def test_the_limit_counts_parts_after_merging() -> None:
    value = b"bytes=" + b",".join(b"%d-%d" % (n, n) for n in range(MAX_SPECS))
    assert MAX_SPECS > MAX_PARTS
    assert parse_ranges(value, 1000) == (range(MAX_SPECS),)


@pytest.mark.parametrize(("members", "is_read"), [(MAX_SPECS, True), (MAX_SPECS + 1, False)])
def test_a_field_of_too_many_members_is_not_even_read(members: int, is_read: bool) -> None:
    value = b"bytes=" + b"," * (members - 1) + b"0-0"
    assert parse_ranges(value, SIZE) == ((range(1),) if is_read else None)


@pytest.mark.parametrize(("size", "is_read"), [(MAX_SIZE, True), (MAX_SIZE + 1, False)])
def test_a_field_of_too_many_bytes_is_not_even_read(size: int, is_read: bool) -> None:
    assert parse_ranges(b"bytes=0-0".ljust(size), SIZE) == ((range(1),) if is_read else None)


@given(st.lists(SPEC, min_size=1, max_size=8), st.integers(0, 30))
def test_the_ranges_select_what_slices_select(
    specs: list[tuple[int | None, int | None]], size: int
) -> None:
    data = bytes(range(size))
    value = b"bytes=" + b",".join(spec_text(spec) for spec in specs)
    try:
        selected = parse_ranges(value, size)
    except UnsatisfiableRangeError:
        assert not slices(specs, data)
        return
    if selected is None:
        assert size == 0  # a suffix of nothing: answered with all of it
        return
    offsets = [offset for part in selected for offset in part]
    assert set(offsets) == slices(specs, data)
    assert len(offsets) == len(set(offsets)), "a byte would be sent twice"


@given(st.lists(SPEC, min_size=2, max_size=8), st.integers(1, 30))
def test_no_two_parts_could_have_been_one(
    specs: list[tuple[int | None, int | None]], size: int
) -> None:
    try:
        selected = parse_ranges(b"bytes=" + b",".join(map(spec_text, specs)), size) or ()
    except UnsatisfiableRangeError:
        return
    parts = sorted(selected, key=lambda part: part.start)
    assert all(parts)
    assert all(left.stop < right.start for left, right in itertools.pairwise(parts))


@given(st.binary(max_size=60), st.integers(0, 100))
def test_no_value_breaks_the_parser(value: bytes, size: int) -> None:
    try:
        selected = parse_ranges(b"bytes=" + value, size)
    except UnsatisfiableRangeError:
        return
    assert selected is None or all(0 <= r.start < r.stop <= size for r in selected)


def test_ends_are_inclusive_on_the_wire() -> None:
    assert content_range(range(5, 8), SIZE) == b"bytes 5-7/11"
    assert unsatisfied_range(SIZE) == b"bytes */11"


def test_parts_stand_between_boundaries() -> None:
    texts, ending = multipart_preambles([range(1), range(9, 11)], SIZE, b"text/plain", b"B")
    assert texts == [
        b"--B\r\nContent-Type: text/plain\r\nContent-Range: bytes 0-0/11\r\n\r\n",
        b"\r\n--B\r\nContent-Type: text/plain\r\nContent-Range: bytes 9-10/11\r\n\r\n",
    ]
    assert ending == b"\r\n--B--\r\n"
