"""Hostile connections by the thousand, kept open by a process of their own.

Each kind of guest holds a connection as cheaply as it can; one that the server ends is
replaced at once, so that the attack stays as strong as it was.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Self

from evloop_tools.lab.conversation import Conversation
from evloop_tools.lab.driver import GRACE, clients
from evloop_tools.lab.errors import VoidError
from evloop_tools.load.drills import LEAST_BUFFER
from evloop_tools.load.endpoint import local_endpoint
from evloop_tools.load.orders import Run, Wanted
from evloop_tools.load.raw import Address

from attacks.docroot import LARGE, LARGE_SIZE

SMALL_BUFFER = LEAST_BUFFER
BITE = 512
"""Bytes that a slow reader takes a second."""
_GATHER = 60.0  # seconds until the swarm must be complete
_PATIENCE = 3600.0  # seconds that a guest waits for a sign of the server


class Swarm:
    """So many guests of each kind. Use it as a context; it begins complete.

    kinds: the name of each, its behaviour (see load.drills) and its number
    ended: afterwards, how many connections of each kind the server has ended

    Raises RuntimeError when the server does not take them all in time.
    """

    def __init__(
        self,
        address: Address,
        kinds: Mapping[str, tuple[str, int]],
        files: tuple[Wanted, ...] = (Wanted(LARGE, LARGE_SIZE),),
        status: int = 200,
        is_replaced: bool = True,
    ) -> None:
        self._names = {behaviour: name for name, (behaviour, _) in kinds.items()}
        self._order = Run(
            local_endpoint(address[1]).url,
            tuple((behaviour, count) for behaviour, count in kinds.values() if count),
            files,
            gathers=_GATHER,
            status=status,
            rate=BITE,
            timeout=_PATIENCE,
            is_replaced=is_replaced,
        )
        self.ended: Counter[str] = Counter()
        self._crowd: Conversation | None = None

    def __enter__(self) -> Self:
        if not self._order.groups:
            return self
        self._crowd = clients(self._order)
        try:
            ready = self._crowd.expect("ready", _GATHER + GRACE)
        except VoidError as error:
            self._crowd.end(0.0)
            raise RuntimeError(f"the swarm: {error}") from error
        if ready["connected"] < self._order.clients:
            self._crowd.end(0.0)
            raise RuntimeError("the server does not take all connections")
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._crowd is None:
            return
        try:
            if kind is None:
                self._finish(self._crowd)
        finally:
            self._crowd.end(GRACE)

    def _finish(self, crowd: Conversation) -> None:
        crowd.say()  # go on, and
        crowd.say()  # it was long enough
        for behaviour, counts in crowd.expect("done", GRACE)["groups"].items():
            self.ended[self._names[behaviour]] += counts["ended"]
