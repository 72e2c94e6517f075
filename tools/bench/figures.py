"""What a measurement yields: named figures with a unit, or the reason why there are none."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from report.figures import digits


class Figure(StrEnum):
    """A quantity that a row measures; the value is its key in the JSON results."""

    CPU_PER_REQUEST = "cpu_per_request_us"
    CPU_PER_GB = "cpu_per_gb_s"
    BOTH_PER_REQUEST = "cpu_per_request_both_us"
    BOTH_PER_GB = "cpu_per_gb_both_s"
    REQUESTS_PER_SECOND = "requests_per_second"
    THROUGHPUT = "throughput_mb_per_second"
    LATENCY_P50 = "latency_p50_ms"
    LATENCY_P90 = "latency_p90_ms"
    LATENCY_P99 = "latency_p99_ms"
    LATENCY_P99_ACTIVE = "latency_p99_active_ms"
    TO_FULL_RESPONSE = "ratio_to_full_response"
    BYTES_PER_CONNECTION = "process_bytes_per_connection"
    KERNEL_BYTES_PER_CONNECTION = "kernel_bytes_per_connection"
    KERNEL_TCP = "kernel_tcp_mib"
    MACHINE_MEMORY = "machine_memory_mib"
    FAST_CLIENT = "fast_client_mb_per_second"
    CPU_AT_100 = "cpu_per_request_at_100_us"
    CPU_AT_10000_IDLE = "cpu_per_request_at_10000_mostly_idle_us"
    CPU_AT_10000_ACTIVE = "cpu_per_request_at_10000_active_us"
    GROWTH_IDLE = "growth_mostly_idle"
    GROWTH_ACTIVE = "growth_active"
    LAG_AT_100 = "loop_lag_p99_at_100_ms"
    LAG_AT_10000_IDLE = "loop_lag_p99_at_10000_mostly_idle_ms"
    LAG_AT_10000_ACTIVE = "loop_lag_p99_at_10000_active_ms"
    START = "start_ms"
    MEMORY_AT_REST = "memory_at_rest_mib"


@dataclass(frozen=True, slots=True)
class Presentation:
    """How a figure is shown: a heading, the unit behind it, and which direction is good."""

    heading: str
    unit: str
    more_is_better: bool = False


PRESENTATION: Mapping[Figure, Presentation] = {
    Figure.CPU_PER_REQUEST: Presentation("CPU per request", "µs"),
    Figure.CPU_PER_GB: Presentation("CPU per GB", "s"),
    Figure.BOTH_PER_REQUEST: Presentation("both ends' CPU", "µs"),
    Figure.BOTH_PER_GB: Presentation("CPU per GB, both ends", "s"),
    Figure.REQUESTS_PER_SECOND: Presentation("requests/s", "", more_is_better=True),
    Figure.THROUGHPUT: Presentation("throughput", "MB/s", more_is_better=True),
    Figure.LATENCY_P50: Presentation("p50", "ms"),
    Figure.LATENCY_P90: Presentation("p90", "ms"),
    Figure.LATENCY_P99: Presentation("p99", "ms"),
    Figure.LATENCY_P99_ACTIVE: Presentation("p99, all active", "ms"),
    Figure.TO_FULL_RESPONSE: Presentation("304 against 200", "x"),
    Figure.BYTES_PER_CONNECTION: Presentation("memory per connection", "bytes"),
    Figure.KERNEL_BYTES_PER_CONNECTION: Presentation("kernel per connection", "bytes"),
    Figure.KERNEL_TCP: Presentation("kernel TCP memory", "MiB"),
    Figure.MACHINE_MEMORY: Presentation("memory the machine lost", "MiB"),
    Figure.FAST_CLIENT: Presentation("fast client", "MB/s", more_is_better=True),
    Figure.CPU_AT_100: Presentation("at 100", "µs"),
    Figure.CPU_AT_10000_IDLE: Presentation("at 10,000, mostly idle", "µs"),
    Figure.CPU_AT_10000_ACTIVE: Presentation("at 10,000, all active", "µs"),
    Figure.GROWTH_IDLE: Presentation("growth, mostly idle", "x"),
    Figure.GROWTH_ACTIVE: Presentation("growth, all active", "x"),
    Figure.LAG_AT_100: Presentation("p99 at 100", "ms"),
    Figure.LAG_AT_10000_IDLE: Presentation("at 10,000, mostly idle", "ms"),
    Figure.LAG_AT_10000_ACTIVE: Presentation("at 10,000, all active", "ms"),
    Figure.START: Presentation("start", "ms"),
    Figure.MEMORY_AT_REST: Presentation("memory at rest", "MiB"),
}


# One round of one row for one server.
Sample = Mapping[Figure, float]


def show(figure: Figure, value: float) -> str:
    """Return *value* with three significant digits and the unit of *figure*, e.g. `10.5 µs`."""
    unit = PRESENTATION[figure].unit
    return f"{digits(value)} {unit}".rstrip()
