"""Every scenario with every server, round by round."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from evloop_tools.campaign.results import Cell, Results, Sample, ServerNote
from evloop_tools.campaign.rounds import Campaign
from evloop_tools.lab.docroot import place
from evloop_tools.lab.processes import Tree
from evloop_tools.lab.running import started
from evloop_tools.lab.servers.base import Server, Setup
from evloop_tools.lab.watch import Watch
from evloop_tools.report.figures import show_size
from evloop_tools.report.progress import Progress

from comparing.alone import loading, method
from comparing.contenders import Strategy, takes_part
from comparing.measures import MEASURES, Run
from comparing.quantities import Quantity
from comparing.scenarios import PROBE, Scenario, Table

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

_SHOWN = (
    (Quantity.FIRST_BYTE_MEDIAN, "first byte"),
    (Quantity.FIRST_BYTE, "alone: first byte"),
    (Quantity.TOTAL, "total"),
)


class GuideCampaign(Campaign[Scenario]):
    """The scenarios of the guide.

    hold: seconds for which downloads are held in flight
    bound: bytes that a server may be made to load
    """

    def __init__(
        self,
        rows: Sequence[Scenario],
        servers: Sequence[Server],
        rounds: int,
        progress: Progress,
        hold: float,
        bound: int,
        root: Path,
    ) -> None:
        super().__init__(rows, servers, rounds, progress)
        self._hold = hold
        self._bound = bound
        self._root = root

    def takes_part(self, row: Scenario, server: Server) -> bool:
        return takes_part(server, row) and fitting(row, server.name, self._bound) is not None

    def begin(self, row: Scenario, results: Results) -> None:
        wanted = row.files[0]
        if row.table is Table.BY_TYPE:
            results.methods[row.name] = method(self._root, wanted.path[1:])
        if row.table is Table.TIMELINE:
            read, digest = loading(place(self._root, wanted))
            results.about["loading 100 MB alone"] = (
                f"{read * 1000:.0f} ms to read it, {digest * 1000:.0f} ms to make its ETag"
            )

    def measure(self, row: Scenario, server: Server, cell: Cell, note: ServerNote) -> Sample | None:
        """Measure again if others used much TCP memory meanwhile; in the end take what there is."""
        fits = fitting(row, server.name, self._bound)
        if fits is None:
            return None
        cell.downloads = fits.downloads
        for _ in range(_ATTEMPTS - 1):
            sample = self._once(fits, server, cell)
            if row.table not in _OF_THE_MACHINE or not is_disturbed(sample):
                return sample
            self.progress.say("  again: something else on this machine used TCP memory")
        return self._once(fits, server, cell)

    def _once(self, scenario: Scenario, server: Server, cell: Cell) -> Sample:
        connections = max(_LEAST_CONNECTIONS, round(scenario.downloads * _ROOM))
        setup = Setup(self._root, self._root.parent, connections=connections)
        with started(server, setup, PROBE.path) as (running, _, _):
            watch = Watch(Tree.of_port(running.endpoint.port))
            watch.settle()
            watch.begin_anew()
            run = Run(running.endpoint, watch, self._root, scenario, self._hold)
            sample = MEASURES[scenario.measure](run)
        if not cell.series:
            cell.series = _growth_series(watch)
        cell.note = "; ".join(run.notes)
        return sample

    def shown(self, row: Scenario, sample: Sample, cell: Cell) -> str:
        """Say the main figures of *sample* in one line."""
        parts = []
        for quantity, name in ((Quantity.GROWTH, "growth"), (Quantity.KERNEL_TCP, "kernel TCP")):
            if quantity in sample:
                each = show_size(sample[quantity] / cell.downloads)
                parts.append(f"{name} {show_size(sample[quantity])} ({each} each)")
        for quantity, name in _SHOWN:
            if quantity in sample:
                parts.append(f"{name} {sample[quantity] * 1000:.1f} ms")
        return f"{', '.join(parts)} {cell.note}".rstrip()


def fitting(scenario: Scenario, server: str, bound: int) -> Scenario | None:
    """Return what of *scenario* can be run with *server* in *bound* bytes; None: nothing.

    Only loading whole files is ever too large.
    """
    if server != Strategy.LOAD_ALL or scenario.total <= bound:
        return scenario
    if len(scenario.groups) > 1:
        return None
    group = scenario.groups[0]
    downloads = bound // group.size
    return replace(scenario, groups=(replace(group, downloads=downloads),)) if downloads else None


def is_disturbed(sample: Sample) -> bool:
    """Whether the machine's TCP memory grew by much more than is in the sockets of this run."""
    ends = (Quantity.SERVER_SOCKETS, Quantity.CLIENT_SOCKETS)
    ours = sum(sample.get(end, 0.0) for end in ends)
    grown = sample.get(Quantity.KERNEL_TCP, 0.0)
    return ours > 0 and not ours / _FACTOR - _SPARE < grown < ours * _FACTOR + _SPARE


def _growth_series(watch: Watch) -> list[tuple[float, float]]:
    history = watch.history
    series = history.series(history.own_metric)
    base = series[0][1]
    return [(round(at, 3), value - base) for at, value in series]
