"""Running every server through every row, round by round."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from evloop_tools.campaign.results import Cell, Results, Sample, ServerNote
from evloop_tools.lab import waiting
from evloop_tools.lab.errors import TargetError, VoidError
from evloop_tools.lab.servers.base import Launch, Server, Setup
from evloop_tools.report.progress import Progress

PATIENCE = 2
"""After so many void rounds, and no other, a server sits the rest of a row out."""

Say = Callable[[str], None]


class Named(Protocol):
    """A row of a campaign: what is measured."""

    @property
    def name(self) -> str: ...
    @property
    def title(self) -> str: ...


Row = TypeVar("Row", bound=Named)


class Campaign(ABC, Generic[Row]):
    """What is to be run; the programs say how a row is measured."""

    def __init__(
        self, rows: Sequence[Row], servers: Sequence[Server], rounds: int, progress: Progress
    ) -> None:
        self.rows = rows
        self.servers = servers
        self.rounds = rounds
        self.progress = progress

    @abstractmethod
    def takes_part(self, row: Row, server: Server) -> bool:
        """Return whether *server* is measured in *row*."""

    @abstractmethod
    def measure(self, row: Row, server: Server, cell: Cell, note: ServerNote) -> Sample | None:
        """Measure once; None: it does not fit. Raises VoidError when it must not count."""

    @abstractmethod
    def shown(self, row: Row, sample: Sample, cell: Cell) -> str:
        """Return *sample* as one line."""

    def begin(self, row: Row, results: Results) -> None:
        """Find out what *row* needs no server for."""

    def run(self, results: Results) -> None:
        """Measure, and fill *results*, which hold whatever was measured when this is ended early.

        The rounds are interleaved: every server has its turn before the first has its
        second, so that a machine which gets slower or faster treats all alike.
        """
        parts = {
            row.name: [server for server in self.servers if self.takes_part(row, server)]
            for row in self.rows
        }
        self.progress.begin(self.rounds * sum(map(len, parts.values())))
        for row in self.rows:
            cells = results.cells.setdefault(row.name, {})
            cells.update({server.name: Cell() for server in parts[row.name]})
            self.progress.say(f"{row.name}: {row.title}")
            self.begin(row, results)
            for number in range(1, self.rounds + 1):
                for server in parts[row.name]:
                    self._round(row, server, number, results)
                    self.progress.step()

    def _round(self, row: Row, server: Server, number: int, results: Results) -> None:
        waiting.check()
        cell = results.cells[row.name][server.name]
        note = results.servers.setdefault(server.name, ServerNote(server.kind.value, ""))
        if len(cell.voids) >= PATIENCE and not cell.samples:
            return
        attempt(
            self.progress,
            f"  round {number}/{self.rounds}  {server.name:<16}",
            cell,
            lambda: self.measure(row, server, cell, note),
            lambda sample: self.shown(row, sample, cell),
        )


def attempt(
    progress: Progress,
    where: str,
    cell: Cell,
    measure: Callable[[], Sample | None],
    shown: Callable[[Sample], str],
) -> None:
    """Put into *cell* what *measure* returns, or why that is void; tell it either way."""
    try:
        sample = measure()
    except (VoidError, TargetError, OSError) as error:
        cell.voids.append(str(error) or type(error).__name__)
        progress.say(f"{where} void: {error}")
        return
    if sample is not None:
        cell.samples.append(sample)
        progress.say(f"{where} {shown(sample)}")


def configuration(launch: Launch, setup: Setup) -> str:
    """Return *launch* as text, with names for what differs from run to run."""
    environment = [f"{name}={value}" for name, value in launch.environment.items()]
    program, *arguments = launch.command
    lines = [" ".join([*environment, Path(program).name, *arguments])]
    for name, content in launch.files.items():
        lines += ["", f"# {name}", content.rstrip()]
    text = "\n".join(lines)
    for value, name in (
        (str(setup.scratch), "SCRATCH"),
        (str(setup.root), "ROOT"),
        (str(setup.port), "PORT"),
    ):
        text = text.replace(value, name)
    return text


def installed(servers: Iterable[Server], results: Results, say: Say) -> list[Server]:
    """Return those of *servers* that can be run here, noted in *results*; say why others can't."""
    found = []
    for server in servers:
        reason = server.missing()
        if reason is None:
            results.servers[server.name] = ServerNote(server.kind.value, server.version())
            found.append(server)
        else:
            results.missing[server.name] = reason
            say(f"{server.name} is left out: {reason}")
    return found
