"""The server that is attacked: one of our own in a child process, or one that runs already."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

import psutil
from lab.processes import Tree

Address = tuple[str, int]

_VICTIM = Path(__file__).with_name("victim.py")
_PATIENCE = 20.0  # seconds until a child that should end is killed


class Usage(NamedTuple):
    """What a server has taken of the machine: all its processes together."""

    cpu: float
    """Seconds, since it started."""
    memory: int
    """Resident bytes."""
    descriptors: int


class Target:
    """A server on this machine, by its address and its processes."""

    def __init__(self, address: Address, tree: Tree) -> None:
        self.address = address
        self._tree = tree

    @classmethod
    def on_port(cls, port: int) -> "Target":
        """Raises lab.processes.TargetError when nobody listens there."""
        return cls(("127.0.0.1", port), Tree.of_port(port))

    def usage(self) -> Usage:
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

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        pass


class Victim(Target):
    """An evloop of our own. Settings are those of Config, in their plain types.

    Two more are for experiments: *descriptors*, the limit of open files, and *nowait*, whether
    reads ask for what is in memory first.
    """

    def __init__(self, root: Path, **settings: Any) -> None:
        self._log = tempfile.TemporaryFile("w+b")
        self._child = subprocess.Popen(
            [sys.executable, str(_VICTIM), json.dumps({"root": str(root), **settings})],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            bufsize=1,
        )
        try:
            host, port = self._hear()
        except BaseException:
            self._end()
            raise
        self.pid = self._child.pid
        super().__init__((host, port), Tree([psutil.Process(self.pid)]))

    def figures(self) -> Mapping[str, Any]:
        self._say("figures")
        told: Mapping[str, Any] = self._hear()
        return told

    def reset(self) -> None:
        self._say("reset")

    def log(self) -> str:
        """Return what the server has written to its standard error."""
        self._log.seek(0)
        return self._log.read().decode(errors="replace")

    def log_lines(self) -> int:
        return len(self.log().splitlines())

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end()

    def _say(self, line: str) -> None:
        assert self._child.stdin is not None
        self._child.stdin.write(line + "\n")

    def _hear(self) -> Any:
        assert self._child.stdout is not None
        line = self._child.stdout.readline()
        if not line:
            raise RuntimeError(f"the server has ended: {self.log()}")
        return json.loads(line)

    def _end(self) -> None:
        """End the child, by force if it has to be."""
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        self._child.stdin.close()
        try:
            self._child.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()
        self._child.stdout.close()
        self._log.close()
