"""The targets of who may come in: the file of passwords, and fields of credentials and origins."""

import base64
import binascii
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NoReturn

from evloop.files.cache import Cache, CacheSettings
from evloop.files.reader import Reader
from evloop.files.root import Root
from evloop.http.basic import user_in_head
from evloop.http.head_fields import field_pattern
from evloop.http.request import Request, RequestError
from evloop.http.responder import Responder
from evloop.http.response import Response
from evloop.http1.head import parse_head
from evloop.site.access.checker import Check, Checker
from evloop.site.access.gate import Gate
from evloop.site.access.hashes import check_hash, verify
from evloop.site.access.htpasswd import HtpasswdError, PasswordFile, parse_htpasswd
from evloop.site.access.remembered import Remembered
from evloop.site.clock import Clock
from evloop.site.origins import ByOrigin, OriginFields
from evloop.site.prepared import PreparedResponses
from evloop.site.settings import SiteSettings
from evloop.site.site import Site
from fuzzing.stage import call_never, expect

Run = Callable[[bytes], None]

_ORIGINS = ("https://a.example", "http://localhost:3000")
_STEP = 10  # seconds between two requests: longer than any that a failure makes the next one wait
_FIELDS = field_pattern(b"authorization", b"origin")
_USER, _PASSWORD = b"anna", b"sesame"
_HASH = b"$apr1$sAlt12$3nVl5xZEQvGJ5gnuthmb5."
_OPEN = {200, 206, 304, 412, 416}  # what only those learn who may come in
_CLOSED = {204, 400, 401, 404, 405, 429, 431, 501, 503, 505}


# htpasswd: a file of passwords


def run_htpasswd(data: bytes) -> None:
    """Read *data* as a file of passwords."""
    try:
        users = parse_htpasswd(data)
    except HtpasswdError as error:
        expect(str(error).isprintable(), "a reason in more than one line")
        return
    for user, stored in users.items():
        expect(b":" not in user and 0 < len(user) <= 255, f"the name {user!r}")
        check_hash(stored)
        if stored.startswith((b"$apr1$", b"$2b$04$", b"$2y$04$")):  # others take their time
            expect(verify(stored, data[:8]) in {True, False}, "unsure")
    written = b"".join(b"%b:%b\n" % each for each in users.items())
    expect(parse_htpasswd(written) == users, "what was read is written and read differently")


# access: field lines of a request, through a real site with passwords and origins


class _AtOnce(Checker):
    """Knows the answer at once."""

    def __init__(self) -> None:
        super().__init__(lambda wake: None)
        self.now = 0.0

    def next_turn(self) -> float:
        """Return the time of the next request."""
        self.now += _STEP
        return self.now

    def check(self, check: Check, done: Callable[[Check, bool, float], None]) -> None:
        is_right = check.stored == _HASH and check.password == _PASSWORD
        done(check, is_right, self.now)


@contextmanager
def open_access() -> Iterator[Run]:
    """Yield what asks a site with one user and two origins, with the field lines it is given."""
    with tempfile.TemporaryDirectory(prefix="evloop-fuzz-") as directory, ExitStack() as opened:
        place = Path(directory)
        (place / "root").mkdir()
        (place / "root/index.html").write_bytes(b"inside")
        (place / "users").write_bytes(b"%b:%b\n" % (_USER, _HASH))
        root = Root(str(place / "root"))
        opened.callback(root.close)
        cache = Cache(root, Reader(), CacheSettings(revalidate=0.0), call_at=call_never)
        opened.callback(cache.close)
        checker = _AtOnce()
        responder = _responder(cache, str(place / "users"), checker)
        yield lambda data: _ask(responder, data, checker.next_turn)


def _fail(when: float, callback: Callable[[float], None]) -> NoReturn:
    raise AssertionError("nobody here has to wait for a turn")


def _responder(cache: Cache, users: str, checker: Checker) -> Responder:
    clock = Clock()
    remembered = Remembered()
    file = PasswordFile(users, 1e9, 0.0, remembered.clear)
    gate = Gate(file, remembered, checker, clock, _fail)

    def make_site(origin: OriginFields) -> Site:
        settings = SiteSettings(origin=origin)
        return Site(cache, Reader(), clock, settings, PreparedResponses(), gate=gate)

    return ByOrigin(_ORIGINS, make_site)


def _ask(responder: Responder, data: bytes, next_turn: Callable[[], float]) -> None:
    head = b"GET / HTTP/1.1\r\nHost: a\r\n%b\r\n\r\n" % data.partition(b"\r\n\r\n")[0]
    user_in_head(head)
    request: Request | None = None
    try:
        request = parse_head(head, _FIELDS)
        response = responder.respond(request, next_turn())
        while not isinstance(response, Response):
            response = responder.respond(request, next_turn())
    except RequestError as error:
        response = responder.refuse(error, request, next_turn())
    expect(response.status in _OPEN | _CLOSED, f"status {response.status}")
    if response.body is not None:
        response.body.close()
    fields = dict(response.fields)
    expect(len(fields) == len(response.fields), "a field twice")
    expect(b"Origin" in fields[b"Vary"].split(b", "), "it does not say that it depends on Origin")
    allowed = fields.get(b"Access-Control-Allow-Origin")
    origin = request.fields.get(b"origin", b"") if request is not None else b""
    is_named = origin.decode("latin-1") in _ORIGINS
    expect(allowed == (origin if is_named else None), f"{allowed!r} is allowed")
    if response.status in _OPEN:
        value = request.fields.get(b"authorization", b"") if request is not None else b""
        expect(_is_right(value), "somebody came in without the password")
        expect(user_in_head(head) == _USER, "the log has another name")


def _is_right(value: bytes) -> bool:
    """Whether *value* is what a client with the right password sends (RFC 7617 section 2)."""
    scheme, _, encoded = value.partition(b" ")
    try:
        text = base64.b64decode(encoded.strip(b" "), validate=True)
    except binascii.Error:
        return False
    return scheme.lower() == b"basic" and text == _USER + b":" + _PASSWORD
