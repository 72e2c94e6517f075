"""All that a run needs before it begins: files, a server, descriptors."""

import contextlib
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from evloop_tools.lab import docroot
from evloop_tools.lab.errors import TargetError
from evloop_tools.lab.launch import Launched
from evloop_tools.lab.machine import WANTED_DESCRIPTORS, descriptors, raise_descriptors
from evloop_tools.lab.processes import Target, Tree
from evloop_tools.lab.python import environment
from evloop_tools.lab.running import await_listening, is_here
from evloop_tools.load.content import Unknown
from evloop_tools.load.crowd import Load
from evloop_tools.load.endpoint import Endpoint, local_endpoint
from evloop_tools.load.files import Catalogue, File, kind_of, local_files
from evloop_tools.report.arguments import UsageError
from evloop_tools.soaking.options import Options
from evloop_tools.soaking.preflight import Preflight
from evloop_tools.soaking.scenarios import Scenario

_RESERVED = 64  # descriptors for files, pipes, looks at the server
_EVLOOP_EACH = 2  # descriptors that evloop counts on for a connection: one is its file's


@dataclass(frozen=True, slots=True)
class Setting:
    """A server and what is known of it.

    target: its processes; None when they can't be seen, *unseen* says why
    checked: what the bytes are compared with
    """

    endpoint: Endpoint
    files: list[File]
    target: Target | None
    unseen: str
    name: str
    checked: str

    def visit(self, timeout: float, hurry: Callable[[], bool]) -> Catalogue:
        """Ask for each file once, until *hurry* says so; return them as they are known then.

        Raises UsageError, and FaultError when the server does not answer.
        """
        return Catalogue(Preflight(self.endpoint, timeout).visit(self.files, hurry))


def raise_descriptor_limit(load: Load) -> None:
    """Let this process, and what it starts, have as many descriptors as *load* needs.

    Raises UsageError when it may not.
    """
    need = load.connections + _RESERVED
    may_open = raise_descriptors(max(need, WANTED_DESCRIPTORS))
    if may_open < need:
        raise UsageError(
            f"{load.clients:,} clients need {need:,} descriptors and {may_open:,} are allowed: "
            f"raise the hard limit (as root: ulimit -Hn {need}) or ask for fewer --clients"
        )


@contextlib.contextmanager
def set_up(options: Options) -> Iterator[Setting]:
    """Yield the server that *options* name; end it, and remove its files, if they are ours.

    Raises UsageError, TargetError or VoidError.
    """
    if options.endpoint is not None:
        with _as_usage_error():
            setting = _found(options, options.endpoint)
        yield setting
        return
    with contextlib.ExitStack() as stack:
        with _as_usage_error():
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="evloop-soak-"))
            docroot.make(Path(folder), options.scenario.files)
        yield stack.enter_context(_launched(Path(folder), options))


@contextlib.contextmanager
def _as_usage_error() -> Iterator[None]:
    """Say in one line what the system refused."""
    try:
        yield
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        raise UsageError(f"{where}{error.strerror or error}") from error


def make(scenario: Scenario, folder: Path) -> str:
    """Make the files of *scenario* in *folder* and say so. Raises UsageError."""
    with _as_usage_error():
        folder.mkdir(parents=True, exist_ok=True)
        docroot.make(folder, scenario.files)
    size = sum(wanted.size or 0 for wanted in scenario.files)
    return f"{len(scenario.files)} files of {scenario.name}, {size:,} bytes, are in {folder}"


@contextlib.contextmanager
def _launched(root: Path, options: Options) -> Iterator[Setting]:
    """Serve *root* with evloop on a free port of the loopback."""
    command = [sys.executable, "-m", "evloop", "serve", str(root), "--host", "127.0.0.1"]
    command += ["--port", "0", "--access-log", "off", *_room(options.load)]
    command += options.serve_arguments
    with Launched(command, quiet=True, environment=environment()) as server:
        endpoint = local_endpoint(await_listening(server))
        files = [wanted.file for wanted in options.scenario.files]
        arguments = " ".join(options.serve_arguments)
        name = f"evloop (launched) {arguments}".strip()
        yield Setting(endpoint, files, server, "", name, "the files that were made for it")


def _room(load: Load) -> list[str]:
    """Let evloop take all connections, where it would keep a descriptor free for each one's file.

    Most of the clients of a large crowd don't have a file open.
    """
    connections = load.connections + _RESERVED
    if connections * _EVLOOP_EACH < descriptors():
        return []
    return ["--max-connections", str(connections)]


def _found(options: Options, endpoint: Endpoint) -> Setting:
    """Look at the server at *endpoint*, which somebody else has started."""
    target: Target | None = None
    unseen = "the server is on another machine"
    try:
        if options.pid is not None:
            target = Tree.of_pid(options.pid)
        elif is_here(endpoint):
            target = Tree.of_port(endpoint.port)
    except TargetError as error:
        if options.pid is not None:
            raise
        unseen = str(error)
    files, checked = _files(options)
    name = target.name if target is not None else endpoint.host
    return Setting(endpoint, files, target, unseen, name, checked)


def _files(options: Options) -> tuple[list[File], str]:
    """Return the files to ask for, and what their bytes are compared with."""
    if options.root is not None:
        files = local_files(options.root)
        if not files:
            raise UsageError(f"{options.root}: no file that a server would show")
        return files, f"the files in {options.root}"
    if options.is_scenario_named:
        return [wanted.file for wanted in options.scenario.files], "the files that --make makes"
    paths = options.paths or ("/",)
    files = [File(path, kind_of(path, None), Unknown()) for path in paths]
    return files, "the first download of each"
