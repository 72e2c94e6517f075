"""monitor.py and soak.py, run against a server as a person would run them."""

import json
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

from evloop_tools.lab import waiting
from evloop_tools.lab.errors import VoidError
from evloop_tools.lab.launch import Launched
from evloop_tools.load.endpoint import Endpoint

_TOOLS = Path(__file__).resolve().parent.parent

# The monitor sees its first sample, and ends, within so many seconds; so does soak.py after
# its load, and the making of its files.
_GRACE = 60.0

_INTERVAL = "250ms"
_SOAK_DURATION = 20  # seconds
_SOAK_SCENARIO = "mixed"

# Where soak.py's files are, seen from the root of the server.
_SOAK_FOLDER = "soak"


class Monitor:
    """monitor.py on *port*, which has taken its first look when this is entered.

    It ends by itself after *patience* seconds at the latest.
    """

    def __init__(self, port: int, patience: float) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="monitor-")
        self._json, rows = Path(self._folder.name, "m.json"), Path(self._folder.name, "m.csv")
        self._process = _start(
            *("monitor.py", "--port", str(port), "--interval", _INTERVAL),
            *("--duration", f"{patience:.0f}s", "--json", str(self._json), "--csv", str(rows)),
        )
        self._rows = rows

    def __enter__(self) -> Self:
        _await(lambda: self._has_looked or self._process.has_ended, "monitor.py", _GRACE)
        return self

    @property
    def _has_looked(self) -> bool:
        return self._rows.exists() and self._rows.read_text().count("\n") > 1

    def stop(self) -> dict[str, Any]:
        """End it as Ctrl-C does and return what it wrote. Raises VoidError when that fails."""
        for process in self._process.processes()[:1]:
            process.send_signal(signal.SIGINT)
        _await(lambda: self._process.has_ended, "monitor.py", _GRACE)
        return _read(self._json, "monitor.py", self._process)

    def __exit__(self, *_: object) -> None:
        self._process.end()
        self._folder.cleanup()


def make_soak_files(root: Path) -> None:
    """Have soak.py make its files beneath *root*. Raises VoidError when it does not."""
    words = ("soak.py", "--scenario", _SOAK_SCENARIO, "--make", str(root / _SOAK_FOLDER))
    with _start(*words) as process:
        _await(lambda: process.has_ended, "soak.py", _GRACE)


def soak(endpoint: Endpoint, clients: int) -> dict[str, Any]:
    """Run soak.py against *endpoint* and return what it wrote.

    Raises VoidError when it hangs or writes nothing.
    """
    with tempfile.TemporaryDirectory(prefix="soak-") as folder:
        path = Path(folder) / "soak.json"
        words = ("soak.py", endpoint.url + _SOAK_FOLDER, "--scenario", _SOAK_SCENARIO)
        load = ("--clients", str(clients), "--duration", f"{_SOAK_DURATION}s")
        with _start(*words, *load, "--json", str(path)) as process:
            _await(lambda: process.has_ended, "soak.py", _SOAK_DURATION + _GRACE)
            return _read(path, "soak.py", process)


def _start(tool: str, *words: str) -> Launched:
    return Launched([sys.executable, str(_TOOLS / tool), *words], quiet=True)


def _await(is_so: Callable[[], bool], tool: str, patience: float) -> None:
    deadline = time.monotonic() + patience
    while not is_so():
        if time.monotonic() > deadline:
            raise VoidError(f"{tool} did not come to it within {patience:g} s")
        waiting.pause(0.1)


def _read(path: Path, tool: str, process: Launched) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise VoidError(f"{tool} wrote no figures: {process.epitaph()}") from None
    return found
