"""What other threads ask of the loop is done in the loop, once, in order."""

import threading
from collections.abc import Iterator

import pytest

from evloop.net.inbox import Inbox
from evloop.net.reactor import Reactor
from tests.support.descriptors import no_leaks


@pytest.fixture
def reactor() -> Iterator[Reactor]:
    with no_leaks():
        reactor = Reactor(clock=lambda: 7.0)
        yield reactor
        reactor.close()


def test_it_is_called_in_the_loop_with_the_time(reactor: Reactor) -> None:
    inbox = Inbox(reactor)
    called: list[tuple[int, float]] = []
    threads = [
        threading.Thread(
            target=inbox.post, args=(lambda now: called.append((threading.get_ident(), now)),)
        )
        for _ in range(100)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    while len(called) < 100:
        reactor.turn(5.0)
    assert called == [(threading.get_ident(), 7.0)] * 100
    inbox.close()


def test_more_than_the_socket_takes_is_still_called(reactor: Reactor) -> None:
    inbox = Inbox(reactor)
    called: list[float] = []
    for _ in range(5000):
        inbox.post(called.append)
    reactor.turn(5.0)
    assert len(called) == 5000
    inbox.close()


def test_one_that_raises_does_not_lose_the_others(reactor: Reactor) -> None:
    inbox = Inbox(reactor)
    called: list[float] = []

    def fail(now: float) -> None:
        raise MemoryError

    inbox.post(fail)
    inbox.post(called.append)
    with pytest.raises(MemoryError):
        reactor.turn(5.0)
    reactor.turn(5.0)
    assert called == [7.0]
    inbox.close()


def test_after_the_end_nothing_is_called(reactor: Reactor) -> None:
    inbox = Inbox(reactor)
    called: list[float] = []
    inbox.post(called.append)
    inbox.close()
    inbox.post(called.append)
    reactor.turn(0.0)
    assert not called
