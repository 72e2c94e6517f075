"""Running every server through every row, round by round."""

import shutil
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from lab import interruption
from lab.running import free_port, running
from lab.servers.base import Launch, Server, Setup

from bench.docroot import Docroot
from bench.figures import Sample, VoidError
from bench.load import Address, LoadDriver
from bench.results import Cell, Results, ServerNote
from bench.rows import Row
from bench.workloads import Bench

# After this many void rounds in a row a server sits the rest of the row out.
PATIENCE = 2

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Campaign:
    """What is to be run, and with what; *seconds* is the length of one measurement."""

    rows: Sequence[Row]
    servers: Sequence[Server]
    rounds: int
    seconds: float
    load: LoadDriver
    docroot: Docroot
    scratch: Path
    say: Say

    def run(self, results: Results) -> None:
        """Measure, and fill *results*, which hold whatever was measured when this is ended early.

        The rounds are interleaved: every server has its turn before the first has its
        second, so that a machine which gets slower or faster treats all alike.
        """
        results.rounds, results.seconds = self.rounds, self.seconds
        for row in self.rows:
            taking_part = [server for server in self.servers if row.runs(server)]
            cells = results.cells.setdefault(row.name, {})
            cells.update({server.name: Cell() for server in taking_part})
            self.say(f"{row.name}: {row.title}")
            for number in range(1, self.rounds + 1):
                for server in taking_part:
                    if not _has_given_up(cells[server.name]):
                        self._round(row, server, number, results)

    def _round(self, row: Row, server: Server, number: int, results: Results) -> None:
        interruption.check()
        cell = results.cell(row.name, server.name)
        note = results.servers[server.name]
        where = f"  round {number}/{self.rounds}  {server.name:<16} "
        try:
            sample = self._measure(row, server, note)
        except VoidError as error:
            cell.voids.append(str(error))
            self.say(f"{where} void: {error}")
            return
        cell.samples.append(sample)
        self.say(where + row.shown(sample))

    def _measure(self, row: Row, server: Server, note: ServerNote) -> Sample:
        scratch = Path(tempfile.mkdtemp(prefix=f"{server.name}-", dir=self.scratch))
        scratch.chmod(0o755)
        try:
            address = Address(free_port(), server.prefix)
            setup = Setup(
                self.docroot,
                address.port,
                scratch,
                row.transfer,
                row.connections,
                floor=row.floor_command(self.docroot),
            )
            launch = server.launch(setup)
            note.configurations[row.name] = configuration(launch, setup)
            with running(launch, address, self.docroot.small, scratch) as server_process:
                bench = Bench(server_process, self.docroot, self.load, self.seconds)
                return row.measure(bench)
        except (OSError, VoidError) as error:
            reason = str(error) or type(error).__name__
            raise VoidError(reason.replace(str(scratch), "SCRATCH")) from error
        finally:
            shutil.rmtree(scratch, ignore_errors=True)


def _has_given_up(cell: Cell) -> bool:
    return len(cell.voids) >= PATIENCE and not cell.samples


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
        (str(setup.docroot.path), "ROOT"),
        (str(setup.port), "PORT"),
    ):
        text = text.replace(value, name)
    return text


def find_servers(
    known: Iterable[Server], wanted: Sequence[str], results: Results, say: Say
) -> list[Server]:
    """Return those of *wanted* that can be run here, noted in *results*; say why others can't."""
    found = []
    for server in known:
        if server.name not in wanted:
            continue
        reason = server.missing()
        if reason is None:
            results.servers[server.name] = ServerNote(server.kind.value, server.version())
            found.append(server)
        else:
            results.missing[server.name] = reason
            say(f"{server.name} is left out: {reason}")
    return found
