"""The thread that checks: what it says comes back to the loop, and it can't be killed."""

import logging
import queue
import threading
from collections.abc import Callable

import pytest

from evloop.site.access.checker import Check, Checker
from tests.support.deadline import PATIENCE


class Loop:
    """Takes what is posted, and calls it when told to."""

    def __init__(self) -> None:
        self._posted: queue.SimpleQueue[Callable[[float], None]] = queue.SimpleQueue()

    def post(self, callback: Callable[[float], None]) -> None:
        self._posted.put(callback)

    def turn(self, now: float) -> None:
        self._posted.get(timeout=PATIENCE)(now)

    @property
    def is_empty(self) -> bool:
        return self._posted.empty()


def a_check(password: bytes = b"secret") -> Check:
    return Check(b"key", "127.0.0.1", b"stored", password)


def right_is_secret(stored: bytes, password: bytes) -> bool:
    if password == b"raise":
        raise MemoryError("none left")
    return password == b"secret"


@pytest.fixture(autouse=True)
def _verify(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("evloop.site.access.checker.verify", right_is_secret)


def test_one_after_the_other_is_told_in_the_loop(caplog: pytest.LogCaptureFixture) -> None:
    loop = Loop()
    checker = Checker(loop.post)
    told: list[tuple[bytes, bool, float, int]] = []

    def done(check: Check, is_right: bool, now: float) -> None:
        told.append((check.password, is_right, now, threading.get_ident()))

    for password in (b"secret", b"wrong", b"raise", b"secret"):
        checker.check(a_check(password), done)
    with caplog.at_level(logging.ERROR, "evloop"):
        for now in range(4):
            loop.turn(float(now))
    here = threading.get_ident()
    assert told == [
        (b"secret", True, 0.0, here),
        (b"wrong", False, 1.0, here),
        (b"raise", False, 2.0, here),
        (b"secret", True, 3.0, here),
    ]
    assert "none left" in caplog.text
    assert "raise" not in caplog.text  # never the password
    checker.close()


def test_it_has_no_thread_before_the_first_check_nor_after_its_end() -> None:
    before = threading.active_count()
    checker = Checker(Loop().post)
    assert threading.active_count() == before
    checker.close()
    checker = Checker(Loop().post)
    checker.check(a_check(), lambda check, is_right, now: None)
    assert threading.active_count() == before + 1
    checker.close()
    assert threading.active_count() == before


def test_at_its_end_what_waits_is_not_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    begun, may_go_on = threading.Event(), threading.Event()

    def slow(stored: bytes, password: bytes) -> bool:
        begun.set()
        assert may_go_on.wait(PATIENCE)
        return True

    monkeypatch.setattr("evloop.site.access.checker.verify", slow)
    loop = Loop()
    checker = Checker(loop.post)
    for _ in range(3):
        checker.check(a_check(), lambda check, is_right, now: None)
    assert begun.wait(PATIENCE)
    checker._is_closed = True
    may_go_on.set()
    checker.close()
    loop.turn(0.0)
    assert loop.is_empty


def test_those_who_wait_are_told_once() -> None:
    check = a_check()
    told: list[str] = []

    def first(now: float) -> None:
        told.append("first")

    def second(now: float) -> None:
        told.append("second")

    check.subscribe(first)
    check.subscribe(second)
    check.unsubscribe(second)
    check.unsubscribe(second)
    assert check.is_wanted
    check.finish(1.0, is_right=True)
    assert (told, check.is_right, check.is_wanted) == (["first"], True, False)
    assert check.password == b""
    check.finish(2.0, is_right=True)
    assert told == ["first"]
