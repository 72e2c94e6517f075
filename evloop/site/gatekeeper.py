"""Who decides who may come in, as a site sees it."""

from typing import Protocol

from evloop.http.request import Request
from evloop.http.responder import Pending


class Gate(Protocol):
    """Knows who may come in."""

    @property
    def fresh_until(self) -> float:
        """Until when a response may be sent again without asking, on the reactor's clock."""

    def authorise(self, request: Request, path: bytes, now: float) -> Pending | None:
        """Return None if *request* may have what is at *path*, or what has to come first.

        Raises RequestError.
        """
