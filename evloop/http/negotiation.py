"""Which content coding a client gets: Accept-Encoding (RFC 9110 section 12.5.3)."""

import re
from collections.abc import Mapping

IDENTITY = b"identity"
CODINGS = (b"zstd", b"br", b"gzip")
"""The codings that are sent (RFC 8878, RFC 7932, RFC 1952). `deflate` is none of them: it means
the zlib format (RFC 9110 section 8.4.1.2), which some clients read as something else."""
DCZ = b"dcz"
"""Zstandard with a dictionary that the client has (RFC 9842 section 5); `*` never means it."""
MAX_ACCEPT_ENCODING_SIZE = 256
"""Bytes of a field that is read. Browsers send 23, and all codings that IANA has registered, each
with a weight, take 160. A longer field is read as one that accepts no coding."""
MAX_CODINGS = 16
"""Members of it, likewise. Browsers send 4, and IANA has registered 11, aliases left out."""

Weights = Mapping[bytes, int]
"""The weight of each of CODINGS, and of DCZ and IDENTITY where the field says something about
them, in thousandths. 0: refused."""

_NOTHING: Weights = dict.fromkeys(CODINGS, 0)
_LARGEST_WEIGHT = 1000
# Begins with a literal byte, which a search skips to; the value gets a comma in front. Every
# repetition is possessive, so that no byte is read twice.
_MEMBER = re.compile(rb",[ \t]*+(zstd|br|(?:x-)?gzip|identity|dcz|\*)[ \t]*+(;[^,]*+)?+(?=,|\Z)")
_WEIGHT = re.compile(rb";[ \t]*+q=(?:0(?:\.([0-9]{0,3}))?|(1)(?:\.0{0,3})?)[ \t]*")
_SAME = {b"x-gzip": b"gzip"}  # RFC 9110 section 8.4.1.3


def parse_accept_encoding(value: bytes | None) -> Weights:
    """Return the weights in an Accept-Encoding field; None: the request has no such field.

    Without the field any coding may be sent, and none is: who does not ask may not be able to
    decode. A member with a malformed weight is refused. Of several members for one coding the
    least weight counts.
    """
    if value is None or len(value) > MAX_ACCEPT_ENCODING_SIZE or value.count(b",") >= MAX_CODINGS:
        return _NOTHING
    listed: dict[bytes, int] = {}
    for found in _MEMBER.finditer(b"," + value.lower()):
        name = _SAME.get(found[1], found[1])
        listed[name] = min(_weight(found[2]), listed.get(name, _LARGEST_WEIGHT))
    others = listed.pop(b"*", None)
    weights = {coding: listed.get(coding, others or 0) for coding in CODINGS}
    about_identity = listed.get(IDENTITY, others)
    if about_identity is not None:
        weights[IDENTITY] = about_identity
    if DCZ in listed:
        weights[DCZ] = listed[DCZ]
    return weights


def choose(weights: Weights, sizes: Mapping[bytes, int]) -> bytes:
    """Return the coding to send: the smallest of those with the highest weight.

    *sizes*: bytes by coding, IDENTITY among them; of two that are equal in everything the first
    one wins. When nothing is acceptable it is IDENTITY (section 12.5.3 allows that beside 406,
    and clients that can't decode what they asked for would do no better with an error).
    """
    acceptable = [coding for coding in sizes if weights.get(coding)]
    if not acceptable:
        return IDENTITY
    highest = max(weights[coding] for coding in acceptable)
    return min(
        (coding for coding in acceptable if weights[coding] == highest), key=sizes.__getitem__
    )


def refuses_identity(weights: Weights) -> bool:
    """Whether the field says `identity;q=0`, or `*;q=0` and nothing about identity."""
    return weights.get(IDENTITY) == 0


def _weight(parameter: bytes | None) -> int:
    """Return the weight in thousandths (section 12.4.2)."""
    if parameter is None:
        return _LARGEST_WEIGHT
    found = _WEIGHT.fullmatch(parameter)
    if found is None:
        return 0
    return _LARGEST_WEIGHT if found[2] else int((found[1] or b"").ljust(3, b"0"))
