"""The target of `_headers` and `_redirects`: any text, and requests to a site that has it."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path

from evloop.files.cache import Cache, CacheSettings
from evloop.files.reader import Reader
from evloop.files.root import Root
from evloop.http.head_fields import field_pattern
from evloop.http.request import Request, RequestError
from evloop.http.response import Response
from evloop.http1.head import parse_head
from evloop.http1.writer import write
from evloop.site.clock import Clock
from evloop.site.errorpages import ErrorPages
from evloop.site.prepared import PreparedResponses
from evloop.site.rules.dialect import CLOUDFLARE, NETLIFY
from evloop.site.rules.headers import PROTECTED, parse_headers
from evloop.site.rules.index import PathIndex
from evloop.site.rules.model import RuleError
from evloop.site.rules.redirects import parse_redirects
from evloop.site.settings import SiteSettings
from evloop.site.site import Site
from evloop.site.siterules import RULE_FILES, SiteRules
from fuzzing.stage import call_never, expect

Run = Callable[[bytes], None]

_FIELDS = field_pattern(b"sec-fetch-mode")
_FILES = ("index.html", "a", "b.html", "sub/index.html", "sub/a b.txt", "app.html", "404.html")
_SECRET = b"SECRET"
_STATUSES = frozenset({200, 206, 301, 302, 303, 304, 307, 308, 400, 404, 410, 412, 414, 416, 451})
_STATUSES |= {431, 501, 505}
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


@contextmanager
def open_rules() -> Iterator[Run]:
    """Yield what gives rules to a site in a temporary directory, and asks it.

    An input is the dialect (its first byte), `_redirects`, `_headers`, a target and field lines,
    with zero bytes between them.
    """
    with tempfile.TemporaryDirectory(prefix="evloop-fuzz-") as directory, ExitStack() as opened:
        for name in _FILES:
            path = Path(directory, "root", name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"inside " + name.encode())
        for name in ("secret", "root/.env", *(f"root/{each.decode()}" for each in RULE_FILES)):
            Path(directory, name).write_bytes(_SECRET)
        root = Root(str(Path(directory, "root")))
        opened.callback(root.close)
        cache = Cache(root, Reader(), CacheSettings(revalidate=1e9), call_at=call_never)
        opened.callback(cache.close)
        turns = count()
        yield lambda data: _run(cache, data, turns)


def _run(cache: Cache, data: bytes, turns: Iterator[int]) -> None:
    parts = [*data[1:].split(b"\0", 3), b"", b"", b"", b""]
    redirects, headers, target, lines = parts[:4]
    dialect = CLOUDFLARE if data[:1] > b"\x7f" else NETLIFY
    rules = SiteRules(cache, dialect, clean_urls=True)
    rules.check_at = float("inf")
    try:
        rules.redirects, _ = parse_redirects(redirects, dialect, clean_urls=True)
        rules.headers, _ = parse_headers(headers, dialect)
    except RuleError as error:
        expect(str(error).partition(": ")[0].startswith(("_headers:", "_redirects:")), "no line")
        return
    settings = SiteSettings(clean_urls=True, fallback=b"app.html", unserved=RULE_FILES)
    pages = ErrorPages(cache, hidden=False)
    prepared = PreparedResponses()
    site = Site(
        cache, Reader(), Clock(), settings, prepared, rules=rules, error_pages=pages
    )  # fmt: skip
    head = b"GET %b HTTP/1.1\r\nHost: a\r\n%b\r\n\r\n" % (target, lines.partition(b"\r\n\r\n")[0])
    _ask(site, head, turns, redirects)
    _expect_bounded(rules.redirects.index)
    _expect_bounded(rules.headers.index)


def _expect_bounded(index: PathIndex) -> None:
    expect(index.steps <= 3 * index.size, "a match that takes long")


def _ask(site: Site, head: bytes, turns: Iterator[int], redirects: bytes) -> None:
    request: Request | None = None
    try:
        request = parse_head(head, _FIELDS)
        response = site.respond(request, next(turns))
        while not isinstance(response, Response):
            response = site.respond(request, next(turns))
    except RequestError as error:
        response = site.refuse(error, request, next(turns))
    expect(response.status in _STATUSES, f"status {response.status}")
    answer = write(response, request)  # a line break in a field raises
    names = [name.lower() for name, _ in response.fields if name.lower() in PROTECTED]
    expect(len(names) == len(set(names)), "a field of the server's twice")
    location = dict(response.fields).get(b"Location")
    expect((location is not None) == (response.status in _REDIRECTS), "a redirect to nowhere")
    if location is not None:
        _expect_own(location, redirects)
    if not answer.buffers:
        body = answer.new_body()
        piece = body.peek()
        expect(isinstance(piece, bytes | memoryview) and _SECRET not in bytes(piece), "a secret")
        body.close()
    expect(all(_SECRET not in bytes(each) for each in answer.buffers), "a secret")


def _expect_own(location: bytes, redirects: bytes) -> None:
    """Expect that *location* names another host only if a rule does."""
    expect(not {*location} - {*range(0x21, 0x7F)}, f"{location!r} is no address")
    if location.startswith((b"http://", b"https://")):
        host = b"/".join(location.split(b"/", 3)[:3]).partition(b"?")[0].partition(b"#")[0]
        expect(host in redirects, f"{host!r} is of nobody")
    else:
        expect(location.startswith((b"/", b"./", b"../")), f"{location!r} is relative")
        expect(not location.startswith((b"//", b"/\\")), f"{location!r} leads away")
