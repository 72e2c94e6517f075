"""What loads a server: a process of our own clients, or wrk; and what it counted."""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import evloop_tools.load
from evloop_tools.lab.conversation import Conversation, Event
from evloop_tools.lab.errors import VoidError
from evloop_tools.load.orders import Order, Run, to_line

GRACE = 20.0
"""Seconds that a driver may take beyond what it was asked for."""
HEAD_ALLOWANCE = 2 * 1024
"""Bytes that a response head may take, at most."""

CPU = Callable[[], float]


def clients(order: Order) -> Conversation:
    """Start a process of clients with its *order*; it says what happens through its events."""
    started = Conversation([sys.executable, "-m", evloop_tools.load.__name__])
    started.say(to_line(order))
    return started


def refuse_errors(event: Event) -> None:
    """Raise VoidError when *event* tells of errors, or of connections that were lost."""
    found = [f"{count} x {kind}" for kind, count in event["errors"].items() if count]
    if found:
        raise VoidError("; ".join(found))
    if event.get("lost"):
        raise VoidError(f"it closed {event['lost']} connections that it should have kept")


def await_held(
    crowd: Conversation,
    connections: int,
    patience: float,
    meanwhile: Callable[[], object] = lambda: None,
) -> Event:
    """Wait until *crowd* holds all *connections*; raise VoidError when it can't."""
    event = crowd.expect("ready", patience, meanwhile)
    refuse_errors(event)
    if event["held"] != connections:
        raise VoidError(f"only {event['held']} of {connections} were answered and kept")
    return event


@dataclass(frozen=True, slots=True)
class LoadReport:
    """What a driver counted, and the CPU seconds that server and driver spent meanwhile.

    *requests* belong to *cpu_seconds* and *driver_seconds*; *all_requests* and *received*
    (bytes of bodies; wrk counts heads too) to the whole run of *seconds*. Latencies are in
    microseconds by percentile.
    """

    requests: int
    cpu_seconds: float
    driver_seconds: float
    all_requests: int
    received: int
    seconds: float
    latency: Mapping[int, float]
    errors: Mapping[str, int]

    @classmethod
    def of(cls, event: Event, cpu_seconds: float, driver_seconds: float) -> "LoadReport":
        """Return what a driver's closing *event* says, with the CPU time of both sides."""
        has_settled = event["settled"] > 0
        return cls(
            requests=event["sent"] - event["settled"] if has_settled else event["requests"],
            cpu_seconds=cpu_seconds,
            driver_seconds=driver_seconds,
            all_requests=event["requests"],
            received=event["bytes"],
            seconds=event["seconds"],
            latency={int(percentile): value for percentile, value in event["latency"].items()},
            errors=event["errors"],
        )

    def check(self, body_bytes: int, connections: int) -> None:
        """Raise VoidError when there were errors, or answers of the wrong size."""
        found = [f"{count} x {kind}" for kind, count in self.errors.items() if count]
        if found:
            raise VoidError(f"{', '.join(found)} in {self.all_requests} requests")
        if self.requests <= 0:
            raise VoidError("not one request was answered in time")
        # What was on its way when the time was over was received, but never counted.
        least = self.all_requests * body_bytes
        most = (self.all_requests + connections) * (body_bytes + HEAD_ALLOWANCE)
        if not least <= self.received <= most:
            per_request = self.received / self.all_requests
            raise VoidError(f"{per_request:.0f} bytes per answer, expected {body_bytes} and a head")


class LoadDriver(Protocol):
    """Something that can drive a server: wrk, or our own clients."""

    def drive(self, order: Run, cpu: CPU) -> LoadReport:
        """Carry out *order*; *cpu* returns the CPU seconds the server has spent so far."""


class OwnLoad:
    """Our own clients: slower than wrk, but always there, and they check every byte."""

    def drive(
        self, order: Run, cpu: CPU, meanwhile: Callable[[], object] = lambda: None
    ) -> LoadReport:
        """Carry out *order*; *meanwhile* is called ten times a second."""
        with clients(order) as crowd:
            crowd.expect("ready", GRACE)
            before, spent_before = cpu(), crowd.cpu_seconds()
            crowd.say()
            if order.settle:
                crowd.expect("settled", order.settle + GRACE)
                before, spent_before = cpu(), crowd.cpu_seconds()
                crowd.say()
            patience = order.seconds + order.settle + GRACE + order.patience
            event = crowd.expect("done", patience, meanwhile)
            return LoadReport.of(event, cpu() - before, crowd.cpu_seconds() - spent_before)
