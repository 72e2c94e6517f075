"""Imports of the tools' packages point one way."""

import ast
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

TOOLS = Path(__file__).resolve().parents[2] / "tools"
PACKAGE = TOOLS / "evloop_tools"

# What each package may import beside the standard library and itself.
MAY_IMPORT: dict[str, set[str]] = {
    "load": {"evloop", "httptools"},
    "report": {"evloop", "rich", "matplotlib"},
    "lab": {"evloop", "evloop_tools", "load", "psutil"},
    "campaign": {"evloop", "lab", "report"},
    "monitoring": {"evloop", "lab", "report", "rich"},
    "soaking": {"evloop", "lab", "load", "report", "psutil", "rich"},
    "bench": {"evloop", "campaign", "lab", "load", "report"},
}

# What of evloop is public and stable enough for programs outside of it.
OF_EVLOOP = {
    "evloop",
    "evloop.net.lag",
    "evloop.net.poller",
    "evloop.net.protocol",
    "evloop.net.reactor",
    "evloop.net.timers",
    "evloop.settings.units",
}


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}: a relative import"
            yield node.module or ""


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_imports_point_one_way(package: str) -> None:
    for path in (PACKAGE / package).rglob("*.py"):
        for module in imports(path):
            top = module.removeprefix("evloop_tools.").partition(".")[0]
            allowed = {package, *MAY_IMPORT[package]} | set(sys.stdlib_module_names)
            assert top in allowed, f"{path.relative_to(TOOLS)} imports {module}"
            assert top != "evloop" or module in OF_EVLOOP, f"{path.name} imports {module}"


def test_each_package_has_its_rule() -> None:
    found = {path.name for path in PACKAGE.iterdir() if path.is_dir()} - {"__pycache__"}
    assert found == MAY_IMPORT.keys()


@pytest.mark.parametrize("name", ["Exchange", "Limits", "Target", "Watch", "Endpoint", "Request"])
def test_each_thing_has_one_name(name: str) -> None:
    found = Counter(
        node.name
        for path in TOOLS.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_bytes()))
        if isinstance(node, ast.ClassDef)
    )
    assert found[name] == 1
