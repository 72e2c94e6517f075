"""What is said at the start and at the end of serving."""

import os
import socket
from collections.abc import Iterator

from evloop import __version__
from evloop.cli.addresses import own_addresses
from evloop.process.demonstration import tells_figures
from evloop.process.environment import is_loopback, url_of
from evloop.process.server import Server
from evloop.settings.choices import Demo
from evloop.settings.config import Config
from evloop.settings.printable import printable
from evloop.settings.units import format_size

_STDERR = 2


def greeting(server: Server) -> str:
    """Return what somebody needs who has just started *server*, which is open."""
    config = server.config
    root = printable(os.path.realpath(os.fsdecode(config.root)))
    lines = [
        f"evloop {__version__} serves {root}",
        *_addresses(server),
        *_remarks(server, root),
        *(_plan(server) if config.verbose else ()),
        *(_code(server) if config.qr else ()),
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
        yield "the certificate is self-signed, made now; its SHA-256:"
        yield from (f"  {fingerprint}" for fingerprint in server.worker.fingerprints)
    if not all(is_loopback(host) for host, _ in server.addresses):
        for url in urls_from_elsewhere(server.addresses, server.config.scheme):
            if url not in server.urls:
                yield f"{url}  from elsewhere"
        yield "others can reach it; -b 127.0.0.1 keeps it on this machine"


def _remarks(server: Server, root: str) -> Iterator[str]:
    config = server.config
    if not server.worker.service.has_index:
        what = "is a listing" if server.worker.service.lists else "answers 404"
        yield f"no {' or '.join(config.index)} in {root}: / {what}"
    if config.demo is Demo.ON or (config.verbose and tells_figures(config, server.addresses)):
        yield "demo: /.well-known/evloop tells memory, connections and bytes sent"
    if config.dev:
        yield "dev: browsers ask for each file every time"
    elif config.cache_control == Config().cache_control:
        yield "browsers keep files for 1 h; --dev asks every time"


def _code(server: Server) -> Iterator[str]:
    """Yield the code of the first address that others can reach."""
    from evloop.cli.qr import qr_lines  # for those who ask for it alone

    urls = urls_from_elsewhere(server.addresses, server.config.scheme)
    if urls:
        yield from qr_lines(urls[0], is_terminal=os.isatty(_STDERR))
    else:
        yield "no code: nobody else can reach it; -b 0.0.0.0 lets others in"


def _plan(server: Server) -> Iterator[str]:
    plan = server.memory
    yield f"strategy: {server.config.strategy}"
    yield f"memory: {format_size(plan.ceiling)} at most, {plan.connections:,} connections at once"
    widest = max(len(term.name) for term in plan.terms)
    for term in plan.terms:
        yield f"  {term.name.ljust(widest)}  {format_size(term.size):>10}"


def urls_from_elsewhere(addresses: list[tuple[str, int]], scheme: str = "http") -> list[str]:
    """Return where other machines find a server that listens on *addresses*."""
    hosts = {host for host, _ in addresses}
    is_dual = "::" in hosts and all(":" in host for host in hosts)
    urls = []
    for host, port in addresses:
        if host == "0.0.0.0" or (host == "::" and is_dual):
            urls += [url_of(own, port, scheme) for own in own_addresses(socket.AF_INET)]
        if host == "::":
            urls += [url_of(own, port, scheme) for own in own_addresses(socket.AF_INET6)]
        elif host != "0.0.0.0" and not is_loopback(host):
            urls.append(url_of(host, port, scheme))
    return urls


def _elapsed(seconds: float) -> str:
    """Return *seconds* as `0.8 s`, `12 s`, `3 min 20 s` or `5 h 2 min`."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if not minutes:
        return f"{rest} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"
