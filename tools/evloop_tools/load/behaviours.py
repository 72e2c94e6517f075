"""The scripts: how the visitors of a server behave.

Each is a generator of steps. What is left to chance comes from the visitor's own
generator of random numbers, so that the same seed makes the same visitors.
"""

import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from evloop_tools.load.files import LARGE, SMALL, Catalogue, File, Kind
from evloop_tools.load.requests import if_changed, some_ranges, whole
from evloop_tools.load.steps import Ask, Close, Ending, Rest, Script

_MIDDLING = (Kind.DOCUMENT, Kind.VIDEO)  # what is large but, if possible, not very large
_MOST_RESUMED = 32 * 1024 * 1024  # bytes that are left when a download breaks off
_MOST_RANGE = 64 * 1024  # bytes of one of several ranges
_BROWSER_CONNECTIONS = 6


@dataclass(frozen=True, slots=True)
class Habits:
    """What all visitors have in common. Times in seconds.

    rate: bytes per second that slow ones read
    pause: mean time between two requests of one visitor
    stall: how long a stalled one stays
    trickle: how long a trickled head takes
    """

    rate: float = 64 * 1024
    pause: float = 1.0
    stall: float = 15.0
    trickle: float = 4.0


@dataclass(slots=True)
class Visitor:
    """Who carries out a script: its chance, and what it may ask for.

    kinds: the files that it wants; none: those that suit its behaviour
    bring: starts a script beside this one, with a connection of its own
    """

    chance: random.Random
    catalogue: Catalogue
    habits: Habits
    bring: Callable[[Script], None]
    kinds: tuple[Kind, ...] = ()

    def pick(self, *kinds: Kind) -> File:
        """Choose a file, of the kinds that the visitor wants or else of *kinds*."""
        return self.catalogue.pick(self.chance, *(self.kinds or kinds))

    def small(self) -> File:
        """Choose a small file."""
        return self.pick(*self.chance.sample(SMALL, k=len(SMALL)))

    def large(self) -> File:
        """Choose a large file."""
        return self.pick(*self.chance.sample(LARGE, k=len(LARGE)))

    def pause(self) -> Rest:
        """Think for a while."""
        mean = self.habits.pause
        return Rest(self.chance.expovariate(1 / mean) if mean else 0.0)

    def ending(self) -> Ending:
        """Choose how to close."""
        return self.chance.choice(list(Ending))


Behaviour = Callable[[Visitor], Script]


def full(visitor: Visitor) -> Script:
    """Whole files at full speed: one in five is large."""
    for _ in range(visitor.chance.randint(1, 8)):
        wants_small = visitor.chance.random() < 0.8
        yield Ask((whole(visitor.small() if wants_small else visitor.pick(*_MIDDLING)),))
        yield visitor.pause()


def slow(visitor: Visitor) -> Script:
    """A large file at a limited rate."""
    yield Ask((whole(visitor.large()),), rate=visitor.habits.rate)
    yield visitor.pause()


def stalled(visitor: Visitor) -> Script:
    """A large file of which nothing is read but the head."""
    yield Ask((whole(visitor.large()),), body_bytes=0)
    yield Rest(visitor.habits.stall)
    yield Close(visitor.ending())


def slow_head(visitor: Visitor) -> Script:
    """A request whose head arrives in pieces."""
    for _ in range(visitor.chance.randint(1, 2)):
        yield Ask((whole(visitor.small()),), trickle=visitor.habits.trickle)
        yield visitor.pause()


def resume(visitor: Visitor) -> Script:
    """A download that breaks off and is resumed where it ended."""
    file = visitor.pick(*_MIDDLING)
    size = file.size or 0
    break_at = visitor.chance.randint(0, min(size, _MOST_RESUMED) // 2)
    answer = yield Ask((whole(file),), body_bytes=break_at)
    yield Close(visitor.ending())
    if answer is None or answer.received >= size:
        return
    yield visitor.pause()
    rest = range(answer.received, min(size, answer.received + _MOST_RESUMED))
    yield Ask((some_ranges(file, (rest,), _strong(answer.etag)),))


def _strong(etag: str | None) -> str | None:
    """If-Range needs a strong tag (RFC 9110 section 13.1.5)."""
    return None if etag is None or etag.startswith("W/") else etag


def ranges(visitor: Visitor) -> Script:
    """Several ranges of a file in one request."""
    for _ in range(visitor.chance.randint(1, 4)):
        file = visitor.pick(*_MIDDLING)
        yield Ask((some_ranges(file, _apart(visitor.chance, file.size or 0)),))
        yield visitor.pause()


def _apart(chance: random.Random, size: int) -> tuple[range, ...]:
    """Choose two to five ranges of *size* bytes, in order, with room between them."""
    count = chance.randint(2, 5)
    room = size // count
    if room < 4:
        return (range(size),)
    longest = min(_MOST_RANGE, room // 2)
    starts = [number * room + chance.randrange(room - longest) for number in range(count)]
    return tuple(range(start, start + chance.randint(1, longest)) for start in starts)


def revalidate(visitor: Visitor) -> Script:
    """A file that is in the visitor's cache, and asked for again and again."""
    file = visitor.small()
    answer = yield Ask((whole(file),))
    for _ in range(visitor.chance.randint(1, 5)):
        yield visitor.pause()
        if answer is None:
            return
        known = answer
        answer = yield Ask((if_changed(file, known.etag, known.last_modified),))
        answer = answer and known


def pipelined(visitor: Visitor) -> Script:
    """Several requests at once, on a connection that has proved to be kept alive."""
    answer = yield Ask((whole(visitor.small()),))
    for _ in range(visitor.chance.randint(1, 4)):
        count = visitor.chance.randint(2, 8)
        if answer is None or not answer.keeps_alive:
            count = 1  # RFC 9112 section 9.3.2
        answer = yield Ask(tuple(whole(visitor.small()) for _ in range(count)))
        yield visitor.pause()


def abort(visitor: Visitor) -> Script:
    """Breaks off anywhere: within the head, before the answer, within the body."""
    chance = visitor.chance
    request = whole(visitor.pick(*_MIDDLING))
    place = chance.randrange(3)
    if place == 0:
        yield Ask((request,), head_bytes=chance.randint(1, 40))
    elif place == 1:
        yield Ask((request,), head_bytes=1024 * 1024)
    else:
        yield Ask((request,), body_bytes=chance.randint(0, 1024 * 1024))
    if chance.random() < 0.5:
        yield Rest(chance.random())
    yield Close(visitor.ending())
    yield visitor.pause()


def page(visitor: Visitor) -> Script:
    """A page, then what belongs to it over six connections, as browsers do."""
    yield Ask((whole(visitor.pick(Kind.PAGE, Kind.ASSET)),))
    assets = visitor.catalogue.some(Kind.ASSET)
    wanted = deque(visitor.chance.sample(assets, k=min(len(assets), 12)))
    for _ in range(min(len(wanted), _BROWSER_CONNECTIONS) - 1):
        visitor.bring(_fetch(wanted))
    yield from _fetch(wanted)
    yield visitor.pause()


def _fetch(wanted: deque[File]) -> Script:
    while wanted:
        yield Ask((whole(wanted.popleft()),))


BEHAVIOURS: dict[str, Behaviour] = {
    "full": full,
    "slow": slow,
    "stalled": stalled,
    "slow-head": slow_head,
    "resume": resume,
    "ranges": ranges,
    "revalidate": revalidate,
    "pipelined": pipelined,
    "abort": abort,
    "page": page,
}
"""All behaviours by the name that --mix knows them by."""

CONNECTIONS = {"page": _BROWSER_CONNECTIONS}
"""How many connections a client has at once where that is more than one."""
