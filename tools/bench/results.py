"""What a campaign found, and how it is kept as JSON."""

import json
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from bench.figures import Figure, Sample

FORMAT = 1


class ResultsError(Exception):
    """A file of results that can't be used; the message is one line for the user."""


@dataclass(slots=True)
class Cell:
    """One server in one row: the samples of its rounds, and why others are void."""

    samples: list[Sample] = field(default_factory=list)
    voids: list[str] = field(default_factory=list)

    def values(self, figure: Figure) -> list[float]:
        """Return *figure* of every round that counts."""
        return [sample[figure] for sample in self.samples if figure in sample]

    def median(self, figure: Figure) -> float | None:
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
    """All cells by row and server, and the circumstances."""

    about: dict[str, str] = field(default_factory=dict)
    rounds: int = 0
    seconds: float = 0.0
    servers: dict[str, ServerNote] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    cells: dict[str, dict[str, Cell]] = field(default_factory=dict)

    def cell(self, row: str, server: str) -> Cell:
        """Return the cell of *server* in *row*, an empty one when nothing was measured."""
        return self.cells.get(row, {}).get(server) or Cell()

    def row_servers(self, row: str) -> Iterable[str]:
        """Return the servers that took part in *row*, in the order in which they ran."""
        return self.cells.get(row, {})


def save(results: Results, path: Path) -> None:
    """Write *results* to *path*; raise OSError when that can't be done."""
    path.write_text(json.dumps({"format": FORMAT, **asdict(results)}, indent=1) + "\n")


def load(paths: Sequence[Path]) -> Results:
    """Return the results in *paths*, rows of a later file replacing those of an earlier.

    What is told about the run is the last file's, but for the commands, which are all told.

    Raises ResultsError when a file can't be read or holds something else.
    """
    merged = Results()
    commands: dict[str, None] = {}  # in their order, each once
    for path in paths:
        found = _load(path)
        merged.about, merged.rounds, merged.seconds = found.about, found.rounds, found.seconds
        merged.missing = {
            name: reason for name, reason in found.missing.items() if name not in merged.servers
        }
        for name, note in found.servers.items():
            known = merged.servers.setdefault(name, note)
            known.configurations.update(note.configurations)
        merged.cells.update(found.cells)
        commands.update(dict.fromkeys(found.about.get("command", "").splitlines()))
    if commands:
        merged.about["command"] = "\n".join(commands)
    return merged


def _load(path: Path) -> Results:
    try:
        data = json.loads(path.read_text())
    except OSError as error:
        raise ResultsError(f"{path}: {error.strerror}") from error
    except ValueError as error:
        raise ResultsError(f"{path} is not JSON: {error}") from error
    if not isinstance(data, dict) or data.pop("format", None) != FORMAT:
        raise ResultsError(f"{path} does not hold results of this benchmark")
    try:
        return _from_json(data)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ResultsError(f"{path} is not whole: {error!r}") from error


def _from_json(data: Mapping[str, Any]) -> Results:
    cells = {
        row: {server: _cell(cell) for server, cell in servers.items()}
        for row, servers in data["cells"].items()
    }
    servers = {name: ServerNote(**note) for name, note in data["servers"].items()}
    return Results(**{**data, "cells": cells, "servers": servers})


def _cell(data: Mapping[str, Any]) -> Cell:
    samples: list[Sample] = [
        {Figure(name): float(value) for name, value in sample.items()} for sample in data["samples"]
    ]
    return Cell(samples, list(data["voids"]))
