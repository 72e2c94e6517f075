"""monitor.py and soak.py, run against a server as a person would run them.

Should we be killed outright, both end by themselves: with the server, or when their time is up.
"""

import json
import select
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from bench.figures import VoidError
from lab import interruption

_TOOLS = Path(__file__).resolve().parent.parent

# The monitor sees its first sample, and ends, within so many seconds; so does soak.py after
# its load, and the making of its files.
_GRACE = 60.0

# While one of them runs, we look for a signal so often, in seconds.
_POLL = 0.2

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
        self._json = Path(self._folder.name) / "monitor.json"
        options = ["--interval", _INTERVAL, "--duration", f"{patience:.0f}s"]
        self._process = _start(
            "monitor.py", "--port", str(port), *options, "--json", str(self._json)
        )

    def __enter__(self) -> Self:
        assert self._process.stdout is not None
        ready, _, _ = select.select([self._process.stdout], [], [], _GRACE)
        if not ready or not self._process.stdout.readline():
            self._end()
            raise VoidError("monitor.py did not look at the server")
        return self

    def stop(self) -> dict[str, Any]:
        """End it as Ctrl-C does and return what it wrote. Raises VoidError when that fails."""
        self._process.send_signal(signal.SIGINT)
        _await(self._process, "monitor.py", _GRACE)
        return _read(self._json, "monitor.py", self._process.returncode)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end()

    def _end(self) -> None:
        _kill(self._process)
        self._folder.cleanup()


def make_soak_files(root: Path) -> None:
    """Have soak.py make its files beneath *root*. Raises VoidError when it does not."""
    folder = root / _SOAK_FOLDER
    folder.mkdir(exist_ok=True)
    code = _run("soak.py", "--scenario", _SOAK_SCENARIO, "--make", str(folder))
    if code:
        raise VoidError(f"soak.py --make ended with status {code}")


def soak(port: int, prefix: str, clients: int) -> dict[str, Any]:
    """Run soak.py against the server on *port* and return what it wrote.

    Raises VoidError when it hangs or writes nothing.
    """
    with tempfile.TemporaryDirectory(prefix="soak-") as folder:
        path = Path(folder) / "soak.json"
        url = f"http://127.0.0.1:{port}{prefix}/{_SOAK_FOLDER}"
        load = ["--clients", str(clients), "--duration", f"{_SOAK_DURATION}s"]
        code = _run("soak.py", url, "--scenario", _SOAK_SCENARIO, *load, "--json", str(path))
        return _read(path, "soak.py", code)


def _run(*words: str) -> int:
    """Run a tool without its output; return its status. Raises VoidError when it hangs."""
    process = _start(*words, output=subprocess.DEVNULL)
    try:
        return _await(process, words[0], _SOAK_DURATION + _GRACE)
    finally:
        _kill(process)


def _start(tool: str, *words: str, output: int = subprocess.PIPE) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, str(_TOOLS / tool), *words],
        stdout=output,
        stderr=subprocess.DEVNULL,
        stdin=subprocess.DEVNULL,
        start_new_session=True,
    )


def _await(process: "subprocess.Popen[bytes]", tool: str, patience: float) -> int:
    """Return the status of *process*, whose lines are read and forgotten."""
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        interruption.check()
        try:
            process.communicate(timeout=_POLL)
        except subprocess.TimeoutExpired:
            continue
        return process.returncode
    raise VoidError(f"{tool} did not end within {patience:g} s")


def _kill(process: "subprocess.Popen[bytes]") -> None:
    process.kill()
    process.wait()
    if process.stdout is not None:
        process.stdout.close()


def _read(path: Path, tool: str, code: int) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise VoidError(f"{tool} ended with status {code} and wrote no figures") from None
    return found
