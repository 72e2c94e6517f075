"""One server that somebody else has set up, loaded with requests for one of its files."""

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from http import HTTPStatus
from pathlib import Path
from urllib.parse import urlsplit

from evloop_tools.bench.figures import Figure, Sample
from evloop_tools.bench.rows import Row
from evloop_tools.bench.workloads import Bench, drive, per_request
from evloop_tools.campaign.results import Cell, Results, ServerNote
from evloop_tools.campaign.rounds import attempt
from evloop_tools.lab import waiting
from evloop_tools.lab.cost import Cost
from evloop_tools.lab.docroot import MIB
from evloop_tools.lab.driver import LoadDriver
from evloop_tools.lab.errors import TargetError, VoidError
from evloop_tools.lab.launch import Launched
from evloop_tools.lab.processes import Tree
from evloop_tools.lab.running import Running, ask, await_listening, is_here
from evloop_tools.load.endpoint import Endpoint, local_endpoint, parse_url
from evloop_tools.load.orders import Wanted
from evloop_tools.report.progress import Progress

_SEEN = (
    Figure.REQUESTS_PER_SECOND,
    Figure.THROUGHPUT,
    Figure.LATENCY_P50,
    Figure.LATENCY_P90,
    Figure.LATENCY_P99,
)
_SPENT = (Figure.CPU_PER_REQUEST, *_SEEN, Figure.MEMORY_AFTER)


@dataclass(frozen=True, slots=True)
class Subject:
    """A server that runs: its *name*, and the file that it is asked for."""

    name: str
    server: Running
    wanted: Wanted

    def row(self, clients: int) -> Row:
        """Return what is measured of it."""
        return Row(
            self.name,
            f"{clients:,} clients, {self.wanted.size:,} bytes of {self.wanted.path}",
            lambda bench: one_file(bench, self.wanted, clients),
            _SPENT if self.server.cost.is_known else _SEEN,
        )


def measure_one(
    subject: Subject,
    row: Row,
    given: argparse.Namespace,
    driver: LoadDriver,
    results: Results,
    progress: Progress,
) -> None:
    """Measure *subject* in *row*, round by round, and fill *results*."""
    bench = Bench(subject.server, Path(), driver, given.duration)
    cell = Cell()
    results.servers[subject.name] = ServerNote("yours", "")
    results.cells[row.name] = {subject.name: cell}
    progress.begin(given.rounds)
    progress.say(f"{row.name}: {row.title}")
    for number in range(1, given.rounds + 1):
        waiting.check()
        where = f"  round {number}/{given.rounds} "
        attempt(progress, where, cell, lambda: row.measure(bench), row.shown)
        progress.step()


def one_file(bench: Bench, wanted: Wanted, clients: int) -> Sample:
    """One file of a server that somebody else has set up, over connections that stay."""
    report = drive(bench, bench.repeat(wanted, connections=clients))
    found = {
        **per_request(report),
        Figure.THROUGHPUT: report.received / 1e6 / report.seconds,
    }
    if bench.server.cost.is_known:
        found[Figure.MEMORY_AFTER] = bench.server.cost.memory_bytes() / MIB
    return found


@contextmanager
def subject_of(given: argparse.Namespace, progress: Progress) -> Iterator[Subject]:
    """Yield the server that was *given*; one that is started for it is ended.

    Raises VoidError or TargetError when it can't be asked.
    """
    if given.url:
        yield _running(given.url, progress)
        return
    with Launched(given.program, quiet=True) as started:
        url = local_endpoint(await_listening(started)).url + (given.path or "/")[1:]
        yield _subject(started.name, url, Cost(started.processes()))


def _running(url: str, progress: Progress) -> Subject:
    """Return the server at *url*, and what it costs if it is on this machine."""
    endpoint = parse_url(url)
    name, cost = endpoint.host, Cost([])
    _wanted(url)  # whether it answers at all
    if is_here(endpoint):
        try:
            tree = Tree.of_port(endpoint.port)
            name, cost = tree.name, Cost(tree.processes())
        except TargetError as error:
            progress.say(f"neither CPU time nor memory is told: {error}")
    return _subject(name, url, cost)


def _subject(name: str, url: str, cost: Cost) -> Subject:
    return Subject(name, Running(_endpoint(url), cost, 0.0), _wanted(url))


def _endpoint(url: str) -> Endpoint:
    return replace(parse_url(url), prefix="")


def _wanted(url: str) -> Wanted:
    """Ask for the file at *url* and return it. Raises VoidError when that can't be measured."""
    path = urlsplit(url).path or "/"
    try:
        reply = ask(_endpoint(url), path)
    except OSError as error:
        raise VoidError(f"no answer from {url}: {error.strerror or error}") from error
    if reply.status != HTTPStatus.OK or not reply.body_bytes:
        raise VoidError(f"{url} is answered with {reply.status} and {reply.body_bytes:,} bytes")
    return Wanted(path, reply.body_bytes)
