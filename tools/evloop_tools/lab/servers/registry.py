"""All servers, in the order in which they are run and shown."""

from collections.abc import Sequence
from pathlib import Path

from evloop import Config
from evloop_tools.lab.servers.base import Server
from evloop_tools.lab.servers.evloop import Evloop
from evloop_tools.lab.servers.floor import Floor
from evloop_tools.lab.servers.native import Caddy, H2o, Lighttpd, Nginx
from evloop_tools.lab.servers.python_peers import python_peers

SUBJECT = "evloop"

# evloop without its bound on unsent bytes: what the bound costs a fast client.
UNBOUNDED = "evloop-unbounded"

# Bytes that evloop moves for one connection in one turn of its loop.
BURST_SIZE = 256 * 1024

# The floor with evloop's bounds on unsent bytes and on turns: what is left is Python.
BOUNDED_FLOOR = "floor-bounded"
_BOUNDS = (str(Config().send_queue), str(BURST_SIZE))


def all_servers(evloop: Sequence[str], peer_python: str, build: Path) -> tuple[Server, ...]:
    """Return every server the benchmark knows.

    *evloop* is the command that starts evloop, *peer_python* the interpreter of the Python
    peers, *build* a directory for compiled programs.
    """
    return (
        Evloop(tuple(evloop)),
        Evloop(
            tuple(evloop),
            name=UNBOUNDED,
            options=("--send-queue", "1GiB"),
            only_in=frozenset({"large", "sendfile", "slow"}),
        ),
        Nginx(),
        Nginx(name="nginx-cache", caches_files=True),
        Nginx(name="nginx-copy", never_sendfile=True, only_in=frozenset({"slow"})),
        Lighttpd(),
        Caddy(),
        H2o(),
        *python_peers(peer_python),
        Floor(build),
        Floor(build, name=BOUNDED_FLOOR, bounds=_BOUNDS, only_in=frozenset({"large", "sendfile"})),
    )
