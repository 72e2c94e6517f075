"""A closed-loop load: as many requests as the server answers, over a number of connections."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from bench.conversation import Event
from bench.figures import VoidError
from bench.heads import Request


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server answers, and what stands before each path there (often nothing)."""

    port: int
    prefix: str = ""
    host: str = "127.0.0.1"

    @property
    def authority(self) -> str:
        """Return host and port as they stand in a Host field."""
        return f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Order:
    """What a load driver is asked to do.

    *settle* seconds pass before the count starts, within which all connections are made;
    with 0 everything is counted, from the first connect on.
    """

    request: Request
    connections: int
    seconds: float
    settle: float = 0.0


@dataclass(frozen=True, slots=True)
class LoadReport:
    """What a load driver counted, and the CPU seconds that server and driver spent meanwhile.

    *requests* belong to *cpu_seconds* and *driver_seconds*; *all_requests* and *received*
    (bytes, heads included) to the whole run of *seconds*. Latencies are in microseconds by
    percentile.
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


# The most that a response head may take, in bytes.
HEAD_ALLOWANCE = 2 * 1024

CPU = Callable[[], float]


class LoadDriver(Protocol):
    """Something that can drive a server: wrk, or our own client."""

    def drive(self, address: Address, order: Order, cpu: CPU) -> LoadReport:
        """Carry out *order*; *cpu* returns the CPU seconds the server has spent so far."""
