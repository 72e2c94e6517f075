"""HTTP/1 over TLS: the same, and the log knows what was agreed."""

from evloop.http1.context import Context
from evloop.http1.protocol import Http1Protocol
from evloop.net.protocol import Security
from evloop.observe.exchange import EndReason


class SecureHttp1Protocol(Http1Protocol):
    """One connection's requests and responses, over TLS."""

    __slots__ = ("_security",)

    def __init__(self, context: Context, peer: str, now: float, security: Security) -> None:
        super().__init__(context, peer, now)
        self._security = security

    def _note_end(self, end: EndReason, now: float, why: str = "") -> None:
        if self._exchange is not None:
            self._exchange.security = self._security
        super()._note_end(end, now, why)
