"""What other threads ask of the loop."""

from collections import deque
from collections.abc import Callable

from evloop.net.reactor import Reactor, Waker


class Inbox:
    """Functions that other threads want called in the loop's thread.

    Those who post keep the number that waits within bounds.
    """

    def __init__(self, reactor: Reactor) -> None:
        self._calls: deque[Callable[[float], None]] = deque()
        self._waker = Waker(reactor, self._deliver)

    @property
    def writer_descriptor(self) -> int:
        """The descriptor that posting writes to, which the reactor does not know."""
        return self._waker.writer.fileno()

    def post(self, callback: Callable[[float], None]) -> None:
        """Have *callback* called with the time, soon. May be called from any thread.

        After close() it is never called.
        """
        self._calls.append(callback)  # before the byte: whoever reads that finds it
        self._waker.write(b"\0")

    def close(self) -> None:
        """Call nothing any more."""
        self._waker.close()
        self._calls.clear()

    def _deliver(self, data: bytes, now: float) -> None:
        for _ in range(len(self._calls)):
            callback = self._calls.popleft()
            try:
                callback(now)
            except BaseException:
                self._waker.write(b"\0")  # for those behind it
                raise
