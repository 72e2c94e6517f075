"""Times as the report and the progress show them."""

from measure.figures import NOT_AVAILABLE


def show_time(seconds: float | None) -> str:
    """Write *seconds* with three digits, e.g. `850 us`, `1.25 ms`, `12.3 s`."""
    if seconds is None:
        return NOT_AVAILABLE
    if seconds < 0.0009995:
        return f"{seconds * 1e6:.0f} us"
    if seconds < 0.9995:
        milliseconds = seconds * 1e3
        digits = 2 if milliseconds < 9.995 else 1 if milliseconds < 99.95 else 0
        return f"{milliseconds:.{digits}f} ms"
    return f"{seconds:.2f} s" if seconds < 9.995 else f"{seconds:.1f} s"
