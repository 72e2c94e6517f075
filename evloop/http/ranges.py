"""Range requests: from the field to half-open ranges of offsets (RFC 9110 section 14).

Inside the program every range is half-open, as in Python; inclusive ends exist only
in the two fields on the wire.
"""

import re
from collections.abc import Iterable, Sequence

MAX_PARTS = 16
"""Parts of a response. A client that asks for more, after merging, gets the whole representation;
one that resumes a download asks for one part, a reader of PDF files for a few."""
MAX_SPECS = 64
"""Members of a field, empty ones included: four for each part that may remain. A field with more
is ignored before it is split, as a server may ignore any Range field (RFC 9110 sections 14.2
and 17.15)."""
MAX_SIZE = 6 * 1024
"""Bytes of a field, likewise: twice what MAX_SPECS pairs of 20 digits take."""

_UNIT = b"bytes="
# Whitespace around the commas is allowed, empty members are ignored (section 5.6.1). Each
# repetition is possessive, so that no byte is read twice.
_MEMBER = rb"[ \t]*+(?:[0-9]++-[0-9]*+|-[0-9]++)?+[ \t]*+"
_LIST = re.compile(rb"(?:%b,)*+%b" % (_MEMBER, _MEMBER))
_SPEC = re.compile(rb"([0-9]*+)-([0-9]*+)")
# Offsets with more digits lie beyond any file; int() refuses more than 4300.
_MAX_DIGITS = 1000

_Span = tuple[int, int, int]
"""Start and stop, as in a range, and the place in the client's order."""


class UnsatisfiableRangeError(Exception):
    """The syntax is right but no byte matches: 416 (RFC 9110 section 14.1.2)."""


def parse_ranges(value: bytes, size: int) -> tuple[range, ...] | None:
    """Return the ranges of offsets that *value* selects in *size* bytes, none of them empty.

    Overlapping and adjacent ones are merged, otherwise the client's order stays
    (section 15.3.7.2). None means "ignore the field and send everything": the unit is
    unknown, the syntax is wrong (section 14.2), or there are too many members or parts.

    Raises UnsatisfiableRangeError when the syntax is right but no byte matches.
    """
    if len(value) > MAX_SIZE or value.count(b",") >= MAX_SPECS:
        return None
    if value[: len(_UNIT)].lower() != _UNIT or not _LIST.fullmatch(value, len(_UNIT)):
        return None
    specs = _SPEC.findall(value, len(_UNIT))
    spans = _spans(specs, size)
    if not spans:
        return None
    satisfiable = [span for span in spans if span[0] < span[1]]
    if not satisfiable:
        # A suffix of an empty file is satisfiable but can't be written as Content-Range.
        if size == 0 and any(not first for first, _ in specs):
            return None
        raise UnsatisfiableRangeError
    merged = _merge(satisfiable)
    return merged if len(merged) <= MAX_PARTS else None


def _spans(specs: Iterable[tuple[bytes, bytes]], size: int) -> list[_Span] | None:
    """Return what each spec selects, which may be nothing; None when one of them is invalid."""
    spans: list[_Span] = []
    for place, (first, last) in enumerate(specs):
        if not first:  # a suffix: the last bytes
            spans.append((max(0, size - _offset(last)), size, place))
            continue
        start = _offset(first)
        stop = _offset(last) + 1 if last else size
        if last and stop <= start:
            return None  # section 14.1.1: such a spec makes the whole field invalid
        spans.append((start, min(stop, size), place))
    return spans


def _offset(digits: bytes) -> int:
    if len(digits) <= _MAX_DIGITS:
        return int(digits)
    return int(digits.lstrip(b"0")[:_MAX_DIGITS] or b"0")


def _merge(spans: list[_Span]) -> tuple[range, ...]:
    """Join what overlaps or touches; each result stands where its first member stood."""
    spans.sort()
    merged = []
    start, stop, place = spans[0]
    for next_start, next_stop, next_place in spans:
        if next_start <= stop:
            stop = max(stop, next_stop)
            place = min(place, next_place)
        else:
            merged.append((place, start, stop))
            start, stop, place = next_start, next_stop, next_place
    merged.append((place, start, stop))
    merged.sort()
    return tuple(range(start, stop) for _, start, stop in merged)


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
