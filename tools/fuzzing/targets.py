"""What is fuzzed: each target takes any bytes, and raises when a promise is broken.

The promise is always the same: whatever comes is answered or refused as HTTP, never with
another exception, never out of bounds, and never twice.
"""

import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from itertools import count, pairwise
from pathlib import Path

from evloop.files.cache import Cache, CacheSettings
from evloop.files.reader import Reader
from evloop.files.root import Root
from evloop.http.conditional import Validators, Verdict, evaluate, range_applies
from evloop.http.dates import format_date, parse_date
from evloop.http.fields import MAX_TAGS, accepts_html, tokens
from evloop.http.negotiation import IDENTITY, choose, parse_accept_encoding
from evloop.http.ranges import MAX_PARTS, UnsatisfiableRangeError, parse_ranges
from evloop.http.request import Request, RequestError
from evloop.http.response import Body, Response
from evloop.http1.context import Limits
from evloop.http1.head import MAX_FIELDS, is_hopeless, parse_head
from evloop.http1.states import FINAL
from evloop.http1.writer import Answer, write
from evloop.site.clock import Clock
from evloop.site.prepared import PreparedResponses
from evloop.site.settings import SiteSettings
from evloop.site.site import Site
from fuzzing.access import open_access, run_htpasswd
from fuzzing.http2_targets import run_hpack, run_http2
from fuzzing.rules import open_rules
from fuzzing.selection import run_negotiation, run_query
from fuzzing.stage import call_never, expect
from fuzzing.walk import Walk

Run = Callable[[bytes], None]

_HEAD_END = b"\r\n\r\n"
_NAME = re.compile(rb"[!#$%&'*+.^_`|~0-9a-z-]+")
_CONTROLS = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_NOW = 1_767_225_600
_VALIDATORS = (Validators(b'"v1"', 784_111_777), Validators(b'"v1"', None))

# Byte by byte takes its time.
_MAX_CUT_SIZE = 1024

MAX_HEAD_SIZE = 400
"""Bytes of a request head in the targets that have connections: so that limits are met."""


# head: one request head


def run_head(data: bytes) -> None:
    """Parse *data* up to its first empty line as a request head."""
    head = data.lstrip(b"\r\n").partition(_HEAD_END)[0] + _HEAD_END
    try:
        request = parse_head(head)
    except RequestError as refusal:
        expect(refusal.status in {400, 431, 501, 505}, f"refused with {refusal.status}")
        return
    expect(not is_hopeless(head), "what can't be a request became one")
    expect(not any(is_hopeless(head[:size]) for size in range(1, 40)), "its beginning was hopeless")
    _expect_sound(request)


def _expect_sound(request: Request) -> None:
    fields = request.fields
    expect(len(fields) <= MAX_FIELDS, "too many fields")
    expect(b"host" in fields or not request.is_http_11, "no Host")
    expect(b" " not in request.target, "a space in the target")
    expect(not _CONTROLS.search(request.target), "a control byte in the target")
    for name, value in fields.items():
        expect(bool(_NAME.fullmatch(name)), f"the name {name!r}")
        expect(not _CONTROLS.search(value), f"a control byte in {name!r}")
        joined = b", " in value
        expect(joined or value == value.strip(b" \t"), f"blanks around {name!r}")
    has_body = (
        request.method == b"CONNECT"
        or b"transfer-encoding" in fields
        or fields.get(b"content-length", b"0").strip(b"0") != b""
    )
    expect(has_body == request.has_body, "a body that is not announced, or the other way")


# ranges: the size of a file in two bytes, then the value of a Range field


def run_ranges(data: bytes) -> None:
    """Select ranges in a file of the size that the first two bytes say."""
    size = int.from_bytes(data[:2], "big")
    for value in (data[2:], b"bytes=" + data[2:]):
        try:
            selected = parse_ranges(value, size)
        except UnsatisfiableRangeError:
            continue
        if selected is not None:
            expect(0 < len(selected) <= MAX_PARTS, "the count of parts")
            ordered = sorted(selected, key=lambda part: part.start)
            expect(all(0 <= part.start < part.stop <= size for part in ordered), "out of bounds")
            expect(all(a.stop < b.start for a, b in pairwise(ordered)), "parts that touch")


# conditional: the field lines of a request


_SIZES = {IDENTITY: 9, b"zstd": 3, b"br": 3, b"gzip": 4}  # bytes by coding


def run_conditional(data: bytes) -> None:
    """Evaluate preconditions, dates and lists in field lines."""
    lines = (line.partition(b":") for line in data.split(b"\n"))
    fields = {name.strip().lower(): value.strip() for name, _, value in lines}
    for validators in _VALIDATORS:
        _evaluate(fields, validators)
        applies = range_applies(fields.get(b"if-range"), validators.etag)
        expect(applies in {True, False}, "unsure")
    for value in fields.values():
        tokens(value)
        accepts_html(value)
        coding = choose(parse_accept_encoding(value), _SIZES)
        expect(coding in _SIZES, "a coding that is not there")
        seconds = parse_date(value, _NOW)
        if seconds is not None:
            expect(parse_date(format_date(seconds), _NOW) == seconds, "a date that moves")


def _evaluate(fields: dict[bytes, bytes], validators: Validators) -> None:
    try:
        expect(isinstance(evaluate(fields, validators, _NOW), Verdict), "no verdict")
    except RequestError as refusal:
        tags = fields.get(b"if-match", b"").count(b'"') // 2
        expect(refusal.status == 431, f"refused with {refusal.status}")
        expect(tags > MAX_TAGS, f"refused for {tags} tags")


# path: a request target, through a real site

_INSIDE = b"inside"
_SECRET = b"SECRET"


@contextmanager
def open_path() -> Iterator[Run]:
    """Yield what asks a site in a temporary directory for a target."""
    with tempfile.TemporaryDirectory(prefix="evloop-fuzz-") as directory:
        root = Root(_make_tree(Path(directory)))
        reader = Reader()
        # All is in memory: nothing is put off, and nothing is called back.
        settings = CacheSettings(max_in_memory_size=50, revalidate=0.0)
        cache = Cache(root, reader, settings, call_at=call_never)
        clock = Clock()
        clock.until, clock.seconds, clock.date = 1e9, _NOW, format_date(_NOW)
        site = Site(cache, reader, clock, SiteSettings(), PreparedResponses())
        turns = count()
        try:
            yield lambda data: _ask(site, data, turns)
        finally:
            cache.close()
            root.close()
            expect(cache.budget.used == 0, "preloaded bytes that nobody has let go")


def _make_tree(directory: Path) -> str:
    root = directory / "root"
    for path in ("index.html", "a", "sub/a b.txt", "sub/deep/index.html", ".hidden", "\u00e4.txt"):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(_INSIDE * (1 + len(path)))
    (directory / "secret").write_bytes(_SECRET)
    (directory / "outside").mkdir()
    (directory / "outside" / "secret").write_bytes(_SECRET)
    (root / "link").symlink_to("../secret")
    (root / "sub" / "up").symlink_to("../../outside")
    (root / "round").symlink_to("sub")
    return str(root)


def _ask(site: Site, data: bytes, turns: Iterator[int]) -> None:
    target = data.partition(_HEAD_END)[0]  # where the head would end
    request = None
    try:
        request = parse_head(b"GET %b HTTP/1.1\r\nHost: a\r\n\r\n" % target)
        response = site.respond(request, next(turns))
        while not isinstance(response, Response):
            response = site.respond(request, next(turns))
    except RequestError as error:
        response = site.refuse(error, request, next(turns))
    _expect_harmless(write(response, request))


def _expect_harmless(response: Answer) -> None:
    expect(
        response.status in {200, 206, 304, 308, 400, 403, 404, 405, 412, 416, 431, 501, 505},
        f"status {response.status}",
    )
    data = b"".join(response.buffers)
    if not response.buffers:
        body = response.new_body()
        data += _first_piece(body)
        body.close()
    expect(_SECRET not in data, "bytes from outside of the root")
    head = response.head[: response.head_size]
    expect(head.count(_HEAD_END) == 1 and head.endswith(_HEAD_END), "a split head")
    location = re.search(rb"\r\nLocation: ([^\r]*)", head)
    expect(response.status != 308 or location is not None, "no Location")
    expect(location is None or location[1].startswith(b"./"), "a Location that leaves the host")


def _first_piece(body: Body) -> bytes:
    piece = body.peek()
    while isinstance(piece, float):  # the disk is busy
        piece = body.peek()
    assert isinstance(piece, bytes | memoryview)
    return bytes(piece)


# cuts: what a client sends; the answers do not depend on how it was cut


def run_cuts(data: bytes) -> None:
    """Send *data* whole, byte by byte, and in two pieces."""
    data = data[:_MAX_CUT_SIZE]
    whole = _answers(data, None)
    expect(_answers(data, 1) == whole, "byte by byte it is answered in another way")
    expect(_answers(data, len(data) // 2 + 1) == whole, "in two pieces it is answered differently")


def _answers(data: bytes, step: int | None) -> tuple[bytes, str]:
    walk = Walk(limits=Limits(max_head_size=MAX_HEAD_SIZE), logs=False)
    walk.exchange(data, step)
    outcome = (bytes(walk.got), walk.state.name)
    walk.end()
    return outcome


# protocol: a schedule, a vertical bar, and what the client sends

STIMULI: dict[int, Callable[[Walk], object]] = {
    ord("r"): Walk.receive,
    ord("b"): lambda walk: walk.receive(1),
    ord("h"): lambda walk: walk.receive(30),
    ord("s"): Walk.send,
    ord("o"): lambda walk: walk.send(1),
    ord("p"): lambda walk: walk.send(700),
    ord("z"): lambda walk: walk.send(0),
    ord("d"): Walk.drain,
    ord("e"): Walk.expire,
    ord("x"): Walk.receive_eof,
    ord("f"): Walk.finish,
    ord("a"): Walk.lose,
    ord("y"): Walk.refuse,
}
"""The letters of a schedule; any other byte lets the clock go on by so many seconds."""


def run_protocol(data: bytes) -> None:
    """Bring what the client sends through a connection, in the order of a schedule."""
    schedule, _, wire = data.partition(b"|")
    walk = Walk(limits=Limits(max_head_size=MAX_HEAD_SIZE, min_rate=50, min_rate_grace=60.0))
    walk.write(wire)
    for letter in schedule:
        stimulus = STIMULI.get(letter)
        if stimulus is not None:
            stimulus(walk)
        else:
            walk.now += letter
    if walk.state not in FINAL:
        walk.exchange(b"")
    walk.end()


@contextmanager
def open_target(name: str) -> Iterator[Run]:
    """Yield what runs the target *name* once, on any bytes."""
    if name in OPENED:
        with OPENED[name]() as run:
            yield run
    else:
        yield RUNS[name]


RUNS: dict[str, Run] = {
    "head": run_head,
    "ranges": run_ranges,
    "conditional": run_conditional,
    "cuts": run_cuts,
    "protocol": run_protocol,
    "http2": run_http2,
    "hpack": run_hpack,
    "htpasswd": run_htpasswd,
    "negotiation": run_negotiation,
    "query": run_query,
}
OPENED: dict[str, Callable[[], AbstractContextManager[Run]]] = {
    "path": open_path,
    "access": open_access,
    "rules": open_rules,
}

TARGETS = (*RUNS, *OPENED)
