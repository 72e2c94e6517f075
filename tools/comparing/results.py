"""What was observed: quantities by scenario and server, as JSON."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from statistics import median
from typing import Any


class Quantity(StrEnum):
    """What is observed; bytes and seconds. Growth is over the server at rest before."""

    BASE = "base_bytes"
    """Pss of all processes at rest."""
    GROWTH = "growth_bytes"
    """Of own pages, at its peak."""
    GROWTH_AT_END = "growth_at_end_bytes"
    """Of own pages, when all clients have gone."""
    HIGH_WATER = "high_water_growth_bytes"
    """Of the resident set, as the kernel itself remembers its peak; one process only."""
    FILES_OPEN = "files_open"
    KERNEL_TCP = "kernel_tcp_bytes"
    """Growth of the machine's TCP memory, both sides of each connection: the peak until the
    downloads are read on."""
    SERVER_SOCKETS = "server_sockets_bytes"
    """What of it belongs to the server's own sockets, as the downloads are about to be read on."""
    CLIENT_SOCKETS = "client_sockets_bytes"
    """And to the sockets at their other ends."""
    SEND_QUEUES = "send_queues_bytes"
    """Bytes in the server's send queues, likewise."""
    PAGE_CACHE = "page_cache_bytes"
    """Growth of the machine's page cache."""
    FIRST_BYTE_MEDIAN = "first_byte_median_s"
    """From the request to the first byte: the median of all downloads that are in flight."""
    FIRST_BYTE_LAST = "first_byte_last_s"
    """And of the one that waited longest."""
    RECEIVED = "received_bytes"
    """By all clients, each byte compared with the file."""
    FIRST_BYTE = "first_byte_s"
    """Of a single download by a fast client."""
    TOTAL = "total_s"
    COLD_FIRST_BYTE = "cold_first_byte_s"
    """The same, when no byte of the file is in the page cache."""
    COLD_TOTAL = "cold_total_s"
    PACED_FIRST_BYTE = "paced_first_byte_s"
    """The same, read at the pace of the guide's client."""
    PACED_TOTAL = "paced_total_s"
    PEAK = "peak_bytes"
    """Pss of all processes, at its peak."""
    LOAD_ALL = "load_all_bytes"
    """What loading whole files would take, as the monitor sees it from outside."""
    REQUESTS = "requests"
    ERRORS = "errors"
    WRONG_BYTES = "wrong"
    FAST_ALONE = "fast_alone_bytes_per_s"
    """Throughput of a fast client that is alone."""
    FAST_BESIDE = "fast_beside_bytes_per_s"
    """Throughput of a fast client beside those in flight."""


Observation = Mapping[Quantity, float]
Series = list[tuple[float, float]]


@dataclass(slots=True)
class Cell:
    """One server in one scenario: an observation for each round.

    downloads: how many were run; fewer than the scenario has where those do not fit
    voids: why rounds do not count
    series: growth of own pages over the seconds of the first round
    note: what another tool says of the last round, in words
    """

    downloads: int = 0
    rounds: list[Observation] = field(default_factory=list)
    voids: list[str] = field(default_factory=list)
    series: Series = field(default_factory=list)
    note: str = ""

    def values(self, quantity: Quantity) -> list[float]:
        return [each[quantity] for each in self.rounds if quantity in each]

    def median(self, quantity: Quantity) -> float | None:
        """The median over the rounds; None when it was not observed."""
        values = self.values(quantity)
        return median(values) if values else None


@dataclass(slots=True)
class Results:
    """Everything that was observed in a run.

    about: the date, the machine, and how it was run
    servers: what each says of its version
    methods: what evloop's own counters say it does with a file, by scenario
    """

    about: dict[str, str] = field(default_factory=dict)
    servers: dict[str, str] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    methods: dict[str, str] = field(default_factory=dict)
    cells: dict[str, dict[str, Cell]] = field(default_factory=dict)

    def cell(self, scenario: str, server: str) -> Cell | None:
        return self.cells.get(scenario, {}).get(server)

    def median(self, scenario: str, server: str, quantity: Quantity) -> float | None:
        cell = self.cell(scenario, server)
        return None if cell is None else cell.median(quantity)


class ResultsError(Exception):
    """A file that holds no results; the message is one line for the user."""


def save(results: Results, path: Path) -> None:
    """Raises OSError when *path* can't be written."""
    path.write_text(json.dumps(asdict(results), indent=1) + "\n", encoding="utf-8")


def load(paths: list[Path]) -> Results:
    """Return what save() wrote, later files over earlier ones.

    Raises ResultsError, and OSError when a file can't be read.
    """
    merged = Results()
    for path in paths:
        try:
            results = _parse(json.loads(path.read_text(encoding="utf-8")))
        except (ValueError, KeyError, TypeError, AttributeError):
            raise ResultsError(f"{path}: no results of this program") from None
        merged.about |= results.about
        merged.servers |= results.servers
        merged.missing |= results.missing
        merged.methods |= results.methods
        for scenario, cells in results.cells.items():
            merged.cells.setdefault(scenario, {}).update(cells)
    return merged


def _parse(data: dict[str, Any]) -> Results:
    cells = {
        scenario: {server: _cell(cell) for server, cell in servers.items()}
        for scenario, servers in data["cells"].items()
    }
    return Results(**{**data, "cells": cells})


def _cell(data: dict[str, Any]) -> Cell:
    rounds: list[Observation] = [
        {Quantity(name): float(value) for name, value in each.items()} for each in data["rounds"]
    ]
    series = [(float(at), float(value)) for at, value in data["series"]]
    return Cell(int(data["downloads"]), rounds, list(data["voids"]), series, str(data["note"]))
