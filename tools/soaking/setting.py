"""All that a run needs before it begins: files, a server, descriptors."""

import contextlib
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
from lab.errors import TargetError
from lab.launch import Launched
from lab.machine import WANTED_DESCRIPTORS, descriptors, raise_descriptors
from lab.processes import Target, Tree
from load.content import Unknown
from load.crowd import Load
from load.endpoint import Endpoint, parse_url
from load.files import Catalogue, File, Kind, kind_of, local_files, make_files

from soaking.options import Options
from soaking.preflight import MissingError, Preflight
from soaking.scenarios import Scenario

_RESERVED = 64  # descriptors for files, pipes, looks at the server
_START = 15.0  # seconds that evloop has to listen
_POLL = 0.02
_EVLOOP_EACH = 2  # descriptors that evloop counts on for a connection: one is its file's


class SettingError(Exception):
    """The test can't be held; one line for the user."""


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

        Raises SettingError, and FaultError when the server does not answer.
        """
        try:
            return Catalogue(Preflight(self.endpoint, timeout).visit(self.files, hurry))
        except MissingError as error:
            raise SettingError(str(error)) from error


def raise_descriptor_limit(load: Load) -> None:
    """Let this process, and what it starts, have as many descriptors as *load* needs.

    Raises SettingError when it may not.
    """
    need = load.connections + _RESERVED
    may_open = raise_descriptors(max(need, WANTED_DESCRIPTORS))
    if may_open < need:
        raise SettingError(
            f"{load.clients:,} clients need {need:,} descriptors and {may_open:,} are allowed: "
            f"raise the hard limit (as root: ulimit -Hn {need}) or ask for fewer --clients"
        )


@contextlib.contextmanager
def set_up(options: Options) -> Iterator[Setting]:
    """Yield the server that *options* name; end it, and remove its files, if they are ours.

    Raises SettingError.
    """
    if options.endpoint is not None:
        with _as_setting_error():
            setting = _found(options, options.endpoint)
        yield setting
        return
    with contextlib.ExitStack() as stack:
        with _as_setting_error():
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="evloop-soak-"))
            make_files(options.scenario.files, Path(folder))
        yield stack.enter_context(_launched(Path(folder), options))


@contextlib.contextmanager
def _as_setting_error() -> Iterator[None]:
    """Say in one line what the system refused."""
    try:
        yield
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        raise SettingError(f"{where}{error.strerror or error}") from error


def make(scenario: Scenario, folder: Path) -> str:
    """Make the files of *scenario* in *folder* and say so. Raises SettingError."""
    with _as_setting_error():
        folder.mkdir(parents=True, exist_ok=True)
        make_files(scenario.files, folder)
    size = sum(spec.size for spec in scenario.files)
    return f"{len(scenario.files)} files of {scenario.name}, {size:,} bytes, are in {folder}"


@contextlib.contextmanager
def _launched(root: Path, options: Options) -> Iterator[Setting]:
    """Serve *root* with evloop on a free port of the loopback."""
    command = [sys.executable, "-m", "evloop", "serve", str(root), "--host", "127.0.0.1"]
    command += ["--port", "0", "--access-log", "off", *_room(options.load)]
    try:
        server = Launched([*command, *options.serve_arguments], quiet=True)
    except TargetError as error:
        raise SettingError(str(error)) from error
    with server:
        endpoint = parse_url(f"http://127.0.0.1:{_port_of(server)}")
        files = [spec.file for spec in options.scenario.files]
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


def _port_of(server: Launched) -> int:
    """Wait until *server* listens. Raises SettingError when it does not."""
    deadline = time.monotonic() + _START
    while time.monotonic() < deadline and server.processes():
        with contextlib.suppress(psutil.Error):
            for connection in psutil.Process(server.pid).net_connections("tcp"):
                if connection.status == psutil.CONN_LISTEN:
                    return int(connection.laddr.port)
        time.sleep(_POLL)
    raise SettingError(f"evloop did not start: {server.epitaph()}")


def _found(options: Options, endpoint: Endpoint) -> Setting:
    """Look at the server at *endpoint*, which somebody else has started."""
    target: Target | None = None
    unseen = "the server is on another machine"
    try:
        if options.pid is not None:
            target = Tree.of_pid(options.pid)
        elif _is_here(endpoint):
            target = Tree.of_port(endpoint.port)
    except TargetError as error:
        if options.pid is not None:
            raise SettingError(str(error)) from error
        unseen = str(error)
    files, checked = _files(options)
    name = target.name if target is not None else endpoint.host
    return Setting(endpoint, files, target, unseen, name, checked)


def _is_here(endpoint: Endpoint) -> bool:
    """Whether *endpoint* is an address of this machine."""
    address = endpoint.address[0]
    if address.startswith("127."):
        return True
    mine = (each.address for all_ in psutil.net_if_addrs().values() for each in all_)
    return address in {each.partition("%")[0] for each in mine}


def _files(options: Options) -> tuple[list[File], str]:
    """Return the files to ask for, and what their bytes are compared with."""
    if options.root is not None:
        kinds: dict[str, Kind] = {"/" + spec.path: spec.kind for spec in options.scenario.files}
        files = local_files(options.root, kinds)
        if not files:
            raise SettingError(f"{options.root}: no file that a server would show")
        return files, f"the files in {options.root}"
    if options.is_scenario_named:
        return [spec.file for spec in options.scenario.files], "the files that --make makes"
    paths = options.paths or ("/",)
    files = [File(path, kind_of(path, None), Unknown()) for path in paths]
    return files, "the first download of each"
