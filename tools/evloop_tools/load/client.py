"""A visitor of the server: a script, and the exchange that carries it out."""

from collections.abc import Callable
from typing import Protocol

from evloop.net.timers import TICK, Slot
from evloop_tools.load.connection import Shared
from evloop_tools.load.exchange import Exchange
from evloop_tools.load.faults import Fault, FaultError, fault_of
from evloop_tools.load.states import BUSY, INTEREST, State
from evloop_tools.load.steps import Close, Ending, ReadOn, Rest, Script
from evloop_tools.load.tally import Counts

_SHORT = 2 * TICK
"""Seconds; shorter pauses would be drawn out by the wheel of the timers."""


_TIMED = frozenset({State.RESTING, State.STALLED, State.TRICKLING, State.PACED})
"""States whose deadline is the next step, so that it is met to the moment if it is near."""


class Company(Shared, Protocol):
    """What clients share, and whom they ask and tell."""

    def allow(self, requests: int) -> bool:
        """Whether so many more may be sent; they are counted if so."""

    def left(self, client: "Client", failed: bool, now: float) -> None:
        """*client* is over."""


class Client:
    """Takes the steps of its script until that ends or something goes wrong.

    begin() starts it; its first answer is timed from *due*. stop() ends it from outside.
    """

    __slots__ = ("_company", "_counts", "_due", "_exchange", "_script", "slot")

    def __init__(self, company: Company, script: Script, counts: Counts, due: float) -> None:
        self._company = company
        self._script = script
        self._counts = counts
        self._due = due
        self._exchange = Exchange(company, self, counts)
        self.slot: Slot | None = None

    @property
    def deadline(self) -> float:
        """On the reactor's clock."""
        return self._exchange.deadline

    @property
    def is_busy(self) -> bool:
        """Whether an answer is awaited."""
        return self._exchange.state in BUSY

    def begin(self, now: float) -> None:
        """Take the first step."""
        self._act(Client._start, now)

    def ready(self, bits: int, now: float) -> None:
        """The connection is made, has room or bytes, or is broken."""
        self._act(Client._ready, now)

    def expire(self, now: float) -> None:
        """The deadline has passed."""
        self._act(Client._expire, now)

    def fail(self, error: Exception) -> None:
        """Count a defect of the test and end."""
        fault = FaultError(Fault.DEFECT, f"{type(error).__name__}: {error}")
        self._fail(fault, self._company.reactor.now)

    def wake(self, now: float) -> None:
        """End a rest, or reading, before its time."""
        self._act(Client._wake, now)

    def stop(self) -> None:
        """End because the run is over."""
        if self.is_busy:
            self._counts.unfinished += len(self._exchange.dialogue.unanswered)
        self._end(Ending.RESET)

    def _act(self, action: "Callable[[Client, float], None]", now: float) -> None:
        if self._exchange.state is State.CLOSED:
            return  # a late event
        exchange = self._exchange
        try:
            action(self, now)
        except OSError as error:
            self._fail(fault_of(error, f"while {exchange.state.value}"), now)
        except FaultError as fault:
            self._fail(fault, now)
        if exchange.state is State.CLOSED:
            return
        exchange.connection.watch(INTEREST[exchange.state])
        timers = self._company.reactor.timers
        if exchange.state in _TIMED and exchange.deadline < now + _SHORT:
            timers.watch_closely(self)
        else:
            timers.watch(self, now)

    def _start(self, now: float) -> None:
        self._take_steps(now)
        self._exchange.started = self._due

    def _ready(self, now: float) -> None:
        if self._exchange.ready(now):
            self._take_steps(now)

    def _expire(self, now: float) -> None:
        if self._exchange.expire(now):
            self._take_steps(now)

    def _wake(self, now: float) -> None:
        if self._exchange.wake():
            self._take_steps(now)

    def _take_steps(self, now: float) -> None:
        """Take steps until one of them takes time."""
        exchange = self._exchange
        is_over = True
        while is_over:
            answer, exchange.answer = exchange.answer, None
            try:
                step = self._script.send(answer)
            except StopIteration:
                self._leave(now)
                return
            if isinstance(step, Close):
                exchange.close(step.ending)
            elif isinstance(step, Rest):
                is_over = step.seconds <= 0
                if not is_over:
                    exchange.rest(step, now)
            elif isinstance(step, ReadOn):
                is_over = exchange.read_on(step, now)
            elif self._company.allow(len(step.requests)):
                is_over = exchange.ask(step, now)
            else:
                self._leave(now)
                return

    def _leave(self, now: float) -> None:
        self._end(Ending.TIDY)
        self._company.left(self, False, now)

    def _fail(self, fault: FaultError, now: float) -> None:
        if self._exchange.state is State.CLOSED:
            return
        self._company.tally.fault(fault, self._exchange.dialogue.path, self._counts)
        self._end(Ending.RESET)
        self._company.left(self, True, now)

    def _end(self, ending: Ending) -> None:
        self._exchange.end(ending)
        self._company.reactor.timers.forget(self)
        self._script.close()
