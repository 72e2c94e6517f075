"""What is said at the start and at the end of serving."""

import os
import socket
from collections.abc import Iterator

from evloop import __version__
from evloop.process.environment import is_loopback
from evloop.process.server import Server
from evloop.settings.config import Config
from evloop.settings.printable import printable
from evloop.settings.units import format_size

# Where nothing is sent to: a datagram socket that is connected has only looked up its route.
_ELSEWHERE = {socket.AF_INET: "192.0.2.1", socket.AF_INET6: "2001:db8::1"}  # RFC 5737, RFC 3849
_DISCARD = 9  # RFC 863


def greeting(server: Server) -> str:
    """Return what somebody needs who has just started *server*, which is open."""
    config = server.config
    root = printable(os.path.realpath(os.fsdecode(config.root)))
    lines = [
        f"evloop {__version__} serves {root}",
        *_addresses(server),
        *_remarks(server, root),
        *(_plan(server) if config.verbose else ()),
        "Ctrl-C stops",
    ]
    return "\n  ".join(lines)


def farewell(responses: int, sent: int, seconds: float, peak: int) -> str:
    """Return what it came to; *sent* and *peak*, of the process's memory, are in bytes."""
    count = "1 response" if responses == 1 else f"{responses:,} responses"
    memory = format_size(peak)
    return f"evloop: {count}, {format_size(sent)} in {_elapsed(seconds)}; peak memory {memory}"


def _addresses(server: Server) -> Iterator[str]:
    yield "  ".join(server.urls)
    if server.config.http_redirect:
        yield f"port {server.config.http_redirect} sends plain requests there"
    if server.config.tls_self_signed:
        fingerprint = server.worker.fingerprints[0]
        yield "the certificate is self-signed, made now; its SHA-256:"
        yield f"  {fingerprint}"
    if not all(is_loopback(host) for host, _ in server.addresses):
        scheme = "https" if server.config.has_tls else "http"
        others = "  ".join(_own_urls(server.addresses, scheme))
        if others:
            yield f"{others}  from elsewhere"
        yield "others can reach it; -b 127.0.0.1 keeps it on this machine"


def _remarks(server: Server, root: str) -> Iterator[str]:
    config = server.config
    if not server.worker.has_index:
        what = "is a listing" if server.worker.lists else "answers 404"
        yield f"no {' or '.join(config.index)} in {root}: / {what}"
    if config.dev:
        yield "dev: browsers ask for each file every time"
    elif config.cache_control == Config().cache_control:
        yield "browsers keep files for 1 h; --dev asks every time"


def _plan(server: Server) -> Iterator[str]:
    plan = server.memory
    yield f"strategy: {server.config.strategy}"
    yield f"memory: {format_size(plan.ceiling)} at most, {plan.connections:,} connections at once"
    widest = max(len(term.name) for term in plan.terms)
    for term in plan.terms:
        yield f"  {term.name.ljust(widest)}  {format_size(term.size):>10}"


def _own_urls(addresses: list[tuple[str, int]], scheme: str) -> Iterator[str]:
    """Yield where other machines find a server that listens on all addresses of this one."""
    hosts = {host for host, _ in addresses}
    is_dual = "::" in hosts and all(":" in host for host in hosts)
    for host, port in addresses:
        if host == "0.0.0.0" or (host == "::" and is_dual):
            yield from (f"{scheme}://{own}:{port}/" for own in _own_address(socket.AF_INET))
        if host == "::":
            yield from (f"{scheme}://[{own}]:{port}/" for own in _own_address(socket.AF_INET6))


def _own_address(family: socket.AddressFamily) -> Iterator[str]:
    """Yield the address that this machine has for others, if it has one."""
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((_ELSEWHERE[family], _DISCARD))
            own: str = probe.getsockname()[0]
    except OSError:  # no such family, or no route
        return
    if not is_loopback(own):
        yield own


def _elapsed(seconds: float) -> str:
    """Return *seconds* as `0.8 s`, `12 s`, `3 min 20 s` or `5 h 2 min`."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if not minutes:
        return f"{rest} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"
