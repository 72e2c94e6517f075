"""Figures as people read and write them: sizes, counts, times, rates; any may be missing."""

from evloop.settings.units import format_size, parse_size

NOT_AVAILABLE = "n/a"
_RATE_SECONDS = {"s": 1.0, "min": 60.0, "h": 3600.0}


def show_size(size: float | None, signed: bool = False) -> str:
    """Write *size* bytes, e.g. "13.1 MiB"; *signed* gives growth a plus."""
    if size is None:
        return NOT_AVAILABLE
    return ("+" if signed and size >= 0 else "") + format_size(round(size))


def show_count(number: float | None) -> str:
    """Write a count with its thousands apart."""
    return NOT_AVAILABLE if number is None else f"{number:,.0f}"


def show_clock(seconds: float) -> str:
    """Write elapsed time as H:MM:SS; a wait that ends a moment early counts in full."""
    minutes, second = divmod(int(seconds + 0.05), 60)
    hour, minute = divmod(minutes, 60)
    return f"{hour}:{minute:02d}:{second:02d}"


def show_time(seconds: float | None) -> str:
    """Write *seconds* with three digits, e.g. `850 us`, `1.25 ms`, `12.3 s`."""
    if seconds is None:
        return NOT_AVAILABLE
    if seconds < 0.0009995:
        return f"{seconds * 1e6:.0f} us"
    if seconds < 0.9995:
        milliseconds = seconds * 1e3
        decimals = 2 if milliseconds < 9.995 else 1 if milliseconds < 99.95 else 0
        return f"{milliseconds:.{decimals}f} ms"
    return f"{seconds:.2f} s" if seconds < 9.995 else f"{seconds:.1f} s"


def digits(value: float) -> str:
    """Write *value* with three significant digits and thousands apart."""
    size = abs(value)
    if size == 0:
        return "0"
    if size >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if size >= 10 else f"{value:.2f}" if size >= 1 else f"{value:.3f}"


def ratio(one: float | None, other: float | None) -> float | None:
    """Return *one* divided by *other*; None when one is unknown or there is nothing to divide."""
    return None if one is None or not other else one / other


def parse_byte_rate(text: str) -> float:
    """Return the bytes per second that *text* means, e.g. 65536 for `64KiB/s`.

    Without a unit of time it is per second. Raises ValueError with a sentence.
    """
    amount, seconds = _split(text)
    return parse_size(amount) / seconds


def parse_count_rate(text: str) -> float:
    """Return the events per second that *text* means, e.g. 200 for `200/s`.

    Raises ValueError with a sentence, also when it is not above 0.
    """
    amount, seconds = _split(text)
    try:
        rate = float(amount) / seconds
    except ValueError:
        rate = 0.0
    if not 0 < rate < 1e6:
        raise ValueError("a number above 0 is wanted, per second, as in 200/s")
    return rate


def _split(text: str) -> tuple[str, float]:
    amount, _, unit = text.partition("/")
    seconds = _RATE_SECONDS.get(unit.strip() or "s")
    if seconds is None:
        raise ValueError("the unit of time is s, min or h")
    return amount, seconds


def show_slope(per_second: float) -> str:
    """Write a growth in bytes per minute, e.g. `+1.5 MiB/min`."""
    per_minute = round(per_second * 60)
    return f"{'+' if per_minute >= 0 else '-'}{format_size(abs(per_minute))}/min"
