"""The server that is attacked: one of our own in a child process, or one that runs already."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple, Self

import psutil
from evloop_tools.lab.conversation import Conversation
from evloop_tools.lab.errors import VoidError
from evloop_tools.lab.processes import Tree
from evloop_tools.load.endpoint import LOOPBACK, Endpoint, local_endpoint
from evloop_tools.load.raw import Address

_VICTIM = Path(__file__).with_name("victim.py")
_PATIENCE = 20.0  # seconds until a child has answered, or is killed when it should end


class Usage(NamedTuple):
    """What a server has taken of the machine: all its processes together."""

    cpu: float
    """Seconds, since it started."""
    memory: int
    """Resident bytes."""
    descriptors: int


class Attacked:
    """A server on this machine, by its address and its processes."""

    def __init__(self, address: Address, tree: Tree) -> None:
        self.address = address
        self._tree = tree

    @classmethod
    def on_port(cls, port: int) -> "Attacked":
        """Raises TargetError when nobody listens there."""
        return cls((LOOPBACK, port), Tree.of_port(port))

    @property
    def endpoint(self) -> Endpoint:
        """Where clients find it."""
        return local_endpoint(self.address[1])

    def usage(self) -> Usage:
        """Return what it has taken so far."""
        processes = self._tree.processes()
        times = [process.cpu_times() for process in processes]
        return Usage(
            sum(time.user + time.system for time in times),
            sum(process.memory_info().rss for process in processes),
            sum(process.num_fds() for process in processes),
        )

    def peers(self) -> set[int]:
        """Return the ports of the clients whose connections the server holds."""
        return {
            connection.raddr.port
            for process in self._tree.processes()
            for connection in process.net_connections("tcp")
            if connection.raddr
        }

    def figures(self) -> Mapping[str, Any]:
        """Return what the server tells of itself; nothing when it does not."""
        return {}

    def reset(self) -> None:
        """Begin the figures of loop lag anew."""

    def log_lines(self) -> int | None:
        """Return how many lines the server has written to its standard error."""
        return None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """It goes on, since somebody else has started it."""


class Victim(Attacked):
    """An evloop of our own. Settings are those of Config, in their plain types.

    Two more are for experiments: *descriptors*, the limit of open files, and *nowait*, whether
    reads ask for what is in memory first.
    """

    def __init__(self, root: Path, **settings: Any) -> None:
        command = [sys.executable, str(_VICTIM), json.dumps({"root": str(root), **settings})]
        self._child = Conversation(command)
        try:
            host, port = self._child.expect("ready", _PATIENCE)["address"]
        except VoidError as error:
            self._child.end(_PATIENCE)
            raise RuntimeError(f"the server has ended: {error}") from error
        except BaseException:
            self._child.end(_PATIENCE)
            raise
        self.pid = self._child.pid
        super().__init__((host, port), Tree([psutil.Process(self.pid)]))

    def figures(self) -> Mapping[str, Any]:
        self._child.say("figures")
        try:
            told: Mapping[str, Any] = self._child.expect("figures", _PATIENCE)["figures"]
        except VoidError as error:
            raise RuntimeError(f"the server has ended: {error}") from error
        return told

    def reset(self) -> None:
        self._child.say("reset")

    def log(self) -> str:
        """Return what the server has written to its standard error."""
        return self._child.log()

    def log_lines(self) -> int:
        return len(self.log().splitlines())

    def __exit__(self, *_: object) -> None:
        self._child.end(_PATIENCE)


__all__ = ["Address", "Attacked", "Usage", "Victim"]
