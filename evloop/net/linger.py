"""The last part of a connection that the server closes first (RFC 9112 section 9.6).

A close with unread bytes makes the kernel send a reset, which may overtake the last response. So
the socket is only shut down, and what still arrives is discarded until the peer has closed too.

Almost every client does so at once. To be told of it would take a turn of the loop for each
connection, which costs more than all the rest of its end; so the sockets are taken off the
poller and looked at together, a moment later and then ever more rarely.
"""

from collections import deque
from collections.abc import Callable
from math import inf, nextafter
from socket import SocketType
from typing import Final

from evloop.net.reactor import Reactor
from evloop.net.transport import close_quietly

LINGER_SIZE: Final = 256 * 1024
"""Bytes that are discarded, at most: what a client has on its way when it learns of the end."""
LOOKS: Final = (0.025, 0.1, 0.375, 0.5)
"""When a socket is looked at, each after the one before, in parts of the time that it has: 50 ms,
200 ms, 750 ms and 1 s of two seconds."""
MAX_LOOKS: Final = 256
"""Sockets that are looked at in one turn, at most: a look and a close take 5 microseconds."""
_PIECE_SIZE: Final = 64 * 1024


class _Lingerer:
    """A socket, and how many of its bytes may still be discarded."""

    __slots__ = ("due", "left", "peer", "socket")

    def __init__(self, sock: SocketType, peer: str) -> None:
        self.socket = sock
        self.peer = peer
        self.due = inf
        self.left = LINGER_SIZE

    def discard(self) -> bool:
        """Discard what has arrived; return whether the peer may still send."""
        try:
            while self.left >= 0:
                count = len(self.socket.recv(_PIECE_SIZE))
                if not count:
                    return False
                self.left -= count
        except BlockingIOError:
            return True
        except OSError:
            pass  # the peer is gone
        return False


class Lingering:
    """Sockets that have sent their last byte. Owns them; *released* is called with the peer of
    each that is closed. Each has *timeout* seconds at most.
    """

    def __init__(self, reactor: Reactor, timeout: float, released: Callable[[str], None]) -> None:
        self._reactor = reactor
        self._released = released
        self._delays = [part * timeout for part in LOOKS]
        # By the number of the next look, those who came first in front.
        self._stages: list[deque[_Lingerer]] = [deque() for _ in LOOKS]
        self._next_look = inf

    def __len__(self) -> int:
        return sum(map(len, self._stages))

    def descriptors(self) -> list[int]:
        """Return those of all sockets."""
        return [each.socket.fileno() for stage in self._stages for each in stage]

    def add(self, sock: SocketType, peer: str, now: float) -> None:
        """Take over *sock*, which is shut down and off the poller."""
        self._enter(0, _Lingerer(sock, peer), now)

    def close_one(self) -> bool:
        """Close the one that has lingered longest; return False when there is none."""
        for stage in reversed(self._stages):
            if stage:
                self._close(stage.popleft())
                return True
        return False

    def close(self) -> None:
        """Close all at once."""
        while self.close_one():
            pass

    def _enter(self, number: int, lingerer: _Lingerer, now: float) -> None:
        lingerer.due = now + self._delays[number]
        self._stages[number].append(lingerer)
        self._look_at(lingerer.due)

    def _look_at(self, due: float) -> None:
        if due < self._next_look:
            self._next_look = due
            self._reactor.call_at(due, self._look)

    def _look(self, now: float) -> None:
        self._next_look = inf
        left = MAX_LOOKS
        for number, stage in enumerate(self._stages):
            while stage and stage[0].due <= now and left:
                left -= 1
                self._look_once(number, stage.popleft(), now)
        dues = [stage[0].due for stage in self._stages if stage]
        if dues:
            self._look_at(max(min(dues), nextafter(now, inf)))

    def _look_once(self, number: int, lingerer: _Lingerer, now: float) -> None:
        if lingerer.discard() and number + 1 < len(self._stages):
            self._enter(number + 1, lingerer, now)
        else:
            self._close(lingerer)

    def _close(self, lingerer: _Lingerer) -> None:
        close_quietly(lingerer.socket)
        self._released(lingerer.peer)
