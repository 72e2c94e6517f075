"""Who may come in: the stage of a request that asks for a password.

A response that was made behind it may be sent again to the same bytes of request head until
its `fresh_until` (http1/headcache.py), without being asked for here. That is sound because

- the name and the password are part of those bytes;
- no response is fresh beyond the end of the second of its Date, and a password that was right is
  good here only if it is good until then (Remembered.holds);
- no response is fresh longer than what was read of the file (Gate.fresh_until), and each look
  at the file makes what was answered before it stale.
"""

from collections import Counter
from collections.abc import Callable
from math import ceil

from evloop.http.basic import CHALLENGE, Credentials, parse_basic
from evloop.http.request import Request, RequestError
from evloop.http.responder import Pending
from evloop.site.access.checker import Check, Checker
from evloop.site.access.failures import MAX_WAIT, Failures
from evloop.site.access.hashes import MAX_PASSWORD_SIZE
from evloop.site.access.htpasswd import PasswordFile
from evloop.site.access.remembered import Remembered
from evloop.site.access.sizes import MAX_CHECKS
from evloop.site.clock import Clock

MAX_CHECKS_PER_ADDRESS = 8
"""Of them, those that came from one address: a browser has six connections with one password."""

# Let's Encrypt and others ask there without a password (RFC 8555 section 8.3).
_OPEN_TO_ALL = b".well-known/acme-challenge/"

CallAt = Callable[[float, Callable[[float], None]], object]


class Gate:
    """Lets requests pass that come with a name and a password of *file*."""

    def __init__(
        self,
        file: PasswordFile,
        remembered: Remembered,
        checker: Checker,
        clock: Clock,
        call_at: CallAt,
        network: Callable[[str], str] = lambda address: address,
    ) -> None:
        self._file = file
        self._remembered = remembered
        self._checker = checker
        self._clock = clock
        self._call_at = call_at
        self._network = network  # of an address: what one client holds
        self._failures = Failures()
        self._running: dict[bytes, Check] = {}
        self._of_address: Counter[str] = Counter()

    @property
    def fresh_until(self) -> float:
        """Until when who may come in may be taken for known, on the reactor's clock."""
        return self._file.fresh_until

    def authorise(self, request: Request, path: bytes, now: float) -> Pending | None:
        """Return None when *request* may have what is at *path*; what has to come first if any.

        Raises RequestError: 401 without a right password, 429 when the address has failed too
        often, 503 when too many are being checked.
        """
        if path.startswith(_OPEN_TO_ALL):
            return None
        self._file.look(now)
        credentials = parse_basic(request.fields.get(b"authorization", b""))
        if credentials is None:
            raise _unauthorised("no password")
        stored, is_user = self._hash_of(credentials.user)
        key = self._remembered.key(*credentials, stored)
        if is_user and self._remembered.holds(key, self._clock.until):
            return None
        waited_for, request.waited_for = request.waited_for, None
        if isinstance(waited_for, Check) and waited_for.key == key and waited_for.is_right is False:
            raise _unauthorised("a wrong password")
        check = self._running.get(key)
        if check is None:
            check = self._begin(credentials, key, stored, self._network(request.peer), now)
        request.waited_for = check
        return check

    def _hash_of(self, user: bytes) -> tuple[bytes, bool]:
        """Return the hash of *user*, and whether there is one.

        An unknown user gets somebody's hash, and always the same, so that a check of it takes as
        long as that of one who may be there. What comes of it is never taken for right.
        """
        users = self._file.users
        stored = users.get(user)
        if stored is not None:
            return stored, True
        hashes = self._file.hashes
        return hashes[self._remembered.number(user, len(hashes))], False

    def _begin(
        self, credentials: Credentials, key: bytes, stored: bytes, address: str, now: float
    ) -> Check:
        if len(credentials.password) > MAX_PASSWORD_SIZE:
            self._failures.note(address, now)
            raise _unauthorised("a password that is too long")
        if len(self._running) >= MAX_CHECKS or self._of_address[address] >= MAX_CHECKS_PER_ADDRESS:
            raise RequestError(503, "too many passwords to check", (_retry_after(1.0),))
        wait = self._failures.wait(address, now)
        if wait is None:
            raise RequestError(429, "too many wrong passwords", (_retry_after(MAX_WAIT),))
        is_user = credentials.user in self._file.users
        check = Check(key, address, stored, credentials.password)
        self._running[key] = check
        self._of_address[address] += 1
        done = self._done if is_user else self._done_for_nobody
        if wait:
            self._call_at(now + wait, lambda now: self._check_if_wanted(check, done))
        else:
            self._checker.check(check, done)
        return check

    def _check_if_wanted(self, check: Check, done: Callable[[Check, bool, float], None]) -> None:
        if check.is_wanted:
            self._checker.check(check, done)
        else:
            self._forget(check)  # who has asked is gone

    def _done(self, check: Check, is_right: bool, now: float) -> None:
        self._forget(check)
        if is_right:
            self._remembered.add(check.key, now)
        else:
            self._failures.note(check.address, now)
        check.finish(now, is_right=is_right)

    def _done_for_nobody(self, check: Check, is_right: bool, now: float) -> None:
        self._done(check, False, now)

    def _forget(self, check: Check) -> None:
        del self._running[check.key]
        self._of_address[check.address] -= 1
        if not self._of_address[check.address]:
            del self._of_address[check.address]


def _unauthorised(why: str) -> RequestError:
    return RequestError(401, why, (CHALLENGE,))


def _retry_after(seconds: float) -> tuple[bytes, bytes]:
    return b"Retry-After", b"%d" % ceil(seconds)
