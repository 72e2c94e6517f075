"""The run: clients come and go on one reactor, and the server is looked at meanwhile."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from evloop.net.reactor import Reactor
from evloop_tools.lab.terminal import Events
from evloop_tools.load.crowd import Crowd, Load
from evloop_tools.load.endpoint import Endpoint
from evloop_tools.load.files import Catalogue
from evloop_tools.load.tally import Tally
from evloop_tools.soaking.result import Outcome, Point, Timeline
from evloop_tools.soaking.watch import ServerWatch

_LONGEST_TURN = 0.25
"""Seconds within which a signal is noticed."""


class View(Protocol):
    """Shows a run to somebody while it goes on."""

    interval: float
    """Seconds between two calls of show()."""

    def show(self, soak: "Soak") -> None:
        """Show how it stands."""


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds: how long the load lasts, where its warm-up ends, and between two looks."""

    duration: float
    warm_up: float
    interval: float


class Soak:
    """One load against one server."""

    def __init__(
        self,
        endpoint: Endpoint,
        catalogue: Catalogue,
        load: Load,
        timing: Timing,
        tally: Tally,
        watch: ServerWatch | None,
    ) -> None:
        self.load = load
        self.timing = timing
        self.tally = tally
        self.watch = watch
        self.timeline = Timeline()
        self.seconds = 0.0
        self._reactor = Reactor()
        self.crowd = Crowd(self._reactor, endpoint, catalogue, load, tally)

    def run(self, view: View, events: Events) -> Outcome:
        """Hold the load from beginning to end, and wait until the server has settled."""
        view.show(self)
        began, worked = time.monotonic(), time.process_time()
        self.crowd.open(began)
        look = _Regularly(began, self.timing.interval, self._look)
        shown = _Regularly(began, view.interval, lambda: view.show(self))
        try:
            while not self._is_over(events):
                now = self._reactor.now
                self.seconds = now - began
                self.crowd.admit(now)
                if look.perhaps(now) or shown.perhaps(now):
                    # Whoever is ready meanwhile waits, as for a long turn of the loop.
                    self._reactor.lag.note(time.monotonic() - now)
                self._turn(min(look.due, shown.due, began + self.timing.duration))
            self.seconds = time.monotonic() - began
            worked = time.process_time() - worked
            if self.watch is not None:
                self.watch.judge_slope(began + self.timing.warm_up)
        finally:
            self.crowd.stop()
            lag = self._reactor.lag.figures()
            self._reactor.close()
        if self.watch is not None:
            self.watch.settle(lambda: events.stops > 1)
        cpu = 100 * worked / max(self.seconds, 1e-9)
        return Outcome(self.seconds, events.stopped, cpu, lag, self.timeline)

    def _turn(self, due: float) -> None:
        due = min(due, self.crowd.next_due)
        self._reactor.turn(min(_LONGEST_TURN, max(0.0, due - self._reactor.now)))

    def _is_over(self, events: Events) -> bool:
        has_ended = self.watch is not None and self.watch.ended is not None
        is_late = self.seconds >= self.timing.duration
        return events.stopped or has_ended or is_late or self.crowd.is_done

    def _look(self) -> None:
        if self.watch is not None:
            self.watch.look()
        counts = self.tally.all
        self.timeline.add(
            Point(
                self.seconds,
                self.tally.connected,
                counts.requests,
                counts.received,
                self.tally.error_count,
            )
        )


class _Regularly:
    """Does something every *interval* seconds, without making up for what was missed."""

    def __init__(self, now: float, interval: float, action: Callable[[], None]) -> None:
        self.due = now + interval
        self._interval = interval
        self._action = action

    def perhaps(self, now: float) -> bool:
        """Do it if it is due; return whether it was."""
        if now < self.due:
            return False
        self._action()
        self.due = max(self.due + self._interval, now)
        return True
