"""Targets of what a request selects: a content coding, a dictionary, a part of a listing."""

from evloop.http.dictionaries import (
    DIGEST_SIZE,
    MAX_MATCH_SIZE,
    match_pattern,
    parse_available_dictionary,
    split_version,
)
from evloop.http.negotiation import CODINGS, DCZ, IDENTITY, choose, parse_accept_encoding
from evloop.http.request import RequestError
from evloop.site.listing_query import parse_view
from fuzzing.stage import expect

_SIZES = {IDENTITY: 1000, b"zstd": 300, b"br": 250, b"gzip": 400}
_LARGEST_WEIGHT = 1000
_IN_PATTERNS = frozenset(b"*/!$&',;=@~%-._") | frozenset(
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
)


def run_negotiation(data: bytes) -> None:
    """Take *data* for an Accept-Encoding field, for Available-Dictionary, and for a path."""
    weights = parse_accept_encoding(data)
    expect(set(CODINGS) <= weights.keys(), "a coding without a weight")
    expect(weights.keys() <= {*CODINGS, IDENTITY, DCZ}, "an unknown coding")
    expect(all(0 <= weight <= _LARGEST_WEIGHT for weight in weights.values()), "a weight")
    expect(DCZ not in weights or DCZ in data.lower(), "a star meant a dictionary")
    chosen = choose(weights, _SIZES)
    expect(chosen == IDENTITY or weights[chosen] > 0, "a refused coding was chosen")
    best = max((weights.get(coding, 0), -_SIZES[coding]) for coding in _SIZES)
    if best[0]:
        mine = (weights.get(chosen, 0), -_SIZES[chosen])
        expect(mine == best, "another coding was better")
    digest = parse_available_dictionary(data)
    expect(digest is None or len(digest) == DIGEST_SIZE, "the size of a digest")
    front, back, is_versioned = split_version(data)
    expect(is_versioned or front + back == data, "a path lost a part")
    pattern = match_pattern(data)
    if pattern is not None:
        expect(len(pattern) <= MAX_MATCH_SIZE, "a long pattern")
        expect(set(pattern) <= _IN_PATTERNS, "a byte that ends the string of a pattern")


def run_query(data: bytes) -> None:
    """Take *data* for the query of a directory's address."""
    try:
        view = parse_view(b"?" + data)
    except RequestError as error:
        expect(error.status == 400, f"refused with {error.status}")
        return
    expect(view.limit >= 0 and view.offset >= 0, "a negative number")
    expect(len(view.window) >= 0, "a window that is none")  # more than sys.maxsize would raise
    expect(view.archive in data, "an archive that nobody asked for")
