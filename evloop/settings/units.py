"""Sizes and durations as people write them: `32KiB`, `1M`, `500ms`, `2m`.

Sizes are whole bytes and their units binary: `K` and `KiB` mean 1024. `KB` is refused, since it
is 1000 bytes to the SI and 1024 to many programs. Durations are seconds as a float. What
parse_... reads, format_... writes.
"""

import re

_SIZE = re.compile(r"(\d+)\s*([kmgt]?)(i?b)?", re.IGNORECASE | re.ASCII)
_SIZE_POWERS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}
_SIZE_NAMES = ("B", "KiB", "MiB", "GiB", "TiB")

_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|)", re.IGNORECASE | re.ASCII)
_DURATION_SECONDS = {"ms": 0.001, "": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0}


def parse_size(text: str) -> int:
    """Return the bytes that *text* means, e.g. 32768 for `32KiB`.

    Raises ValueError with a sentence that shows the accepted forms.
    """
    found = _SIZE.fullmatch(text.strip())
    if found is None:
        raise ValueError("a size is a whole number with B, K, KiB, M, MiB, G or GiB behind it")
    number, unit, suffix = found.groups()
    if unit and suffix and suffix.lower() == "b":
        prefix, power = unit.upper(), _SIZE_POWERS[unit.lower()]
        decimal, binary = (f"{base}^{power}".removesuffix("^1") for base in (1000, 1024))
        raise ValueError(
            f"{prefix}B may be {decimal} or {binary};"
            f" {prefix}iB = {binary}: write {number}{prefix}iB"
        )
    return int(number) << 10 * _SIZE_POWERS[unit.lower()]


def format_size(size: float) -> str:
    """Return *size* bytes in the largest unit that keeps it at or above 1, e.g. `1.5 MiB`."""
    power = 0
    value = float(size)
    while abs(value) >= 1024 and power < len(_SIZE_NAMES) - 1:
        value /= 1024
        power += 1
    digits = f"{value:.1f}".removesuffix(".0") if abs(value) < 1000 else f"{value:.0f}"
    return f"{digits} {_SIZE_NAMES[power]}"


def parse_duration(text: str) -> float:
    """Return the seconds that *text* means, e.g. 0.5 for `500ms`.

    Raises ValueError with a sentence that shows the accepted forms.
    """
    found = _DURATION.fullmatch(text.strip())
    if found is None:
        raise ValueError("a duration is a number with ms, s, m or h behind it")
    number, unit = found.groups()
    return float(number) * _DURATION_SECONDS[unit.lower()]


def format_duration(seconds: float) -> str:
    """Return *seconds* in the unit that reads best, e.g. `500ms`, `30s`, `2m`."""
    if 0 < seconds < 1:
        return f"{seconds * 1000:g}ms"
    if seconds >= 60 and seconds % 60 == 0:
        return f"{seconds / 60:g}m"
    return f"{seconds:g}s"
