"""Imports point one way: this walks them all, and fails when an arrow turns round."""

import ast
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import evloop

PACKAGE = Path(evloop.__file__).parent

# What of the package each room, or module, may import; the longest name that fits decides.
MAY_IMPORT: dict[str, tuple[str, ...]] = {
    "evloop.settings": ("evloop.settings",),
    "evloop.http": ("evloop.http",),
    "evloop.http1": (
        "evloop.http1",
        "evloop.http",
        "evloop.net.protocol",
        "evloop.observe.exchange",
    ),
    "evloop.http2": (
        "evloop.http2",
        "evloop.http",
        "evloop.net.protocol",
        "evloop.observe.exchange",
    ),
    "evloop.files": ("evloop.files", "evloop.settings.choices"),
    "evloop.net": ("evloop.net", "evloop.observe.ratelimit"),
    "evloop.observe": (
        "evloop.observe",
        "evloop.net.lag",
        "evloop.net.protocol",
        "evloop.settings.choices",
    ),
    "evloop.tls": ("evloop.tls", "evloop.settings.choices"),
    "evloop.compress": (
        "evloop.compress",
        "evloop.files",
        "evloop.http.dictionaries",
        "evloop.settings",
    ),
    "evloop.site": ("evloop.site", "evloop.http", "evloop.files", "evloop"),
    # Pure functions of text: they open nothing.
    "evloop.site.rules": ("evloop.site.rules", "evloop.http.response"),
    "evloop.checksite": (
        "evloop.checksite",
        "evloop.site",
        "evloop.http",
        "evloop.files.variants",
        "evloop.compress.coders",
        "evloop.settings.printable",
    ),
    "evloop.demo": (
        "evloop.demo",
        "evloop.http",
        "evloop.observe.snapshot",
        "evloop.site.clock",
        "evloop.site.fields",
        "evloop",
    ),
}

# Commands of their own, which nothing that serves needs.
COMMANDS = ("evloop.compress", "evloop.checksite")

# Who may not touch what outside of the package.
MAY_NOT_IMPORT: dict[str, frozenset[str]] = {
    "evloop.http": frozenset({"socket", "selectors", "select", "ssl", "time", "signal", "os"}),
    "evloop.http1": frozenset({"socket", "selectors", "select", "ssl", "time", "signal", "os"}),
    "evloop.http2": frozenset(
        {"socket", "selectors", "select", "ssl", "time", "signal", "os", "httptools"}
    ),
    "evloop.files": frozenset({"socket", "selectors", "select", "ssl", "signal", "httptools"}),
    "evloop.net": frozenset({"httptools", "mmap"}),
    "evloop.tls": frozenset({"selectors", "select", "signal", "httptools"}),
}

# Modules that cost megabytes or milliseconds, and that serving files does not need.
TOO_HEAVY = (
    "evloop.compress",
    "evloop.http2",
    "hpack",
    "h2",
    "evloop.checksite",
    "evloop.demo",
    "evloop_tools",
    "brotli",
    "backports",
    "compression",
    "psutil",
    "rich",
    "asyncio",
    "ssl",
    "email",
    "html.parser",
    "logging.handlers",
    "argparse",
    "difflib",
    "shutil",
    "bcrypt",
    "webbrowser",
    "segno",
)


def module_name(path: Path, package: Path) -> str:
    parts = (package.name, *path.relative_to(package).with_suffix("").parts)
    return ".".join(parts).removesuffix(".__init__")


def imports(path: Path, package: Path) -> Iterator[str]:
    """Yield the modules that the file at *path* names in imports, wherever in it they stand."""
    here = module_name(path, package).split(".")
    if path.name == "__init__.py":
        here.append("")
    for node in _import_statements(path.read_bytes()):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        else:
            base = node.module or ""
            if node.level:
                base = ".".join([*here[: -node.level], *filter(None, [node.module])])
            yield from (_imported(base, alias.name, package) for alias in node.names)


@cache
def _import_statements(source: bytes) -> tuple[ast.Import | ast.ImportFrom, ...]:
    nodes = ast.walk(ast.parse(source))
    return tuple(node for node in nodes if isinstance(node, ast.Import | ast.ImportFrom))


def _imported(base: str, name: str, package: Path) -> str:
    """Return the module that `from base import name` reads: `base.name`, if that is one."""
    place = package.parent.joinpath(*base.split("."), name)
    return f"{base}.{name}" if place.is_dir() or place.with_suffix(".py").is_file() else base


def is_in(module: str, room: str) -> bool:
    return module == room or module.startswith(room + ".")


def violations(package: Path) -> list[str]:
    """Return a line for each import that points the wrong way."""
    arrows = (
        (module_name(path, package), imported)
        for path in sorted(package.rglob("*.py"))
        for imported in imports(path, package)
    )
    return [f"{module} -> {imported}" for module, imported in arrows if is_wrong(module, imported)]


def is_wrong(module: str, imported: str) -> bool:
    rooms = [room for room in {*MAY_IMPORT, *MAY_NOT_IMPORT} if is_in(module, room)]
    if is_in(imported, "evloop_tools"):
        return True  # the command line finds it by its name
    if not is_in(imported, "evloop"):
        return any(imported.partition(".")[0] in MAY_NOT_IMPORT.get(room, ()) for room in rooms)
    if is_in(imported, "evloop.cli"):
        return module != "evloop.__main__" and not is_in(module, "evloop.cli")
    if _is_of_command(imported) and not _is_of_command(module):
        return True  # the command line finds them by their names
    if not rooms:
        return False
    # The package itself holds the version; whatever else it gives comes from the server.
    may_import = MAY_IMPORT[max(rooms, key=len)]
    return not any(imported == it or (it != "evloop" and is_in(imported, it)) for it in may_import)


def _is_of_command(module: str) -> bool:
    return any(is_in(module, each) for each in COMMANDS)


def test_no_arrow_points_the_wrong_way() -> None:
    assert violations(PACKAGE) == []


def test_every_rule_is_about_something() -> None:
    for name in MAY_IMPORT:
        place = PACKAGE.parent.joinpath(*name.split("."))
        assert place.is_dir() or place.with_suffix(".py").is_file(), name


# A module, a line that is put into it, and where the new arrow points.
BREACHES = [
    ("http.ranges", "import socket", "socket"),
    ("http.ranges", "import os.path", "os.path"),
    ("http.ranges", "from time import monotonic", "time"),
    ("http.ranges", "import evloop.files.cache as cache", "evloop.files.cache"),
    ("http.ranges", "from evloop.net import reactor", "evloop.net.reactor"),
    ("http.ranges", "from ..files.bodies import FileBody", "evloop.files.bodies"),
    ("http.ranges", "from .. import site", "evloop.site"),
    ("http.ranges", "from evloop.http1.states import State", "evloop.http1.states"),
    ("http1.states", "from evloop.net.connection import Connection", "evloop.net.connection"),
    ("http2.states", "from evloop.net.connection import Connection", "evloop.net.connection"),
    ("http2.session", "from evloop.http1.states import State", "evloop.http1.states"),
    ("http1.states", "from evloop.http2.frames import DATA", "evloop.http2.frames"),
    ("http2.frames", "import httptools", "httptools"),
    ("net.connection", "from evloop.http1.states import State", "evloop.http1.states"),
    ("net.listener", "import evloop.http.request", "evloop.http.request"),
    ("site.site", "from evloop.http1.writer import write", "evloop.http1.writer"),
    ("http1.headcache", "def f():\n    import selectors", "selectors"),
    ("http.__init__", "from ..site.site import Site", "evloop.site.site"),
    ("http.__init__", "from evloop.observe import logwriter", "evloop.observe.logwriter"),
    ("files.bodies", "from evloop.http.response import Body", "evloop.http.response"),
    ("files.bodies", "from evloop.net.timers import Timers", "evloop.net.timers"),
    ("files.bodies", "import httptools", "httptools"),
    ("net.reactor", "from evloop.site.site import Site", "evloop.site.site"),
    ("net.reactor", "from evloop.files.root import Root", "evloop.files.root"),
    ("net.reactor", "from evloop.observe.logwriter import LogWriter", "evloop.observe.logwriter"),
    ("net.reactor", "from evloop import Server", "evloop"),
    ("net.secure", "from evloop.tls.pair import Pair", "evloop.tls.pair"),
    ("tls.certificates", "from evloop.net.reactor import Reactor", "evloop.net.reactor"),
    (
        "observe.logwriter",
        "from evloop.http1.protocol import Http1Protocol",
        "evloop.http1.protocol",
    ),
    ("observe.logwriter", "from evloop.net.reactor import Reactor", "evloop.net.reactor"),
    ("site.site", "from evloop.net.reactor import Reactor", "evloop.net.reactor"),
    ("settings.units", "from evloop.process.server import Server", "evloop.process.server"),
    ("process.server", "from evloop.cli import main", "evloop.cli"),
    ("demo.figures", "from evloop.process.memory import process_size", "evloop.process.memory"),
    ("site.site", "from evloop.demo import responder", "evloop.demo.responder"),
    ("process.server", "from evloop.compress import tree", "evloop.compress.tree"),
    ("files.mime", "import evloop.compress.coders", "evloop.compress.coders"),
    ("process.server", "from evloop.checksite import tree", "evloop.checksite.tree"),
    ("compress.tree", "from evloop.checksite import tree", "evloop.checksite.tree"),
    ("checksite.tree", "from evloop.compress import pool", "evloop.compress.pool"),
    ("site.rules.index", "from evloop.files.root import Root", "evloop.files.root"),
    ("compress.tree", "from evloop.process.server import Server", "evloop.process.server"),
    ("process.server", "from evloop import cli", "evloop.cli"),
    ("pytest_plugin", "from evloop.cli.command import run", "evloop.cli.command"),
    ("process.server", "from evloop_tools.lab import cost", "evloop_tools.lab"),
    ("cli.command", "import evloop_tools.programs", "evloop_tools.programs"),
]


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    package = tmp_path_factory.mktemp("copy") / "evloop"
    shutil.copytree(PACKAGE, package, ignore=shutil.ignore_patterns("__pycache__"))
    return package


@pytest.mark.parametrize(("module", "line", "imported"), BREACHES)
def test_an_arrow_that_turns_round_is_found(
    module: str, line: str, imported: str, copy: Path
) -> None:
    path = copy.joinpath(*module.split(".")).with_suffix(".py")
    original = path.read_bytes()
    path.write_bytes(original + b"\n" + line.encode() + b"\n")
    found = violations(copy)
    path.write_bytes(original)
    assert found == [f"evloop.{module} -> {imported}".replace(".__init__", "")]


def test_serving_needs_no_heavy_module() -> None:
    program = "import sys; before = set(sys.modules); import evloop.cli.command; "
    program += "print(*set(sys.modules) - before)"
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=PACKAGE.parent,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    loaded = done.stdout.split()
    assert "evloop.net.reactor" in loaded
    assert not [name for name in loaded if any(is_in(name, heavy) for heavy in TOO_HEAVY)]
