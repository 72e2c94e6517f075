"""HTTP/2 as a worker has it: imported only where it is spoken."""

from functools import partial

from evloop.http.limits import Limits
from evloop.http.responder import Responder
from evloop.http2.context import Context
from evloop.http2.memo import Memo
from evloop.http2.prior_knowledge import Factories, PriorKnowledge
from evloop.http2.protocol import Http2Protocol
from evloop.net.listener import ProtocolFactory
from evloop.net.protocol import Protocol
from evloop.observe.exchange import Observer


class Http2:
    """What all HTTP/2 connections of a worker share. *streams* may be open beside first ones."""

    def __init__(
        self, responder: Responder, observer: Observer, limits: Limits, streams: int
    ) -> None:
        self.memo = Memo()
        self.context = Context(responder, observer, self.memo, limits, streams)

    def new_protocol(self, peer: str, now: float) -> Protocol:
        """Return the protocol of a connection whose client speaks HTTP/2, as ALPN has agreed."""
        return Http2Protocol(self.context, peer, now)

    def with_prior_knowledge(self, http1: ProtocolFactory) -> ProtocolFactory:
        """Return what makes protocols that find out whether the client speaks HTTP/1 or 2."""
        factories = Factories(http1, self.new_protocol)
        return partial(PriorKnowledge, factories, self.context.limits)
