"""Many connections on one selector."""

import selectors
from collections import Counter
from collections.abc import Iterator

from bench.client.exchange import BadResponseError, Exchange

READ, WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE


class Crowd:
    """Connections to one port; *errors* counts those that failed, by reason."""

    def __init__(self, port: int, receive_buffer: int | None = None) -> None:
        self._port = port
        self._receive_buffer = receive_buffer
        self._selector = selectors.DefaultSelector()
        self.errors: Counter[str] = Counter()

    def connect(self) -> Exchange | None:
        """Begin a connection, which ready() reports once it may send; None when it failed."""
        try:
            exchange = Exchange(self._port, self._receive_buffer)
        except (BadResponseError, OSError) as error:
            self.errors[str(error)] += 1
            return None
        self._selector.register(exchange.sock, WRITE, exchange)
        return exchange

    def ready(self, seconds: float) -> Iterator[tuple[Exchange, bool]]:
        """Yield each connection that has something for us, and whether it has just been made.

        Waits at most *seconds* for the first.
        """
        for key, events in self._selector.select(max(0.0, seconds)):
            if events & WRITE:
                self._selector.modify(key.fileobj, READ, key.data)
            yield key.data, bool(events & WRITE)

    def ignore(self, exchange: Exchange) -> None:
        """Keep *exchange* open, and don't report it any more."""
        self._selector.unregister(exchange.sock)

    def drop(self, exchange: Exchange, error: BadResponseError | None = None) -> None:
        """Close *exchange*, because of *error* if there is one."""
        self._selector.unregister(exchange.sock)
        exchange.sock.close()
        if error is not None:
            self.errors[str(error)] += 1
