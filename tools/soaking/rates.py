"""So much per second, minute or hour, as people write it: `64KiB/s`, `200/s`, `1MiB/min`."""

from evloop.settings.units import format_size, parse_size

_SECONDS = {"s": 1.0, "min": 60.0, "h": 3600.0}


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
    seconds = _SECONDS.get(unit.strip() or "s")
    if seconds is None:
        raise ValueError("the unit of time is s, min or h")
    return amount, seconds


def format_slope(per_second: float) -> str:
    """Return a growth in bytes per minute, e.g. `+1.5 MiB/min`."""
    per_minute = round(per_second * 60)
    return f"{'+' if per_minute >= 0 else '-'}{format_size(abs(per_minute))}/min"
