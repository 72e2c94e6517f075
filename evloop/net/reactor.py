"""The loop: it waits for descriptors and deadlines, and hands each to its handler.

The clock is read when the wait is over and passed on as `now`, so all that happens in one
turn happens at one time. A handler that raises is told so and ends by itself; the loop and
everybody else go on.
"""

import socket
import time
from collections.abc import Callable
from itertools import islice
from typing import Protocol

from evloop.net.lag import LoopLag
from evloop.net.poller import MAX_EVENTS, Poller, default_poller
from evloop.net.protocol import READ
from evloop.net.timers import Call, Timers

MAX_EXPIRED = 256
"""Deadlines that are acted on in one turn, at most: those of a flood all come at once."""
LONGEST_WAIT = 3600.0
"""Seconds that one turn waits, at most: pollers refuse 2^31 milliseconds and more."""


class Handler(Protocol):
    """Owns a registered descriptor."""

    def ready(self, bits: int, now: float) -> None:
        """The descriptor is ready for *bits* of its interest, or broken."""

    def fail(self, error: Exception) -> None:
        """Something raised *error* on behalf of this handler, which should end."""


class Reactor:
    """Descriptors and their handlers, deadlines, and one turn of the loop.

    `crowd` is the number of descriptors that are ready in the present turn.
    """

    def __init__(
        self, poller: Poller | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._poller = poller or default_poller()
        self._clock = clock
        self._handlers: dict[int, Handler] = {}
        self._gone: set[int] = set()  # in this turn
        self.timers = Timers()
        self.lag = LoopLag()
        self.now = clock()
        self.crowd = 0

    def add(self, fd: int, handler: Handler, interest: int) -> None:
        """Register *fd*. Its handler must remove it and then close it."""
        self._poller.register(fd, interest)
        self._handlers[fd] = handler

    def modify(self, fd: int, interest: int) -> None:
        """Change what *fd* waits for."""
        self._poller.modify(fd, interest)

    def remove(self, fd: int) -> None:
        """Forget *fd*, which is about to be closed."""
        del self._handlers[fd]
        self._gone.add(fd)
        self._poller.forget(fd)

    def call_at(self, when: float, callback: Callable[[float], None]) -> Call:
        """Call *callback* with the time when *when* has come; it may be cancelled until then."""
        call = Call(when, callback)
        self.timers.watch_closely(call)
        return call

    def turn(self, max_wait: float = -1.0) -> None:
        """Wait for something to happen, at most *max_wait* seconds (-1: as long as it takes).

        Then handle all of it that is ready, in bounded pieces.
        """
        timeout = self.timers.timeout(self.now)
        if 0 <= max_wait < timeout or timeout < 0:
            timeout = max_wait
        gone = self._gone
        gone.clear()
        events = self._poller.poll(min(timeout, LONGEST_WAIT), MAX_EVENTS)
        now = self._clock()
        self.crowd = len(events)
        handlers = self._handlers
        for fd, bits in events:
            handler = handlers.get(fd)
            # What was closed in this turn may have left its number to another one.
            if handler is None or fd in gone:
                continue
            try:
                handler.ready(bits, now)
            except Exception as error:
                handler.fail(error)
        self._expire(now)
        self.now = self._clock()
        self.lag.note(self.now - now)

    def _expire(self, now: float) -> None:
        for timed in islice(self.timers.expire(now), MAX_EXPIRED):
            try:
                timed.expire(now)
            except Exception as error:
                timed.fail(error)

    def unregister(self, fd: int) -> None:
        """Forget *fd*, which stays open."""
        del self._handlers[fd]
        self._gone.add(fd)
        self._poller.unregister(fd)

    def descriptors(self) -> list[int]:
        """Return those that are registered now."""
        return list(self._handlers)

    def handlers(self) -> list[Handler]:
        """Return all that is registered now."""
        return list(self._handlers.values())

    def close(self) -> None:
        """Close the poller. Handlers close what is theirs."""
        self._poller.close()


class Waker:
    """Ends the reactor's wait from a signal or from another thread.

    *on_bytes* gets what was written, in the loop's own thread: signal numbers, say.
    """

    def __init__(self, reactor: Reactor, on_bytes: Callable[[bytes, float], None]) -> None:
        self._reactor = reactor
        self._on_bytes = on_bytes
        self._reader, self.writer = socket.socketpair()
        self._reader.setblocking(False)
        self.writer.setblocking(False)
        reactor.add(self._reader.fileno(), self, READ)

    def write(self, data: bytes) -> None:
        """End the wait and hand *data* over. May be called from any thread."""
        try:
            self.writer.send(data)
        except OSError:
            pass  # closed: nobody waits

    def ready(self, bits: int, now: float) -> None:
        self._on_bytes(self._reader.recv(64), now)

    def fail(self, error: Exception) -> None:
        raise error

    def close(self) -> None:
        self._reactor.remove(self._reader.fileno())
        self._reader.close()
        self.writer.close()
