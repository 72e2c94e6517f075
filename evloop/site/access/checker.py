"""The thread that checks passwords, and what waits for it."""

import logging
import threading
from collections.abc import Callable
from queue import SimpleQueue

from evloop.site.access.hashes import verify

Wake = Callable[[float], None]
Post = Callable[[Wake], None]
"""Has the loop call a function with the time; called from any thread."""

_log = logging.getLogger("evloop")


class Check:
    """A password that is being checked. Those who subscribe are told once when it was.

    `is_right` is None until then. `key` says what is checked, `address` who has asked first.
    """

    __slots__ = ("_wakes", "address", "is_right", "key", "password", "stored")

    def __init__(self, key: bytes, address: str, stored: bytes, password: bytes) -> None:
        self.key = key
        self.address = address
        self.stored = stored
        self.password = password
        self.is_right: bool | None = None
        self._wakes: dict[Wake, None] = {}

    def subscribe(self, wake: Wake) -> None:
        """Let *wake* be called once, from the loop, when the password was checked."""
        self._wakes[wake] = None

    def unsubscribe(self, wake: Wake) -> None:
        """Forget *wake*, if it is known."""
        self._wakes.pop(wake, None)

    @property
    def is_wanted(self) -> bool:
        """Whether anybody waits for it."""
        return bool(self._wakes)

    def finish(self, now: float, *, is_right: bool) -> None:
        """Tell those who wait."""
        self.is_right = is_right
        self.password = b""
        wakes, self._wakes = self._wakes, {}
        for wake in wakes:
            wake(now)


class Checker:
    """Checks one password after the other, in a thread that begins with the first of them.

    The loop's thread hands over and is told, through *post*; whoever hands over keeps the number
    of those that wait within bounds. bcrypt releases the interpreter while it computes.
    """

    def __init__(self, post: Post) -> None:
        self._post = post
        self._waiting: SimpleQueue[tuple[Check, Callable[[Check, bool, float], None]] | None]
        self._waiting = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._is_closed = False

    def check(self, check: Check, done: Callable[[Check, bool, float], None]) -> None:
        """Have *done* called, from the loop, with whether the password is right."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="evloop-passwords", daemon=True)
            self._thread.start()
        self._waiting.put((check, done))

    def close(self) -> None:
        """End the thread; what it has begun is waited for, and the others are not checked."""
        self._is_closed = True
        self._waiting.put(None)
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        while (taken := self._waiting.get()) is not None and not self._is_closed:
            check, done = taken
            self._post(_result(check, done, is_right=_is_right(check)))


def _result(check: Check, done: Callable[[Check, bool, float], None], *, is_right: bool) -> Wake:
    return lambda now: done(check, is_right, now)


def _is_right(check: Check) -> bool:
    try:
        return verify(check.stored, check.password)
    except Exception as error:  # whatever it is must not let anybody in, nor end the thread
        _log.error("a password can't be checked: %s", error)
        return False
