"""The three strategies of the guide as settings of evloop, and other servers beside them."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path

from evloop_tools.lab.servers.base import Kind, Server
from evloop_tools.lab.servers.evloop import Evloop
from evloop_tools.lab.servers.registry import all_servers

from comparing.scenarios import Scenario, Table


class Strategy(StrEnum):
    """What a server can do with a file; the value names it in results and on the page."""

    LOAD_ALL = "load-all"
    STREAMING = "streaming"
    HYBRID = "hybrid"
    UNBOUNDED = "unbounded"
    """hybrid with as much in the kernel's send queues as the kernel likes."""


# A private copy for every request is what the guide's load-all makes; shared, one would do.
SETTINGS: Mapping[Strategy, tuple[str, ...]] = {
    Strategy.LOAD_ALL: (
        *("--max-in-memory-size", "1TiB", "--memory-budget", "1TiB", "--preload", "private"),
    ),
    Strategy.STREAMING: ("--max-in-memory-size", "0"),
    Strategy.HYBRID: (),
    Strategy.UNBOUNDED: ("--send-queue", "1GiB"),
}


def strategies(command: Sequence[str]) -> tuple[Server, ...]:
    """Return evloop, which *command* starts, once for each strategy."""
    return tuple(
        Evloop(tuple(command), name=strategy, options=options)
        for strategy, options in SETTINGS.items()
    )


def peers(python: str, build: Path) -> tuple[Server, ...]:
    """Return the servers that are not evloop; *python* runs those that are written in Python."""
    others = all_servers((), python, build)
    return tuple(server for server in others if server.kind in (Kind.NATIVE, Kind.PYTHON))


def takes_part(server: Server, scenario: Scenario) -> bool:
    """Whether *server* is measured in *scenario*."""
    if server.name == Strategy.UNBOUNDED:
        return scenario.table is Table.SEND_QUEUE
    if scenario.table is Table.SEND_QUEUE:
        return server.name == Strategy.HYBRID
    if scenario.table is Table.TOOLS and is_strategy(server.name):
        return server.name == Strategy.HYBRID
    if scenario.table is Table.HELD and server.name == Strategy.LOAD_ALL:
        return False  # it would hold as many as fit, which other scenarios have shown
    return is_strategy(server.name) or scenario.beside_peers


def is_strategy(name: str) -> bool:
    """Whether *name* is evloop in one of its settings."""
    return name in set(Strategy)
