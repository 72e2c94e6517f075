"""What is seen of a protocol that serves HTTP, whichever version it speaks."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from evloop.http.response import Body


@runtime_checkable
class Serving(Protocol):
    """One connection, for those who look on."""

    @property
    def bodies(self) -> Sequence[Body]:
        """The bodies that are being sent, if they are not all in the socket already."""

    @property
    def streams(self) -> int:
        """Streams of HTTP/2 that are open; 0 in HTTP/1."""

    @property
    def buffered(self) -> int:
        """Bytes that this connection alone holds."""
