"""Every scenario with every server, round by round."""

import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.docroot import Docroot
from bench.figures import VoidError
from bench.load import Address
from lab.processes import TargetError
from lab.running import free_port, running
from lab.servers.base import Server, Setup
from report.figures import show_size

from comparing.computed import fitting
from comparing.contenders import takes_part
from comparing.decision import method
from comparing.docroot import PROBE
from comparing.loading import loading
from comparing.measures import MEASURES, Run
from comparing.results import Cell, Observation, Quantity, Results
from comparing.scenarios import Scenario, Table
from comparing.watch import Watch

# A server is set up for so many times the connections of the scenario: nginx closes some of
# them as soon as a sixteenth is all that is free.
_ROOM = 1.2
_LEAST_CONNECTIONS = 1024

# Others used TCP memory when the machine's differs from ours by this factor and so many bytes.
_FACTOR = 1.25
_SPARE = 4 * 1024 * 1024
_ATTEMPTS = 4

# Tables that show the machine's figure; the others show that of each socket.
_OF_THE_MACHINE = (Table.HELD, Table.SEND_QUEUE)

# After so many void rounds, and no other, a server sits the rest of a scenario out.
_PATIENCE = 2

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Campaign:
    """What is run and how.

    hold: seconds for which downloads are held in flight
    bound: bytes that a server may be made to load
    """

    scenarios: Sequence[Scenario]
    servers: Sequence[Server]
    rounds: int
    hold: float
    bound: int
    docroot: Path
    scratch: Path
    say: Say

    def run(self, results: Results) -> None:
        """Measure, and fill *results*, which hold what there is when this is ended early.

        Every server has its turn before the first has its second, so that a machine which
        gets slower or faster treats all alike.
        """
        for scenario in self.scenarios:
            cells = results.cells.setdefault(scenario.name, {})
            self.say(f"{scenario.name}: {scenario.title}")
            self._ask_apart(scenario, results)
            for number in range(1, self.rounds + 1):
                for server in self.servers:
                    if takes_part(server, scenario):
                        self._round(server, scenario, cells.setdefault(server.name, Cell()), number)

    def _ask_apart(self, scenario: Scenario, results: Results) -> None:
        """Find out what needs no server of its own."""
        name = scenario.groups[0].file_names()[0]
        if scenario.table is Table.BY_TYPE:
            results.methods[scenario.name] = method(self.docroot, name)
        if scenario.table is Table.TIMELINE:
            read, digest = loading(self.docroot / name)
            results.about["loading 100 MB alone"] = (
                f"{read * 1000:.0f} ms to read it, {digest * 1000:.0f} ms to make its ETag"
            )

    def _round(self, server: Server, scenario: Scenario, cell: Cell, number: int) -> None:
        fits = fitting(scenario, server.name, self.bound)
        if fits is None or (len(cell.voids) >= _PATIENCE and not cell.rounds):
            return
        cell.downloads = fits.downloads
        where = f"  round {number}/{self.rounds}  {server.name:<12}"
        try:
            observation = self._undisturbed(server, fits, cell, where)
        except (VoidError, TargetError, OSError) as error:
            cell.voids.append(str(error))
            self.say(f"{where} void: {error}")
            return
        cell.rounds.append(observation)
        self.say(f"{where} {_shown(fits, observation)} {cell.note}".rstrip())

    def _undisturbed(
        self, server: Server, scenario: Scenario, cell: Cell, where: str
    ) -> Observation:
        """Measure again if others used much TCP memory meanwhile; in the end take what there is."""
        for _ in range(_ATTEMPTS - 1):
            observation = self._measure(server, scenario, cell)
            if scenario.table not in _OF_THE_MACHINE or not is_disturbed(observation):
                return observation
            self.say(f"{where} again: something else on this machine used TCP memory")
        return self._measure(server, scenario, cell)

    def _measure(self, server: Server, scenario: Scenario, cell: Cell) -> Observation:
        scratch = Path(tempfile.mkdtemp(prefix=f"{server.name}-", dir=self.scratch))
        scratch.chmod(0o755)
        address = Address(free_port(), server.prefix)
        connections = max(_LEAST_CONNECTIONS, round(scenario.downloads * _ROOM))
        setup = Setup(Docroot(self.docroot), address.port, scratch, connections=connections)
        try:
            with running(server.launch(setup), address, PROBE, scratch):
                watch = Watch(address.port)
                run = Run(address, watch, self.docroot, scenario, self.hold)
                observation = MEASURES[scenario.measure](run)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
        if not cell.series:
            cell.series = _growth_series(watch)
        cell.note = "; ".join(run.notes)
        return observation


def is_disturbed(observation: Observation) -> bool:
    """Whether the machine's TCP memory grew by much more than is in the sockets of this run."""
    ends = (Quantity.SERVER_SOCKETS, Quantity.CLIENT_SOCKETS)
    ours = sum(observation.get(end, 0.0) for end in ends)
    grown = observation.get(Quantity.KERNEL_TCP, 0.0)
    return ours > 0 and not ours / _FACTOR - _SPARE < grown < ours * _FACTOR + _SPARE


def _growth_series(watch: Watch) -> list[tuple[float, float]]:
    history = watch.history
    series = history.series(history.own_metric)
    base = series[0][1]
    return [(round(at, 3), value - base) for at, value in series]


def _shown(scenario: Scenario, observation: Observation) -> str:
    """Say the main figures of *observation* in one line."""
    parts = []
    for quantity, name in ((Quantity.GROWTH, "growth"), (Quantity.KERNEL_TCP, "kernel TCP")):
        if quantity in observation:
            each = show_size(observation[quantity] / scenario.downloads)
            parts.append(f"{name} {show_size(observation[quantity])} ({each} each)")
    for quantity, name in (
        (Quantity.FIRST_BYTE_MEDIAN, "first byte"),
        (Quantity.FIRST_BYTE, "alone: first byte"),
        (Quantity.TOTAL, "total"),
    ):
        if quantity in observation:
            parts.append(f"{name} {observation[quantity] * 1000:.1f} ms")
    return ", ".join(parts)
