"""What a measurement yields: named figures, each with its heading and its unit."""

from collections.abc import Mapping
from enum import StrEnum

from evloop_tools.report.figures import digits


class Figure(StrEnum):
    """A quantity that a row measures: its key in the JSON results, its heading, and its unit.

    more_is_better: which direction is good
    """

    heading: str
    unit: str
    more_is_better: bool

    def __new__(cls, key: str, heading: str, unit: str, more_is_better: bool = False) -> "Figure":
        figure = str.__new__(cls, key)
        figure._value_ = key
        figure.heading, figure.unit, figure.more_is_better = heading, unit, more_is_better
        return figure

    CPU_PER_REQUEST = "cpu_per_request_us", "CPU per request", "µs"
    CPU_PER_GB = "cpu_per_gb_s", "CPU per GB", "s"
    BOTH_PER_REQUEST = "cpu_per_request_both_us", "both ends' CPU", "µs"
    BOTH_PER_GB = "cpu_per_gb_both_s", "CPU per GB, both ends", "s"
    REQUESTS_PER_SECOND = "requests_per_second", "requests/s", "", True
    THROUGHPUT = "throughput_mb_per_second", "throughput", "MB/s", True
    LATENCY_P50 = "latency_p50_ms", "p50", "ms"
    LATENCY_P90 = "latency_p90_ms", "p90", "ms"
    LATENCY_P99 = "latency_p99_ms", "p99", "ms"
    LATENCY_P99_ACTIVE = "latency_p99_active_ms", "p99, all active", "ms"
    TO_FULL_RESPONSE = "ratio_to_full_response", "304 against 200", "x"
    BYTES_PER_CONNECTION = "process_bytes_per_connection", "memory per connection", "bytes"
    KERNEL_BYTES_PER_CONNECTION = "kernel_bytes_per_connection", "kernel per connection", "bytes"
    KERNEL_TCP = "kernel_tcp_mib", "kernel TCP memory", "MiB"
    MACHINE_MEMORY = "machine_memory_mib", "memory the machine lost", "MiB"
    FAST_CLIENT = "fast_client_mb_per_second", "fast client", "MB/s", True
    CPU_AT_100 = "cpu_per_request_at_100_us", "at 100", "µs"
    CPU_AT_10000_IDLE = "cpu_per_request_at_10000_mostly_idle_us", "at 10,000, mostly idle", "µs"
    CPU_AT_10000_ACTIVE = "cpu_per_request_at_10000_active_us", "at 10,000, all active", "µs"
    GROWTH_IDLE = "growth_mostly_idle", "growth, mostly idle", "x"
    GROWTH_ACTIVE = "growth_active", "growth, all active", "x"
    LAG_AT_100 = "loop_lag_p99_at_100_ms", "p99 at 100", "ms"
    LAG_AT_10000_IDLE = "loop_lag_p99_at_10000_mostly_idle_ms", "at 10,000, mostly idle", "ms"
    LAG_AT_10000_ACTIVE = "loop_lag_p99_at_10000_active_ms", "at 10,000, all active", "ms"
    START = "start_ms", "start", "ms"
    MEMORY_AT_REST = "memory_at_rest_mib", "memory at rest", "MiB"
    MEMORY_AFTER = "memory_after_load_mib", "memory afterwards", "MiB"


# One round of one row for one server.
Sample = Mapping[Figure, float]


def show(figure: Figure, value: float) -> str:
    """Return *value* with three significant digits and the unit of *figure*, e.g. `10.5 µs`."""
    return f"{digits(value)} {figure.unit}".rstrip()
