"""What the benchmark has to know about a server."""

import shutil
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from pathlib import Path

# Longer than any measurement, in seconds: nothing may be closed for being slow or idle.
PATIENCE = 3600

# How long a program may take to tell its version, in seconds.
VERSION_DEADLINE = 10.0


class Kind(Enum):
    """What a server is there for."""

    SUBJECT = "evloop"
    NATIVE = "peer"
    PYTHON = "Python peer"
    FLOOR = "floor"


class Transfer(Enum):
    """How the body of a large file is moved to the socket."""

    AS_IT_IS = "as the server does it"
    COPY = "copied through a buffer"
    SENDFILE = "sendfile"


@dataclass(frozen=True, slots=True)
class Setup:
    """What is asked of a server: where to listen, what to serve, and how.

    *connections* is what it must be able to hold. *floor* is the program, with its arguments,
    that stands for the floor in this row.
    """

    root: Path
    scratch: Path
    port: int = 0
    transfer: Transfer = Transfer.AS_IT_IS
    connections: int = 1024
    floor: tuple[str, ...] = ()

    def at(self, port: int, scratch: Path) -> "Setup":
        """Return the same on *port*, with files in *scratch*."""
        return replace(self, port=port, scratch=scratch)


@dataclass(frozen=True, slots=True)
class Launch:
    """A command, and the files it wants beside it: names in the scratch directory to text."""

    command: tuple[str, ...]
    files: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    directory: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Server(ABC):
    """A server in one configuration; each make derives from it.

    choices: what it can do with a large file
    prefix: stands before each path
    only_in: the rows that it is limited to; empty: none
    """

    name: str
    kind: Kind = Kind.NATIVE
    choices: frozenset[Transfer] = frozenset()
    prefix: str = ""
    only_in: frozenset[str] = frozenset()

    @abstractmethod
    def missing(self) -> str | None:
        """Return why it can't be run here, or None when it can."""

    @abstractmethod
    def version(self) -> str:
        """Return the version that is installed here."""

    @abstractmethod
    def launch(self, setup: Setup) -> Launch:
        """Return how it is started."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Program(Server):
    """A server that is a program on the PATH, of the same name unless *program* says otherwise.

    tells: the argument that has it tell its version
    """

    program: str = ""
    tells: str = "-v"

    @property
    def command(self) -> str:
        """The name of the program."""
        return self.program or self.name

    def missing(self) -> str | None:
        return None if shutil.which(self.command) else f"{self.command} is not installed"

    def version(self) -> str:
        return first_line([self.command, self.tells])


def ask_program(command: list[str], directory: Path | None = None) -> tuple[bool, str]:
    """Run *command* in *directory*; return whether it succeeded, and what it printed."""
    try:
        done = subprocess.run(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            cwd=directory,
            text=True,
            errors="replace",
            timeout=VERSION_DEADLINE,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return False, str(error)
    return done.returncode == 0, done.stdout.strip()


def first_line(command: list[str], directory: Path | None = None) -> str:
    """Return the first line that *command*, run in *directory*, prints, or `unknown`."""
    _, said = ask_program(command, directory)
    return said.partition("\n")[0] or "unknown"
