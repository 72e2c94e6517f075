"""What a campaign found, and how it is kept as JSON."""

import json
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from evloop_tools.report.arguments import UsageError

FORMAT = 1

Sample = Mapping[Any, float]
"""Figures (members of a StrEnum, whose values are their names in a file) of one round."""


@dataclass(slots=True)
class Cell:
    """One server in one row: the samples of its rounds, and why others are void.

    downloads: how many were run, where fewer than the row has may have fitted; 0: all
    series: a figure over the seconds of the first round
    note: what there is to say of the last round in words
    """

    samples: list[Sample] = field(default_factory=list)
    voids: list[str] = field(default_factory=list)
    downloads: int = 0
    series: list[tuple[float, float]] = field(default_factory=list)
    note: str = ""

    def values(self, figure: StrEnum) -> list[float]:
        """Return *figure* of every round that counts."""
        return [sample[figure] for sample in self.samples if figure in sample]

    def median(self, figure: StrEnum) -> float | None:
        """Return the median of *figure* over the rounds; None without any."""
        values = self.values(figure)
        return statistics.median(values) if values else None


@dataclass(slots=True)
class ServerNote:
    """What a reader has to know of a server: its kind, version, and configurations by row.

    A configuration is the command and the files, as text.
    """

    kind: str
    version: str
    configurations: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Results:
    """All cells by row and server, and the circumstances.

    about: the date, the machine, the command
    missing: why servers were left out
    methods: what evloop's own counters say it does with a file, by row
    """

    about: dict[str, str] = field(default_factory=dict)
    rounds: int = 0
    seconds: float = 0.0
    servers: dict[str, ServerNote] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    methods: dict[str, str] = field(default_factory=dict)
    cells: dict[str, dict[str, Cell]] = field(default_factory=dict)

    def cell(self, row: str, server: str) -> Cell:
        """Return the cell of *server* in *row*, an empty one when nothing was measured."""
        return self.cells.get(row, {}).get(server) or Cell()

    def median(self, row: str, server: str, figure: StrEnum) -> float | None:
        """Return the median of *figure*; None when it was not measured."""
        return self.cell(row, server).median(figure)

    def row_servers(self, row: str) -> Iterable[str]:
        """Return the servers that took part in *row*, in the order in which they ran."""
        return self.cells.get(row, {})

    @property
    def has_samples(self) -> bool:
        """Whether anything was measured at all."""
        return any(cell.samples for cells in self.cells.values() for cell in cells.values())


def save(results: Results, path: Path) -> None:
    """Write *results* to *path*; raise OSError when that can't be done."""
    path.write_text(json.dumps({"format": FORMAT, **asdict(results)}, indent=1) + "\n")


def load(paths: Sequence[Path], figures: type[StrEnum]) -> Results:
    """Return the results in *paths*, cells of a later file replacing those of an earlier.

    What is told about the run is the last file's, but for the commands, which are all told.

    Raises UsageError when a file can't be read or holds something else than *figures*.
    """
    merged = Results()
    commands: dict[str, None] = {}  # in their order, each once
    for path in paths:
        found = _load(path, figures)
        merged.about |= found.about
        merged.rounds, merged.seconds = found.rounds, found.seconds
        for name, note in found.servers.items():
            known = merged.servers.setdefault(name, note)
            known.configurations.update(note.configurations)
        merged.missing |= found.missing
        merged.methods |= found.methods
        for row, cells in found.cells.items():
            merged.cells.setdefault(row, {}).update(cells)
        commands.update(dict.fromkeys(found.about.get("command", "").splitlines()))
    merged.missing = {
        name: reason for name, reason in merged.missing.items() if name not in merged.servers
    }
    if commands:
        merged.about["command"] = "\n".join(commands)
    return merged


def _load(path: Path, figures: type[StrEnum]) -> Results:
    try:
        data = json.loads(path.read_text())
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from error
    except ValueError as error:
        raise UsageError(f"{path} is not JSON: {error}") from error
    if not isinstance(data, dict) or data.pop("format", None) != FORMAT:
        raise UsageError(f"{path} does not hold results of this program")
    try:
        return _from_json(data, figures)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UsageError(f"{path} is not whole: {error!r}") from error


def _from_json(data: Mapping[str, Any], figures: type[StrEnum]) -> Results:
    cells = {
        row: {server: _cell(cell, figures) for server, cell in servers.items()}
        for row, servers in data["cells"].items()
    }
    servers = {name: ServerNote(**note) for name, note in data["servers"].items()}
    return Results(**{**data, "cells": cells, "servers": servers})


def _cell(data: Mapping[str, Any], figures: type[StrEnum]) -> Cell:
    samples: list[Sample] = [
        {figures(name): float(value) for name, value in sample.items()}
        for sample in data["samples"]
    ]
    series = [(float(at), float(value)) for at, value in data.get("series", ())]
    return Cell(
        samples,
        list(data["voids"]),
        int(data.get("downloads", 0)),
        series,
        str(data.get("note", "")),
    )
