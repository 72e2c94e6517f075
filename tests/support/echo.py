"""A second protocol: it sends back each line, and ends after the line `bye`."""

from collections.abc import Callable
from enum import Enum

from evloop.net.protocol import READ, WRITE, Closing, Retention, Window

_TIMEOUT = 5.0
_MAX_LINE = 1024


class EchoState(Enum):
    """What an echo is doing; see ProtocolState."""

    LISTENING = "listening"
    ECHOING = "echoing"
    OVER = "over"
    LOST = "lost"

    @property
    def interest(self) -> int:
        return WRITE if self is EchoState.ECHOING else READ

    @property
    def closing(self) -> Closing:
        return {EchoState.OVER: Closing.LINGER, EchoState.LOST: Closing.RESET}.get(
            self, Closing.OPEN
        )

    @property
    def retention(self) -> Retention:
        return Retention.BUSY if self is EchoState.ECHOING else Retention.IDLE

    @property
    def is_brief(self) -> bool:
        return False

    @property
    def wakes(self) -> bool:
        return False


class Echo:
    """The server's side of one connection."""

    def __init__(self, peer: str, now: float) -> None:
        self.peer = peer
        self.since = now
        self.state = EchoState.LISTENING
        self._line = b""  # what has come of the next line
        self._unsent = b""
        self._is_last = False

    @property
    def deadline(self) -> float:
        return self.since + _TIMEOUT

    @property
    def is_heavy(self) -> bool:
        return bool(self._line or self._unsent)

    @property
    def room(self) -> int:
        return _MAX_LINE - len(self._line)

    def receive_data(self, data: bytes, now: float) -> None:
        lines, end, self._line = (self._line + data).rpartition(b"\n")
        self._unsent += lines + end
        self._is_last = b"bye" in lines.split(b"\n")
        self._enter(EchoState.ECHOING if self._unsent else EchoState.LISTENING, now)

    def receive_eof(self, now: float) -> None:
        self._enter(EchoState.OVER, now)

    def outgoing(self, now: float) -> tuple[bytes, ...] | Window:
        return (self._unsent,) if self._unsent else ()

    def sent(self, count: int, now: float) -> None:
        self._unsent = self._unsent[count:]
        if not self._unsent:
            self._enter(EchoState.OVER if self._is_last else EchoState.LISTENING, now)

    def expire(self, now: float) -> None:
        self._enter(EchoState.OVER, now)

    def resume(self, now: float) -> None: ...

    def on_wake(self, wake: Callable[[float], None]) -> None: ...

    def lost(self, error: OSError, now: float) -> None:
        self._enter(EchoState.LOST, now)

    source_lost = lost

    def refuse(self, now: float) -> None:
        self._unsent, self._is_last = b"full\n", True
        self._enter(EchoState.ECHOING, now)

    def finish(self, now: float) -> None:
        self._is_last = True
        if self.state is EchoState.LISTENING:
            self._enter(EchoState.OVER, now)

    def shut_down(self, now: float) -> None:
        self._enter(EchoState.LOST, now)

    fail = shut_down

    def _enter(self, state: EchoState, now: float) -> None:
        self.state, self.since = state, now
