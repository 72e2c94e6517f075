"""Samples for other programs: one CSV row each, and a JSON document of a run.

Sizes are bytes, times seconds; a cell is empty (JSON: null) where the platform does not
say.
"""

import csv
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from evloop_tools.lab.history import METRICS, History
from evloop_tools.lab.sample import Sample
from evloop_tools.lab.sockets import BACKLOG, STATES

_STATES = (*dict.fromkeys(STATES.values()), BACKLOG)


class CsvFile:
    """A CSV file that is complete up to the last sample at any time.

    Raises OSError when it can't be written.
    """

    def __init__(self, path: Path) -> None:
        self._file: IO[str] = path.open("w", newline="", encoding="utf-8")
        self._writer = csv.DictWriter(self._file, list(_columns()))
        self._writer.writeheader()
        self._file.flush()

    def write(self, history: History) -> None:
        self._writer.writerow(row(history.now, history.start))
        self._file.flush()

    def __enter__(self) -> "CsvFile":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


def _columns() -> tuple[str, ...]:
    return ("time", "seconds", *METRICS, *map(str.lower, _STATES), "sample_cost")


def row(sample: Sample, start: Sample) -> dict[str, Any]:
    """One sample as a flat row: the UTC time, seconds since *start*, metrics, states."""
    states = sample.connections.states if sample.connections else None
    return {
        "time": datetime.fromtimestamp(sample.clock, UTC).isoformat(timespec="milliseconds"),
        "seconds": round(sample.at - start.at, 3),
        **{name: _rounded(getter(sample)) for name, getter in METRICS.items()},
        **{name.lower(): None if states is None else states[name] for name in _STATES},
        "sample_cost": round(sample.cost, 6),
    }


def _rounded(value: float | None) -> float | None:
    return round(value, 1) if isinstance(value, float) else value


def document(history: History, **facts: Any) -> dict[str, Any]:
    """The whole run: *facts*, then start, now, peak, growth and the samples that were kept."""
    return {
        **facts,
        "elapsed": round(history.elapsed, 3),
        "samples_seen": history.seen,
        "total_metric": history.total_metric,
        "own_metric": history.own_metric,
        "start": row(history.start, history.start),
        "end": row(history.now, history.start),
        "peak": {name: _rounded(history.peak(name)) for name in METRICS},
        "growth": {name: _rounded(history.growth(name)) for name in METRICS},
        "peak_growth": {name: _rounded(history.peak_growth(name)) for name in METRICS},
        "growth_per_connection": _rounded(history.growth_per_connection(history.own_metric)),
        "samples": [row(sample, history.start) for sample in history.samples],
    }


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Raises OSError when it can't be written."""
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
