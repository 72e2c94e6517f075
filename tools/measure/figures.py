"""Figures as the tools print them, where a figure may be missing."""

from evloop.settings.units import format_size

NOT_AVAILABLE = "n/a"


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
