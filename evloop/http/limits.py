"""What a connection may take, whichever version of HTTP it speaks."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a connection may take: seconds and bytes."""

    idle_timeout: float = 60.0
    head_timeout: float = 10.0
    send_timeout: float = 30.0
    file_timeout: float = 10.0
    """How long a request waits for its file to come into memory: a disk that takes longer than a
    head may take is in trouble."""
    linger_timeout: float = 2.0
    """How long after a response a close may still cut it off."""
    max_head_size: int = 16 * 1024
    min_rate: int = 0
    """Bytes per second that a client must take, averaged; 0: any progress will do."""
    min_rate_grace: float = 10.0
    """Seconds over which the rate is averaged."""


class MinRate:
    """Whether a client takes its response fast enough, in windows of `min_rate_grace` seconds."""

    __slots__ = ("_bytes", "_limits", "_since")

    def __init__(self, limits: Limits, now: float, count: int = 0) -> None:
        self._limits = limits
        self._since = now
        self._bytes = count

    def pause(self, seconds: float) -> None:
        """Leave out *seconds* in which the client could take nothing."""
        self._since += seconds

    def is_too_slow(self, count: int, now: float) -> bool:
        """Take note of *count* bytes; return whether a window ended below the rate."""
        self._bytes += count
        elapsed = now - self._since
        if elapsed < self._limits.min_rate_grace:
            return False
        too_slow = self._bytes < self._limits.min_rate * elapsed
        self._since, self._bytes = now, 0
        return too_slow
