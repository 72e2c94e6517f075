"""Range requests: from the field to half-open ranges of offsets (RFC 9110 section 14).

Inside the program every range is half-open, as in Python; inclusive ends exist only
in the two fields on the wire.
"""

import re
from collections.abc import Sequence

MAX_PARTS = 16
"""More parts than this after merging are answered with the whole representation."""
MAX_SPECS = 256
"""A field with more members than this, empty ones too, is not even read."""

_UNIT = b"bytes="
# Whitespace around the commas is allowed, empty members are ignored (section 5.6.1).
_SPEC = re.compile(rb"(?:([0-9]+)-([0-9]*)|-([0-9]+))")
# Offsets with more digits lie beyond any file; int() refuses thousands of digits.
_MAX_DIGITS = 1000


class UnsatisfiableRangeError(Exception):
    """The syntax is right but no byte matches: 416 (RFC 9110 section 14.1.2)."""


def parse_ranges(value: bytes, size: int) -> tuple[range, ...] | None:
    """Return the ranges of offsets that *value* selects in *size* bytes, none of them empty.

    Overlapping and adjacent ones are merged, otherwise the client's order stays
    (section 15.3.7.2). None means "ignore the field and send everything": the unit is
    unknown, the syntax is wrong (section 14.2), or there are too many members or parts.

    Raises UnsatisfiableRangeError when the syntax is right but no byte matches.
    """
    if value[: len(_UNIT)].lower() != _UNIT or value.count(b",") >= MAX_SPECS:
        return None
    specs = [spec.strip(b" \t") for spec in value[len(_UNIT) :].split(b",")]
    found = [_SPEC.fullmatch(spec) for spec in specs if spec]
    if not found:
        return None
    selected = []
    for match in found:
        if match is None or (chosen := _select(match, size)) is None:
            return None
        selected.append(chosen)
    satisfiable = [chosen for chosen in selected if chosen]
    if not satisfiable:
        # A suffix of an empty file is satisfiable but can't be written as Content-Range.
        if size == 0 and any(match is not None and match[3] for match in found):
            return None
        raise UnsatisfiableRangeError
    merged = _merge(satisfiable)
    return merged if len(merged) <= MAX_PARTS else None


def _select(match: re.Match[bytes], size: int) -> range | None:
    """Return the range of one spec, empty when unsatisfiable, None when it is invalid."""
    first, last, suffix = match.groups()
    if suffix is not None:
        return range(max(0, size - _offset(suffix)), size)
    start = _offset(first)
    if not last:
        return range(start, size)
    end = _offset(last)
    if end < start:
        return None  # section 14.1.1: such a spec makes the whole field invalid
    return range(start, min(end + 1, size))


def _offset(digits: bytes) -> int:
    significant = digits.lstrip(b"0")
    return int(significant[:_MAX_DIGITS] or b"0")


def _merge(ranges: Sequence[range]) -> tuple[range, ...]:
    """Join what overlaps or touches; each result stands where its first member stood."""
    by_start = sorted(range(len(ranges)), key=lambda index: ranges[index].start)
    merged: list[tuple[int, range]] = []  # (place in the client's order, range)
    for index in by_start:
        current = ranges[index]
        if merged and current.start <= merged[-1][1].stop:
            place, last = merged[-1]
            joined = range(last.start, max(last.stop, current.stop))
            merged[-1] = (min(place, index), joined)
        else:
            merged.append((index, current))
    return tuple(selected for _, selected in sorted(merged, key=lambda pair: pair[0]))


def content_range(selected: range, size: int) -> bytes:
    """Return the Content-Range value of one part (RFC 9110 section 14.4)."""
    return b"bytes %d-%d/%d" % (selected.start, selected.stop - 1, size)


def unsatisfied_range(size: int) -> bytes:
    """Return the Content-Range value of a 416."""
    return b"bytes */%d" % size


def multipart_preambles(
    ranges: Sequence[range], size: int, media_type: bytes, boundary: bytes
) -> tuple[list[bytes], bytes]:
    """Return what stands before each part and what ends the last (RFC 9110 section 14.6)."""
    preambles = [
        b"\r\n--%b\r\nContent-Type: %b\r\nContent-Range: %b\r\n\r\n"
        % (boundary, media_type, content_range(selected, size))
        for selected in ranges
    ]
    # The first CRLF would be an empty preamble line: legal, and two bytes for nothing.
    preambles[0] = preambles[0][2:]
    return preambles, b"\r\n--%b--\r\n" % boundary
