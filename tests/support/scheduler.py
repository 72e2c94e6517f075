"""A loop without a loop: calls that are due when a number says so."""

import heapq
from collections.abc import Callable
from itertools import count


class Call:
    """A call that is yet to come."""

    def __init__(self, callback: Callable[[float], None]) -> None:
        self.callback: Callable[[float], None] | None = callback

    def cancel(self) -> None:
        self.callback = None


class Scheduler:
    """Has call_at() as the reactor does. `now` is the time of the last call that was made."""

    def __init__(self) -> None:
        self.now = 0.0
        self._calls: list[tuple[float, int, Call]] = []
        self._numbers = count()

    def call_at(self, when: float, callback: Callable[[float], None]) -> Call:
        call = Call(callback)
        heapq.heappush(self._calls, (when, next(self._numbers), call))
        return call

    @property
    def pending(self) -> int:
        """How many calls are yet to come."""
        return sum(call.callback is not None for _, _, call in self._calls)

    def step(self) -> bool:
        """Make the next call, at its time; return whether there was one."""
        while self._calls:
            when, _, call = heapq.heappop(self._calls)
            if call.callback is not None:
                self.now = max(self.now, when)
                call.callback(self.now)
                return True
        return False

    def run_until(self, now: float) -> None:
        """Make all calls that are due until *now*."""
        while self._calls and self._calls[0][0] <= now:
            self.step()
        self.now = max(self.now, now)

    def run(self, most: int = 100_000) -> None:
        """Make all calls that come, *most* at the most."""
        for _ in range(most):
            if not self.step():
                return
        raise AssertionError("there is no end of it")
