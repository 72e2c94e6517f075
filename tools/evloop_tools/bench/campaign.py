"""How a row of the benchmark is measured: a server of its own for each round."""

from collections.abc import Sequence
from pathlib import Path

from evloop_tools.bench.rows import Row
from evloop_tools.bench.workloads import Bench
from evloop_tools.campaign.results import Cell, Sample, ServerNote
from evloop_tools.campaign.rounds import Campaign, configuration
from evloop_tools.lab.docroot import SMALL
from evloop_tools.lab.driver import LoadDriver
from evloop_tools.lab.running import started
from evloop_tools.lab.servers.base import Server, Setup
from evloop_tools.report.progress import Progress


class BenchCampaign(Campaign[Row]):
    """The benchmark; *seconds* is the length of one measurement."""

    def __init__(
        self,
        rows: Sequence[Row],
        servers: Sequence[Server],
        rounds: int,
        progress: Progress,
        seconds: float,
        load: LoadDriver,
        root: Path,
    ) -> None:
        super().__init__(rows, servers, rounds, progress)
        self.seconds = seconds
        self._load = load
        self._root = root

    def takes_part(self, row: Row, server: Server) -> bool:
        return row.runs(server)

    def measure(self, row: Row, server: Server, cell: Cell, note: ServerNote) -> Sample | None:
        setup = Setup(
            self._root,
            self._root.parent,
            transfer=row.transfer,
            connections=row.connections,
            floor=row.floor_command(self._root),
        )
        with started(server, setup, SMALL.path) as (running, launch, own):
            note.configurations[row.name] = configuration(launch, own)
            return row.measure(Bench(running, self._root, self._load, self.seconds))

    def shown(self, row: Row, sample: Sample, cell: Cell) -> str:
        return row.shown(sample)
