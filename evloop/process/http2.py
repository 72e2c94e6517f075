"""HTTP/2 as a worker has it: imported only where it is spoken."""

from functools import partial

from evloop.http1.context import Context as Http1Context
from evloop.http2.context import Context
from evloop.http2.memo import Memo
from evloop.http2.prior_knowledge import Factories, PriorKnowledge
from evloop.http2.protocol import Http2Protocol
from evloop.net.listener import ProtocolFactory
from evloop.net.protocol import Protocol, Security


class Http2:
    """What all HTTP/2 connections of a worker share: what those of HTTP/1 do, but for the wire.

    *streams* may be open beside the first ones of their connections.
    """

    def __init__(self, http1: Http1Context, streams: int) -> None:
        self.memo = Memo()
        self.context = Context(
            http1.responder,
            http1.observer,
            self.memo,
            http1.limits,
            streams,
            fields=http1.fields,
            pacing=http1.pacing,
            user_of=http1.user_of,
        )

    def new_protocol(self, peer: str, now: float, security: Security | None = None) -> Protocol:
        """Return the protocol of a connection whose client speaks HTTP/2."""
        return Http2Protocol(self.context, peer, now, security)

    def with_prior_knowledge(self, http1: ProtocolFactory) -> ProtocolFactory:
        """Return what makes protocols that find out whether the client speaks HTTP/1 or 2."""
        factories = Factories(http1, self.new_protocol)
        return partial(PriorKnowledge, factories, self.context.limits)
