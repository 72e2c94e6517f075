"""OpenSSL's settings for a server: its modern defaults, and what is left out on purpose."""

import ssl
from collections.abc import Sequence
from typing import NamedTuple

from evloop.settings.choices import TlsVersion
from evloop.tls.pair import Pair, PairError

_VERSIONS = {
    TlsVersion.TLS_1_2: ssl.TLSVersion.TLSv1_2,
    TlsVersion.TLS_1_3: ssl.TLSVersion.TLSv1_3,
}


_CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20:@SECLEVEL=2"
"""Of TLS 1.2: with forward secrecy and AEAD only, as in Mozilla's intermediate list (without its
finite-field groups). CPython's list has CBC as well (Lucky 13, CVE-2013-0169)."""


class ContextSettings(NamedTuple):
    """What all contexts of a server have in common."""

    protocols: tuple[str, ...] = ("http/1.1",)
    """By ALPN (RFC 7301), in the order of the server's choice."""
    min_version: TlsVersion = TlsVersion.TLS_1_2
    client_ca: str = ""
    """File of those who sign clients' certificates, which are then demanded."""


def new_context(pair: Pair, settings: ContextSettings) -> ssl.SSLContext:
    """Return a context with tickets' keys of its own. Raises PairError for the clients' CA."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = _VERSIONS[settings.min_version]
    # No compression (CRIME), no renegotiation (CVE-2011-1473). There is no early data unless it
    # is asked for (RFC 8446 section 8), and CPython has no call for that.
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    context.options |= ssl.OP_CIPHER_SERVER_PREFERENCE
    context.set_ciphers(_CIPHERS)
    # Each ticket is made and sent in every full handshake; a browser that opens several
    # connections at once has each of them bring one.
    context.num_tickets = 1
    context.set_alpn_protocols(list(settings.protocols))
    if settings.client_ca:
        try:
            context.load_verify_locations(settings.client_ca)
        except OSError as error:
            raise PairError(f"{settings.client_ca}: {error.strerror or error}") from error
        context.verify_mode = ssl.CERT_REQUIRED
    pair.load_into(context)
    return context


def protocols_of(names: Sequence[str | None]) -> tuple[str, ...]:
    """Return those of *names* that have one."""
    return tuple(name for name in names if name is not None)
