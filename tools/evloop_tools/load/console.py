"""The child's side of a conversation (lab.conversation): events out, lines in.

An event is a line that starts with MARK and holds a JSON object with an "event". A line on
the standard input means: go on; its end means: end.
"""

import json
import os

from evloop.net.protocol import READ
from evloop.net.reactor import Reactor

MARK = b"bench:"
_STDIN, _STDOUT = 0, 1


def say(event: str, **values: object) -> None:
    """Print *event*. Raises BrokenPipeError when nobody listens any more."""
    line = memoryview(MARK + json.dumps({"event": event, **values}).encode() + b"\n")
    while line:
        line = line[os.write(_STDOUT, line) :]


def hear() -> str:
    """Return the next line of the standard input; raise EOFError at its end."""
    with open(_STDIN, "rb", buffering=0, closefd=False) as stdin:
        line = stdin.readline()
    if not line:
        raise EOFError
    return line.decode()


class Reins:
    """Notices a line, or the end, on the standard input while a reactor turns.

    told: lines that came and that nobody has taken yet; is_over: the input has ended
    """

    def __init__(self, reactor: Reactor) -> None:
        self.told = 0
        self.is_over = False
        self._reactor = reactor
        reactor.add(_STDIN, self, READ)

    def ready(self, bits: int, now: float) -> None:
        """Take what was said."""
        data = os.read(_STDIN, 4096)
        self.told += data.count(b"\n")
        if not data:
            self.is_over = True
            self._reactor.modify(_STDIN, 0)

    def fail(self, error: Exception) -> None:
        """Nothing here fails but a read that nobody can repair."""
        raise error
