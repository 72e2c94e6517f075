"""Which media type a client prefers (RFC 9110 sections 12.4.2 and 12.5.1)."""

import re

from evloop.http.fields import MAX_ACCEPT_SIZE

# A member's range and its parameters. It begins with a literal byte, which a search skips to (the
# value gets a comma in front), and is possessive, so that no byte is read twice.
_MEMBER = re.compile(rb",[ \t]*+([^\s;,/]++)/([^\s;,]++)[ \t]*+((?:;[^,]*+)?+)(?=,|\Z)")
_WEIGHT = re.compile(rb";[ \t]*+q=([01](?:\.[0-9]{0,3}+)?+)[ \t]*+(?=;|\Z)")


def media_type_weight(accept: bytes | None, media_type: bytes) -> float:
    """Return how much the client wants *media_type*, from 0 (not at all) to 1.

    The most specific range that matches decides; without a field all weigh 1. The first
    MAX_ACCEPT_SIZE bytes of *accept* are read. Parameters but the weight are not looked at, and a
    weight that is none counts as 1.
    """
    if accept is None:
        return 1.0
    wanted_type, _, wanted_subtype = media_type.partition(b"/")
    best, weight = -1, 0.0
    for found in _MEMBER.finditer(b"," + accept[:MAX_ACCEPT_SIZE].lower()):
        kind, subtype, parameters = found.groups()
        if kind == b"*" and subtype == b"*":
            rank = 0
        elif kind != wanted_type or subtype not in {b"*", wanted_subtype}:
            continue
        else:
            rank = 1 if subtype == b"*" else 2
        if rank > best:
            best, weight = rank, _weight(parameters)
    return weight


def _weight(parameters: bytes) -> float:
    found = _WEIGHT.search(parameters)
    return min(1.0, float(found[1])) if found else 1.0
