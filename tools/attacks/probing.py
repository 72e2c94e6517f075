"""One question after the other, with the answers as they come."""

from collections.abc import Iterator

from evloop_tools.load.raw import ask

from attacks.shapes import SHAPES
from attacks.target import Attacked
from attacks.telling import tell

_SILENCE = 0.7
"""Seconds without a byte after which a server that has not closed is taken to wait."""

QUESTIONS: dict[str, bytes] = {
    "a hidden file": b"GET /.env HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "a link out of the root": b"GET /link.txt HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "a FIFO": b"GET /fifo HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "a path cut at %00": b"GET /small.txt%00.html HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "a range backwards": b"GET /small.txt HTTP/1.1\r\nHost: localhost\r\nRange: bytes=5-2\r\n\r\n",
    "a thousand ranges": b"GET /small.txt HTTP/1.1\r\nHost: localhost\r\nRange: bytes="
    + b",".join(b"%d-%d" % (number, number) for number in range(0, 2000, 2))
    + b"\r\n\r\n",
}


def probe(target: Attacked, is_quiet: bool = False) -> Iterator[str]:
    """Ask everything there is to ask, and tell the answers; *is_quiet*: only what is wrong."""
    for name, question in QUESTIONS.items():
        reply = ask(target.address, question, _SILENCE)
        if not is_quiet:
            yield tell(f"{name}: {reply}", question=name, **reply._asdict())
    twice = []
    for name, question in SHAPES.items():
        reply = ask(target.address, question, _SILENCE)
        is_twice = len(reply.statuses) > 1
        twice += [name] if is_twice else []
        if is_twice or not is_quiet:
            yield tell(f"smuggling, {name}: {reply}", shape=name, **reply._asdict())
    named = ", ".join(twice) or "none"
    text = f"{len(twice)} of {len(SHAPES)} shapes are answered twice: {named}"
    yield tell(text, shapes=len(SHAPES), answered_twice=twice)
