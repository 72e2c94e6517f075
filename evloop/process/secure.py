"""TLS as a server has it: its certificates from the settings, and the listeners that use them.

To be imported only where TLS is on: it loads OpenSSL, of 2 MiB and 25 ms.
"""

from collections.abc import Iterator, Sequence
from math import nextafter
from socket import SocketType
from typing import TYPE_CHECKING, Any, Final

from evloop.http1.context import Context
from evloop.http1.headcache import HeadCache
from evloop.http1.protocol import Http1Protocol
from evloop.http1.secure import SecureHttp1Protocol
from evloop.net.handshakes import Handshakes, SecureFactory
from evloop.net.listener import Listener, ProtocolFactory
from evloop.net.pool import ConnectionPool
from evloop.net.protocol import Protocol, Security
from evloop.net.secure import SecureConnection
from evloop.process.environment import ServerError
from evloop.settings.config import Config, ConfigError
from evloop.site.clock import Clock
from evloop.site.redirect import RedirectSite
from evloop.tls.certificates import CHECK_INTERVAL, Certificates
from evloop.tls.context import ContextSettings
from evloop.tls.pair import Files, Pair, PairError
from evloop.tls.selfsigned import make_pair, own_names

if TYPE_CHECKING:
    from evloop.process.http2 import Http2

HTTP_1_1: Final = "http/1.1"
HTTP_2: Final = "h2"
"""Names among the protocols of RFC 7301."""

_PLAIN_PAGE: Final = b"This port speaks HTTPS: the address must begin with https://\n"
_PLAIN_ANSWER: Final = (
    b"HTTP/1.1 400 Bad Request\r\n"
    b"Content-Type: text/plain; charset=utf-8\r\n"
    b"Content-Length: %d\r\n"
    b"Connection: close\r\n\r\n%b" % (len(_PLAIN_PAGE), _PLAIN_PAGE)
)


def application_protocols(config: Config) -> tuple[str, ...]:
    """Return what may be agreed on by ALPN (RFC 7301), in the order of the server's choice."""
    return (HTTP_2, HTTP_1_1) if config.http2 else (HTTP_1_1,)


def load_certificates(config: Config) -> Certificates:
    """Return the certificates of *config*. Raises ServerError for what can't be used."""
    keys = config.tls_key or config.tls_cert
    files = [
        Files(certificate, key, config.tls_key_password_file)
        for certificate, key in zip(config.tls_cert, keys, strict=True)
    ]
    settings = ContextSettings(
        application_protocols(config), config.tls_min_version, config.tls_client_ca
    )
    made = _make_pair(config) if config.tls_self_signed else None
    try:
        return Certificates(files, settings, made=made, allow_expired=config.tls_allow_expired)
    except PairError as error:
        option = "--tls-self-signed" if made else "--tls-cert"
        raise ServerError(f"{option}: {error}") from error


def _make_pair(config: Config) -> Pair:
    try:
        return make_pair(own_names(config.host))
    except ModuleNotFoundError as error:
        reason = "it needs the package cryptography: pip install 'evloop-server[tls]'"
        raise ConfigError("--tls-self-signed", "on", reason) from error


class SecureService:
    """The TLS of one worker: looks after *certificates* while *pool*'s reactor turns.

    *context* and *http2* are what protocols are made with.
    """

    def __init__(
        self,
        config: Config,
        certificates: Certificates,
        context: Context,
        http2: "Http2 | None",
        pool: ConnectionPool,
    ) -> None:
        self.certificates = certificates
        self._context = context
        self._http2 = http2
        self._pool = pool
        self._plain_contexts: list[Context] = []
        self._handshakes = Handshakes(
            pool.reactor,
            certificates.context_for,
            self._factories(config),
            timeout=config.head_timeout,
            send_queue=config.queue_size,
            plain_answer=_PLAIN_ANSWER,
            asks_clients=bool(config.tls_client_ca),
        )
        self._next_check = pool.reactor.call_at(pool.reactor.now, self._check)

    def _factories(self, config: Config) -> dict[str | None, SecureFactory]:
        """Return what speaks each protocol; None stands for clients that name none."""
        factories: dict[str | None, SecureFactory] = {
            HTTP_1_1: self._new_http1,
            None: self._new_http1,
        }
        if config.http2 and self._http2 is not None:
            factories[HTTP_2] = self._http2.new_protocol
        assert set(application_protocols(config)) == factories.keys() - {None}
        return factories

    def _new_http1(self, peer: str, now: float, security: Security) -> Protocol:
        return SecureHttp1Protocol(self._context, peer, now, security)

    def listeners(
        self, sockets: Sequence[SocketType], plain_sockets: Sequence[SocketType], send_queue: int
    ) -> Iterator[Listener]:
        """Yield a listener on each of *sockets* that speaks TLS, and one on each of
        *plain_sockets* that sends everybody to the first of these."""
        for sock in sockets:
            new_handshake = self._handshakes.new_protocol
            yield Listener(sock, new_handshake, self._pool, send_queue, self._connect)
        for sock in plain_sockets:
            redirects = self._redirects(_port_of(sockets[0]), _port_of(sock))
            yield Listener(sock, redirects, self._pool, send_queue)

    def _connect(
        self, accepted: SocketType, protocol: Protocol, pool: ConnectionPool
    ) -> SecureConnection:
        return SecureConnection(accepted, protocol, pool, self._handshakes)

    def _redirects(self, port: int, plain_port: int) -> ProtocolFactory:
        """Return what answers on *plain_port* by sending everybody to HTTPS on *port*."""
        shared = self._context
        site = RedirectSite(shared.responder, Clock(), self.certificates.serves, port, plain_port)
        plain = Context(
            site,
            shared.observer,
            HeadCache(0),  # the same head is answered otherwise here
            shared.limits,
            fields=shared.fields,
            pacing=shared.pacing,
            user_of=shared.user_of,
        )
        self._plain_contexts.append(plain)
        return lambda peer, now: Http1Protocol(plain, peer, now)

    def drain(self) -> None:
        """Make each response the last of its connection from now on."""
        for context in self._plain_contexts:
            context.drain()

    @property
    def fingerprints(self) -> list[str]:
        """The SHA-256 of each certificate in use, the default one first."""
        return [pair.fingerprint for pair in self.certificates.pairs]

    def figures(self) -> dict[str, Any]:
        """Return what a Snapshot says of handshakes."""
        counts = self._handshakes.counts
        return {
            "handshakes": counts.begun,
            "handshakes_resumed": counts.resumed,
            "handshake_failures": {each.value: n for each, n in counts.failures.items()},
        }

    def _check(self, now: float) -> None:
        self.certificates.check()
        due = max(now + CHECK_INTERVAL, nextafter(now, float("inf")))
        self._next_check = self._pool.reactor.call_at(due, self._check)

    def close(self) -> None:
        """Look at the files no more."""
        self._next_check.cancel()


def _port_of(sock: SocketType) -> int:
    port: int = sock.getsockname()[1]
    return port
