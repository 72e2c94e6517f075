"""Which request head costs the most, in multiples of what a browser's costs.

    python tools/worst_heads.py

Each head fills the 16 KiB that a server takes and aims at one piece of the code that reads it.
It goes the way of a request: it is received from a socket, split off, parsed, answered by a
site over a small directory, and the response is sent. The times are the best of many, the worst
head comes first, and the exit code is 1 when a head costs more than LIMIT times the plain one.
"""

import socket
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from itertools import count
from pathlib import Path

from evloop_tools.bench.heads import BROWSER_FIELDS

# Run as a program, Python puts tools/ on the path; evloop/ lies beside it.
sys.path.insert(1, str(Path(__file__).resolve().parent.parent))

from evloop.files.cache import Cache, CacheSettings
from evloop.files.reader import Reader
from evloop.files.root import Root
from evloop.files.variants import Variants
from evloop.http.authority import MAX_HOST_ESCAPES
from evloop.http.fields import MAX_ACCEPT_SIZE, MAX_TAGS
from evloop.http.head_fields import MAX_READ_FIELDS
from evloop.http.negotiation import MAX_CODINGS
from evloop.http.ranges import MAX_PARTS, MAX_SPECS
from evloop.http.request import Request, RequestError
from evloop.http.response import Response
from evloop.http.target import MAX_SEGMENTS
from evloop.http1.context import Limits
from evloop.http1.framing import split_head
from evloop.http1.head import (
    MAX_CONNECTION_SIZE,
    MAX_FIELDS,
    parse_head,
)
from evloop.http1.writer import Answer, write
from evloop.net.reactor import Reactor
from evloop.site.clock import Clock
from evloop.site.negotiator import Negotiator
from evloop.site.prepared import PreparedResponses
from evloop.site.site import Site, SiteSettings

LIMIT = 15.0
"""No head may cost more than so many plain ones: eight of a whole server, where a plain one
takes nearly twice the time, since the event loop has its part. A head that aims at one piece
takes eight here at most, and one with as much of everything as is read takes twelve."""

HEAD_SIZE = Limits().max_head_size
_ROUNDS = 60  # of which the quickest counts
_FILE_SIZE = 4 * 1024

Ask = Callable[[bytes], Answer]
"""Answers what was received."""


def plain(number: int) -> bytes:
    """Return the head of a browser. The *number* keeps its route from being remembered."""
    fields = "".join(f"{name}: {value}\r\n" for name, value in BROWSER_FIELDS)
    return f"GET /page.html?{number} HTTP/1.1\r\nHost: files.test\r\n{fields}\r\n".encode()


def _filled(before: str, unit: str, after: str) -> bytes:
    """Return a head of at most HEAD_SIZE bytes with *unit* as often as there is room."""
    room = HEAD_SIZE - len(before) - len(after) - 4
    return f"{before}{unit * (room // len(unit))}{after}\r\n\r\n".encode("latin-1")


def _target(before: str, unit: str, after: str = "", fields: str = "") -> bytes:
    return _filled(f"GET {before}", unit, f"{after} HTTP/1.1\r\nHost: a{fields}")


def _field(name: str, unit: str, after: str = "", target: str = "/page.html") -> bytes:
    return _filled(f"GET {target} HTTP/1.1\r\nHost: a\r\n{name}", unit, after)


def _host(unit: str, after: str = "", before: str = "") -> bytes:
    return _filled(f"GET / HTTP/1.1\r\nHost: {before}", unit, after)


_RANGES = ",".join(f"{9 * n}-{9 * n}" for n in range(MAX_SPECS))
_ALIKE = ",".join([f"{0:0200}-"] * MAX_SPECS)
_PARTS = ",".join(f"{9 * n}-{9 * n}" for n in range(MAX_PARTS))
_CODINGS = ",".join(["br;q=0.999"] * MAX_CODINGS)
_WEIGHTS = ",".join(["sha-256=0"] * 25)  # 249 bytes
_DEEP = "/a" * (MAX_SEGMENTS - 1)
# As much of everything as is read, in one head.
_ALL = "\r\n".join(
    [
        "GET " + "/%2e" * (MAX_SEGMENTS - 1) + "/{} HTTP/1.1",
        "Host: " + "%61" * MAX_HOST_ESCAPES,
        "Connection: " + "a," * (MAX_CONNECTION_SIZE // 2),
        "Accept: text/html" + ";" * (MAX_ACCEPT_SIZE - len("text/html")),
        f"Range: bytes={_RANGES}",
        "If-None-Match: " + 'W/"a",' * MAX_TAGS,
        "Content-Length: " + "0" * 1000,
        f"Accept-Encoding: {_CODINGS}",
        *["Accept:"] * (MAX_READ_FIELDS - 7),
        *["A:"] * (MAX_FIELDS - MAX_READ_FIELDS - 2),
        "X: ",
    ]
)

HEADS: dict[str, bytes] = {
    "dot segments to a file": _target("/", "%2e/", "page.html"),
    "dot segments to a redirect": _target("/", "%2e/", "sub"),
    "dot segments, path of 4096 bytes": b"GET " + b"/." * 2047 + b"/ HTTP/1.1\r\nHost: a\r\n\r\n",
    "as many dot segments as are read": _target("/%2e" * (MAX_SEGMENTS - 1) + "/sub?", "a"),
    "steps up and down": _target("/", "a/%2e%2e/"),
    "one-letter segments": _target("/", "a/"),
    "as many segments as are read": _target(f"{_DEEP}?", "a"),
    "slashes": _target("/", "/", "page.html"),
    "an escaped name": _target("/", "%61"),
    "an escaped path of 4096 bytes": b"GET /" + b"%61" * 4095 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
    "escapes, the last one broken": _target("/", "%25", "%"),
    "escapes, the last one a slash": _target("/", "%25", "%2f"),
    "backslashes": _target("/", "\\"),
    "a long query to a redirect": _target("/sub?", "%25"),
    "a fragment at the end": _target("/page.html?", "a", "#"),
    "an authority": _target("http://", "a", "/page.html"),
    "an authority, user at the end": _target("http://", "a", "@"),
    "one tag without an end": _field('If-None-Match: "', "a"),
    "quotes, If-None-Match": _field("If-None-Match: ", '"'),
    "tags, If-None-Match": _field("If-None-Match: ", 'W/"a",'),
    "tag prefixes": _field("If-None-Match: ", "W/"),
    "quotes, If-Match": _field("If-Match: ", '"'),
    "tags, If-Match": _field("If-Match: ", '"a",'),
    "a date": _field("If-Modified-Since: ", "Sun, 06 Nov 1994 08:49:37 GMT"),
    "a date and a range": _field("Range: bytes=0-9\r\nIf-Range: ", "Sun, 06 Nov 1994 08:49:37 GMT"),
    "connection options": _field("Connection: ", "a,"),
    "connection commas": _field("Connection: ", ","),
    "Accept commas": _field("Accept: ", ",", target="/nothing"),
    "Accept parameters": _field("Accept: text/html", ";q=0.0001", target="/nothing"),
    "codings": _field("Accept-Encoding: ", "gzip;q=0.5,"),
    "codings, as many as are read": _field(f"Accept-Encoding: {_CODINGS}\r\nX: ", "a"),
    "weights of digests": _field("Want-Repr-Digest: ", "sha-256=0,"),
    "weights of digests, as many as are read": _field(f"Want-Repr-Digest: {_WEIGHTS}\r\nX: ", "a"),
    "ranges, all alike": _field("Range: bytes=0-0", ",0-0"),
    "ranges, commas": _field("Range: bytes=", ",", "0-0"),
    "ranges, as many as are read": _field(f"Range: bytes={_RANGES}\r\nX: ", "a"),
    "ranges, as many as are merged": _field(f"Range: bytes={_ALIKE}", " "),
    "ranges, as many as are sent": _field(f"Range: bytes={_PARTS}\r\nX: ", "a"),
    "ranges, digits": _field("Range: bytes=0-", "9"),
    "ranges, blanks": _field("Range: bytes=0-", " ", "x"),
    "a host of escapes": _host("%61"),
    "a host of escapes, then a space": _host("%61", " x"),
    "a host of letters, then a space": _host("a", " x"),
    "a host of colons": _host(":", before="["),
    "a length of zeros": _field("Content-Length: ", "0"),
    "field lines, too many": _field("", "A:\r\n", "A:"),
    "field lines, no colon": _field("", "A\r\n", "A"),
    "field lines of one list": _field("", "Accept:" + "a," * 260 + "\r\n", "A: a", "/nothing"),
    "line feeds": _field("X: ", "\n"),
    "carriage returns": _field("X: ", "\r"),
    "a blank field": _field("Accept:", "\t "),
    "blanks before the target": _filled("GET", " ", "/ HTTP/1.1\r\nHost: a"),
    "blanks before the version": _filled("GET /", " ", "HTTP/1.1\r\nHost: a"),
    "all of it, served": _filled(_ALL.format("page.html"), "a", ""),
    "all of it, redirected": _filled(_ALL.format("sub"), "a", ""),
    "all of it, missing": _filled(_ALL.format("%61" * 255), "a", ""),
    "an unknown method": _filled("", "A", " / HTTP/1.1\r\nHost: a"),
    "an unknown method with fields": _filled("FOO / HTTP/1.1\r\nHost: a", "\r\nA:" + "b" * 160, ""),
    "no HTTP": _filled("\x16", "\x03", ""),
    "versions": _filled("GET /", " HTTP/1.1", ""),
    "empty lines in front": _filled("", "\r\n", "GET / HTTP/1.1\r\nHost: a"),
    "a missing file": b"GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n",
}
"""Each head by its name."""


@contextmanager
def open_site() -> Iterator[Ask]:
    """Yield what answers a head, from a site in a temporary directory."""
    with tempfile.TemporaryDirectory(prefix="evloop-heads-") as directory:
        for name in ("index.html", "page.html", "page.html.br", "sub/index.html"):
            path = Path(directory, name)
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(b"x" * _FILE_SIZE)
        root = Root(directory)
        reader = Reader()
        reactor = Reactor()
        cache = Cache(root, reader, CacheSettings(revalidate=1e9), call_at=reactor.call_at)
        negotiator = Negotiator(Variants(root, reader, cache, lambda path, fault: None))
        site = Site(
            cache, reader, Clock(), SiteSettings(), PreparedResponses(), negotiator=negotiator
        )
        turns = count()
        try:
            yield lambda head: _answer(site, head, turns)
        finally:
            cache.close()
            root.close()
            reactor.close()


def _answer(site: Site, received: bytes, turns: Iterator[int]) -> Answer:
    request: Request | None = None
    now = 0.0
    try:
        head, _ = split_head(received, 0, HEAD_SIZE)
        request = parse_head(head)
        while not isinstance(response := site.respond(request, now), Response):
            now = next(turns) / 1000  # the file is on its way into memory
    except RequestError as error:
        response = site.refuse(error, request, now)
    if response.body is not None:
        response.body.close()
    return write(response, request)


def measure(
    ask: Ask, client: socket.socket, server: socket.socket, heads: Iterable[bytes]
) -> float:
    """Return the seconds that the server's side of the quickest of *heads* takes."""
    best = float("inf")
    for head in heads:
        client.sendall(head)
        before = time.perf_counter()
        answer = ask(server.recv(HEAD_SIZE + 1))
        server.sendmsg(answer.buffers or (answer.head,))
        best = min(best, time.perf_counter() - before)
        client.recv(2 * HEAD_SIZE)
    return best


def costs() -> Iterator[tuple[float, float, int, str]]:
    """Yield ratio, seconds, status and name of each head."""
    client, server = _connected()
    with closing(client), closing(server), open_site() as ask:
        ask(plain(0))  # from now on the file is in memory
        for name, head in HEADS.items():
            unit = measure(ask, client, server, map(plain, range(_ROUNDS)))
            cost = measure(ask, client, server, [head] * _ROUNDS)
            yield cost / unit, cost, ask(head).status, name


def _connected() -> tuple[socket.socket, socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = socket.create_connection(listener.getsockname())
        server, _ = listener.accept()
    server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return client, server


def main() -> int:
    """Print the cost of each head; return the exit code."""
    ranking = sorted(costs(), reverse=True)
    for ratio, cost, status, name in ranking:
        print(f"{ratio:6.1f} x  {cost * 1e6:6.0f} us  {status}  {name}")
    return int(ranking[0][0] > LIMIT)


if __name__ == "__main__":
    sys.exit(main())
