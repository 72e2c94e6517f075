"""Small requests that cost a server much: processor time of each shape, beside a plain one."""

from collections.abc import Callable, Iterator

from evloop_tools.load.raw import ask_in_turn

from attacks.docroot import LARGE, SMALL
from attacks.target import Attacked

_PATIENCE = 10.0
# Just beneath what servers commonly take for a head.
_ROOM = 7000


def _request(target: str, *fields: str, method: str = "GET") -> bytes:
    return "\r\n".join([f"{method} {target} HTTP/1.1", "Host: localhost", *fields, "", ""]).encode()


def _spread(items: str, separator: str = ",") -> str:
    return separator.join([items] * (_ROOM // (len(items) + len(separator))))


PLAIN = "a small file"
SHAPES: dict[str, Callable[[int], bytes]] = {
    PLAIN: lambda number: _request(f"{SMALL}?{number}"),
    "a long field": lambda number: _request(SMALL, "X: " + "a" * _ROOM),
    "a missing file": lambda number: _request(f"/missing-{number}"),
    "a missing file, deep": lambda number: _request("/" + _spread("a", "/") + f"/{number}"),
    "a target of escapes": lambda number: _request("/" + "%61" * (_ROOM // 3) + str(number)),
    "an Accept of commas": lambda number: _request("/missing", "Accept: " + "," * _ROOM),
    "ranges, all the same": lambda number: _request(SMALL, "Range: bytes=" + _spread("0-0")),
    "ranges, all different": lambda number: _request(
        LARGE,
        "Range: bytes=" + ",".join(f"{9 * n}-{9 * n}" for n in range(_ROOM // 12)),
        method="HEAD",
    ),
    "tags that do not match": lambda number: _request(SMALL, "If-None-Match: " + _spread('"a"')),
    "quotes": lambda number: _request(SMALL, "If-None-Match: " + '"' * _ROOM),
    "connection options": lambda number: _request(SMALL, "Connection: " + _spread("a")),
    "a hundred fields": lambda number: _request(SMALL, *[f"X{n}: {'a' * 50}" for n in range(90)]),
}


def cost(target: Attacked, requests: int) -> Iterator[str]:
    """Send so many *requests* of each shape, one after the other."""
    plain = 0.0
    for name, shape in SHAPES.items():
        before = target.usage().cpu
        statuses = ask_in_turn(target.address, map(shape, range(requests)), _PATIENCE)
        each = (target.usage().cpu - before) / requests
        plain = plain or each
        times = f", {each / plain:.1f} x" if plain and name != PLAIN else ""
        shown = " ".join(map(str, sorted(statuses)))
        yield f"{name}: {each * 1e6:.0f} us of processor time{times} ({shown})"
