"""Waiting for descriptors: epoll where there is one, the selectors module elsewhere.

Both are level-triggered and speak in epoll's bits, so that the reactor does not know which
it has. epoll is used directly because selectors asks for as many events as there are
descriptors and builds a key and a tuple for each one, at every turn.
"""

import select
import selectors
from typing import Protocol

from evloop.net.protocol import READ, WRITE

BROKEN = getattr(select, "EPOLLERR", 8) | getattr(select, "EPOLLHUP", 16)
"""Reported whatever the interest: the connection has an error, or is shut on both sides."""

MAX_EVENTS = 512
"""So many ready descriptors are handled in one turn of the loop, at most."""


class Poller(Protocol):
    """Tells which of the registered descriptors are ready."""

    def register(self, fd: int, interest: int, /) -> None: ...

    def modify(self, fd: int, interest: int, /) -> None: ...

    def forget(self, fd: int, /) -> None:
        """Report *fd* no more: it is about to be closed."""

    def unregister(self, fd: int, /) -> None:
        """Report *fd* no more, which stays open."""

    def poll(self, timeout: float, max_events: int, /) -> list[tuple[int, int]]:
        """Return (descriptor, ready bits), waiting up to *timeout* seconds; -1: for ever."""

    def close(self) -> None: ...


def default_poller() -> Poller:
    """Return the best poller of this platform."""
    return EpollPoller() if hasattr(select, "epoll") else SelectorPoller()


class EpollPoller:
    """The kernel's epoll, called without anything in between."""

    __slots__ = ("close", "modify", "poll", "register", "unregister")

    def __init__(self) -> None:
        epoll = select.epoll()
        self.register = epoll.register
        self.modify = epoll.modify
        self.unregister = epoll.unregister
        self.poll = epoll.poll
        self.close = epoll.close

    def forget(self, fd: int, /) -> None:
        # The kernel forgets a closed descriptor by itself, and none of ours has a duplicate
        # (epoll(7)): a system call less for each connection.
        pass


class SelectorPoller:
    """The selectors module behind the face of select.epoll."""

    def __init__(self, selector: selectors.BaseSelector | None = None) -> None:
        self._selector = selector or selectors.DefaultSelector()

    def register(self, fd: int, interest: int, /) -> None:
        if interest:
            self._selector.register(fd, _events(interest))

    def modify(self, fd: int, interest: int, /) -> None:
        # A selector has no "nothing": such a descriptor is left out for the time being.
        if fd not in self._selector.get_map():
            self.register(fd, interest)
        elif interest:
            self._selector.modify(fd, _events(interest))
        else:
            self._selector.unregister(fd)

    def forget(self, fd: int, /) -> None:
        if fd in self._selector.get_map():
            self._selector.unregister(fd)

    unregister = forget

    def poll(self, timeout: float, max_events: int, /) -> list[tuple[int, int]]:
        ready = self._selector.select(None if timeout < 0 else timeout)
        return [(key.fd, _bits(events)) for key, events in ready[:max_events]]

    def close(self) -> None:
        self._selector.close()


def _events(bits: int) -> int:
    read = selectors.EVENT_READ if bits & READ else 0
    return read | (selectors.EVENT_WRITE if bits & WRITE else 0)


def _bits(events: int) -> int:
    read = READ if events & selectors.EVENT_READ else 0
    return read | (WRITE if events & selectors.EVENT_WRITE else 0)
