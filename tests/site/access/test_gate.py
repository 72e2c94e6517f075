"""Who may come in: without a socket, on a clock that is a number, with checks on demand."""

from base64 import b64encode
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from evloop.files.cache import CacheSettings
from evloop.http.basic import CHALLENGE
from evloop.http.head_fields import field_pattern
from evloop.http.request import Request, RequestError
from evloop.http.response import Response
from evloop.http1.answering import Wait, answer, answer_request
from evloop.http1.context import Context, Limits
from evloop.http1.head import parse_head
from evloop.http1.headcache import HeadCache
from evloop.http1.writer import Answer
from evloop.observe.metrics import Metrics
from evloop.site.access.checker import Check, Checker
from evloop.site.access.failures import MAX_DELAY, MAX_WAIT
from evloop.site.access.gate import MAX_CHECKS_PER_ADDRESS, Gate
from evloop.site.access.htpasswd import PasswordFile
from evloop.site.access.remembered import LIFETIME, Remembered
from evloop.site.access.sizes import MAX_CHECKS
from evloop.site.prepared import PreparedResponses
from evloop.site.site import Site, SiteSettings
from tests.support.bench import Bench, later_ns, write
from tests.support.client import request

RIGHT = {b"anna": b"secret", b"bob": b"geheim"}
FIELDS = field_pattern(b"authorization")
HASHES = {user: b"$5$%b$" % user + b"a" * 43 for user in RIGHT}


def fields(user: str, password: str) -> str:
    return f"Authorization: Basic {b64encode(f'{user}:{password}'.encode()).decode()}"


class OnDemand(Checker):
    """Checks what it was given when it is told to, by RIGHT."""

    def __init__(self) -> None:
        super().__init__(lambda callback: None)
        self.waiting: list[tuple[Check, Callable[[Check, bool, float], None]]] = []
        self.checked: list[bytes] = []

    def check(self, check: Check, done: Callable[[Check, bool, float], None]) -> None:
        self.waiting.append((check, done))

    def run(self, now: float) -> None:
        waiting, self.waiting = self.waiting, []
        for check, done in waiting:
            self.checked.append(check.stored)
            user = next(user for user, stored in HASHES.items() if stored == check.stored)
            done(check, check.password == RIGHT[user], now)


class Door:
    """A site with passwords, asked as a connection would ask it; a second is never over."""

    def __init__(self, bench: Bench, path: Path, revalidate: float = 1.0) -> None:
        self.bench = bench
        self.path = path
        self.write_users(*RIGHT)
        self.remembered = Remembered()
        self.checker = OnDemand()
        file = PasswordFile(str(path), revalidate, 0.0, self.remembered.clear, later_ns)
        self.gate = Gate(file, self.remembered, self.checker, bench.clock, bench.scheduler.call_at)
        prepared = PreparedResponses()
        settings = SiteSettings()
        self.site = Site(bench.cache, bench.reader, bench.clock, settings, prepared, gate=self.gate)
        self.head_cache = HeadCache()
        self.context = Context(self.site, Metrics(), self.head_cache, Limits(), fields=FIELDS)

    def write_users(self, *users: bytes) -> None:
        lines = [b"%b:%b\n" % (user, HASHES[user]) for user in users]
        new = self.path.with_suffix(".new")
        new.write_bytes(b"".join(lines))
        new.rename(self.path)

    def begin(
        self, target: str, field: str = "", now: float = 0.0, peer: str = "192.0.2.1"
    ) -> Answer | Wait:
        """Ask; return the answer, or what is waited for, as a connection waits."""
        self.bench.clock.until = now + 0.5
        found = answer(request(target, field), self.context, now, peer)
        if isinstance(found, Wait):
            found.subscribe(lambda now: None)
        return found

    def status(
        self, target: str, field: str = "", now: float = 0.0, peer: str = "192.0.2.1"
    ) -> int:
        """Ask, let the password be checked at once, and return the status."""
        found = self.begin(target, field, now, peer)
        if isinstance(found, Wait):
            self.bench.scheduler.run_until(now + MAX_WAIT)
            self.checker.run(now)
            assert found.request is not None
            found = answer_request(found.request, found.head, self.context, now)
        assert isinstance(found, Answer)
        return found.status


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Door]:
    root = tmp_path / "root"
    write(root / "index.html", b"<h1>inside</h1>")
    write(root / ".well-known/acme-challenge/token", b"token")
    write(root / ".well-known/security.txt", b"known")
    write(root / "sub/index.html", b"sub")
    with Bench(root, CacheSettings(revalidate=1e6)) as bench:
        yield Door(bench, tmp_path / "users")


class TestWho:
    def test_without_a_password_there_is_a_challenge(self, door: Door) -> None:
        found = door.begin("/")
        assert isinstance(found, Answer)
        assert found.status == 401
        assert b"\r\n%b: %b\r\n" % CHALLENGE in found.head
        assert b'charset="UTF-8"' in found.head
        assert b"\r\nCache-Control: no-store\r\n" in found.head

    @pytest.mark.parametrize(
        ("field", "status"),
        [
            (fields("anna", "secret"), 200),
            (fields("bob", "geheim"), 200),
            (fields("anna", "geheim"), 401),
            (fields("anna", ""), 401),
            (fields("", ""), 401),
            (fields("Anna", "secret"), 401),
            (fields("nobody", "secret"), 401),
            (fields("nobody", "geheim"), 401),
            ("Authorization: Bearer x", 401),
            (fields("anna", "secret") + "\n" + fields("anna", "secret"), 401),
            ("Authorization: " + "x" * 12_000, 401),
        ],
    )
    def test_the_right_one_comes_in(self, door: Door, field: str, status: int) -> None:
        assert door.status("/", field) == status

    def test_an_unknown_user_is_wrong_whatever_hash_was_checked(self, door: Door) -> None:
        # Each gets somebody's hash; the password that fits it does not let him in.
        for number in range(20):
            for password in ("secret", "geheim"):
                field = fields(f"nobody{number}", password)
                assert door.status("/", field, peer=f"192.0.2.{number}") == 401
        assert set(door.checker.checked) == set(HASHES.values())

    @pytest.mark.parametrize("target", ["/", "/missing", "/sub", "/.well-known/security.txt"])
    def test_everything_is_behind_it(self, door: Door, target: str) -> None:
        assert door.status(target) == 401
        assert door.status(target, fields("anna", "secret")) in {200, 308, 404}

    @pytest.mark.parametrize(
        ("target", "status"),
        [
            ("/.well-known/acme-challenge/token", 200),
            ("/%2Ewell-known/acme-challenge/token", 200),
            ("/.well-known/acme-challenge/missing", 404),
            ("/.well-known/acme-challenge/../security.txt", 401),
            ("/.well-known/acme-challenge/%2e%2e/security.txt", 401),
            ("/.well-known/acme-challenge/../../index.html", 401),
            ("/.well-known/acme-challenge", 401),
            ("/.well-known/acme-challengex", 401),
            ("/x/.well-known/acme-challenge/token", 404),  # a hidden name, for everybody
        ],
    )
    def test_but_for_the_challenges_of_certificates(
        self, door: Door, target: str, status: int
    ) -> None:
        assert door.status(target) == status

    @pytest.mark.parametrize("method", ["OPTIONS", "POST"])
    def test_what_touches_no_file_needs_no_password(self, door: Door, method: str) -> None:
        found = answer(request("/", method=method), door.context, 0.0)
        assert isinstance(found, Answer)
        assert found.status == {"OPTIONS": 204, "POST": 405}[method]


class TestChecks:
    def test_one_check_is_for_all_who_ask_the_same(self, door: Door) -> None:
        for _ in range(100):
            assert isinstance(door.begin("/", fields("anna", "secret")), Wait)
        assert len(door.checker.waiting) == 1

    def test_what_was_right_is_not_checked_again(self, door: Door) -> None:
        assert door.status("/", fields("anna", "secret")) == 200
        assert door.status("/sub/", fields("anna", "secret"), now=LIFETIME - 1) == 200
        assert len(door.checker.checked) == 1
        # The five minutes would be over before the second is: it is checked again.
        assert isinstance(door.begin("/sub/", fields("anna", "secret"), LIFETIME - 0.4), Wait)

    def test_what_was_wrong_is_checked_each_time(self, door: Door) -> None:
        for now in (0.0, 10.0, 20.0):
            assert door.status("/", fields("anna", "wrong"), now) == 401
        assert len(door.checker.checked) == 3

    def test_no_more_than_so_many_are_checked_at_once(self, door: Door) -> None:
        for number in range(MAX_CHECKS):
            peer = f"192.0.2.{number}"
            assert isinstance(door.begin("/", fields("anna", str(number)), peer=peer), Wait)
        found = door.begin("/", fields("bob", "geheim"), peer="198.51.100.1")
        assert isinstance(found, Answer)
        assert found.status == 503
        assert b"\r\nRetry-After: 1\r\n" in found.head
        # Who asks for what is checked already takes no place.
        assert isinstance(door.begin("/", fields("anna", "1"), peer="198.51.100.1"), Wait)
        door.checker.run(0.0)
        assert door.status("/", fields("bob", "geheim"), peer="198.51.100.1") == 200

    def test_one_address_does_not_take_all_places(self, door: Door) -> None:
        for number in range(MAX_CHECKS_PER_ADDRESS):
            assert isinstance(door.begin("/", fields("anna", str(number))), Wait)
        found = door.begin("/", fields("anna", "one more"))
        assert isinstance(found, Answer)
        assert found.status == 503
        assert isinstance(door.begin("/", fields("anna", "x"), peer="198.51.100.1"), Wait)

    def test_a_password_over_72_bytes_is_wrong_and_costs_no_check(self, door: Door) -> None:
        assert door.status("/", fields("anna", "x" * 73)) == 401
        assert not door.checker.checked
        assert isinstance(door.begin("/", fields("anna", "x" * 72), peer="198.51.100.1"), Wait)
        assert door.begin("/", fields("anna", "y"), peer="192.0.2.1")
        assert len(door.checker.waiting) == 1  # the other one waits for its turn


class TestGuessing:
    def test_failures_delay_the_next_try_and_nobody_elses(self, door: Door) -> None:
        assert door.status("/", fields("anna", "wrong")) == 401
        assert isinstance(door.begin("/", fields("anna", "secret")), Wait)
        assert not door.checker.waiting
        door.bench.scheduler.run_until(0.24)
        assert not door.checker.waiting
        door.bench.scheduler.run_until(0.25)
        assert len(door.checker.waiting) == 1
        assert isinstance(door.begin("/", fields("bob", "geheim"), peer="198.51.100.1"), Wait)
        assert len(door.checker.waiting) == 2

    def test_who_is_known_does_not_wait(self, door: Door) -> None:
        assert door.status("/", fields("anna", "secret")) == 200
        for now in (10.0, 20.0):
            assert door.status("/", fields("anna", "wrong"), now) == 401
        assert isinstance(door.begin("/", fields("anna", "secret"), 20.0), Answer)

    def test_too_many_at_once_are_told_to_come_again(self, door: Door) -> None:
        for now in (0.0, 10.0, 20.0, 30.0, 40.0):
            assert door.status("/", fields("anna", "wrong"), now) == 401
        assert isinstance(door.begin("/", fields("anna", "1"), 40.0), Wait)
        found = door.begin("/", fields("anna", "2"), 40.0)
        assert isinstance(found, Answer)
        assert found.status == 429
        assert b"\r\nRetry-After: %d\r\n" % MAX_DELAY in found.head

    def test_who_goes_away_while_it_waits_is_not_checked(self, door: Door) -> None:
        assert door.status("/", fields("anna", "wrong")) == 401
        found = door.begin("/", fields("anna", "again"))
        assert isinstance(found, Wait)
        found.cancel()
        door.bench.scheduler.run_until(10.0)
        assert not door.checker.waiting
        assert not door.gate._running
        assert not door.gate._of_address


class TestHeadCache:
    """An answer that is remembered for its bytes is one for who may have it now."""

    def test_it_is_for_the_same_credentials(self, door: Door) -> None:
        assert door.status("/", fields("anna", "secret")) == 200
        assert door.head_cache.recall(request("/", fields("anna", "secret")), 0.1) is not None
        assert door.head_cache.recall(request("/", fields("anna", "wrong")), 0.1) is None
        assert door.head_cache.recall(request("/"), 0.1) is None
        assert door.status("/") == 401

    @pytest.mark.parametrize("revalidate", [0.0, 0.2, 1.0])
    def test_it_is_no_older_than_what_was_read_of_the_file(
        self, door: Door, revalidate: float, tmp_path: Path
    ) -> None:
        other = Door(door.bench, tmp_path / "others", revalidate)
        other.bench.clock.until = 1e9
        head = request("/", fields("anna", "secret"))
        for begin in (0.0, 100.0):
            other.write_users(*RIGHT)
            assert other.status("/", fields("anna", "secret"), begin) == 200
            other.write_users(b"bob")
            if revalidate:
                assert other.head_cache.recall(head, begin + min(revalidate, 0.5) * 0.9)
            assert other.head_cache.recall(head, begin + revalidate) is None
            assert other.status("/", fields("anna", "secret"), begin + revalidate) == 401

    def test_a_shared_response_is_no_older_for_another_user(self, door: Door) -> None:
        assert door.status("/", fields("anna", "secret")) == 200  # looked at the file at 0.0
        assert door.status("/", fields("bob", "geheim"), 0.9) == 200
        assert door.head_cache.recall(request("/", fields("bob", "geheim")), 1.0) is None

    def test_it_does_not_outlive_the_five_minutes(self, door: Door) -> None:
        head = request("/", fields("anna", "secret"))
        assert door.status("/", fields("anna", "secret")) == 200
        now = 0.0
        while isinstance(found := door.begin("/", fields("anna", "secret"), now), Answer):
            assert found.fresh_until <= LIFETIME
            now += 0.1
        assert LIFETIME - 1.0 < now <= LIFETIME
        assert door.head_cache.recall(head, LIFETIME) is None

    def test_a_changed_file_forgets_what_was_right(self, door: Door) -> None:
        assert door.status("/", fields("anna", "secret")) == 200
        door.write_users(b"anna")
        assert isinstance(door.begin("/", fields("anna", "secret"), 1.0), Wait)

    def test_errors_are_never_remembered(self, door: Door) -> None:
        for field in ("", fields("anna", "wrong")):
            door.status("/", field)
        assert len(door.head_cache) == 0


def test_a_file_that_is_not_in_memory_is_still_behind_it(door: Door) -> None:
    asked = parse_head(request("/", fields("anna", "secret")), FIELDS)
    door.site.respond(asked, 0.0)
    door.checker.run(0.0)
    door.write_users(b"bob")  # while the file comes into memory, say
    with pytest.raises(RequestError) as refused:
        settle(door, asked, 1.0)
    assert refused.value.status == 401


def settle(door: Door, asked: Request, now: float) -> Response:
    for _ in range(10):
        found = door.site.respond(asked, now)
        if isinstance(found, Response):
            return found
        door.checker.run(now)
    raise AssertionError("it never ends")
