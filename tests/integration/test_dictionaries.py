"""Chromium loads the difference to what it has, and makes the file of it."""

import importlib.util
import shutil
import subprocess
from pathlib import Path

import pytest

from evloop.compress.command import main as compress
from tests.public.chromium import NAMES, PATIENCE
from tests.support.bench import write
from tests.support.deadline import eventually
from tests.support.serving import serving

BEFORE = "".join(f"export const name{n} = {n * n};\n" for n in range(2000)).encode()
AFTER = BEFORE.replace(b"name1000 = 1000000;", b"name1000 = 42;")
PAGE = b"""<!doctype html><script type=module>
const load = async (name) => (await (await fetch(name)).text()).length;
const before = await load("/app-AAAA1111.js");
await new Promise((resolve) => setTimeout(resolve, 1000));  // until the dictionary is stored
const module = await import("/app-BBBB2222.js");
await fetch(`/seen?${before}-${module.name1000}`);
</script>"""

pytestmark = pytest.mark.slow


def test_a_browser_loads_the_difference(tmp_path: Path) -> None:
    browser = next((path for name in NAMES if (path := shutil.which(name))), None)
    if browser is None:
        pytest.skip(f"none of {', '.join(NAMES)} is installed")
    if not any(map(_is_installed, ("compression.zstd", "backports.zstd"))):
        pytest.skip("no zstd is installed")
    old, new, log = tmp_path / "old", tmp_path / "new", tmp_path / "log"
    write(old / "app-AAAA1111.js", BEFORE)
    write(new / "app-AAAA1111.js", BEFORE)
    write(new / "app-BBBB2222.js", AFTER)
    assert compress([str(new), "--against", str(old), "--jobs", "1"]) == 0
    (difference,) = new.glob("app-BBBB2222.js.*.dcz")
    write(new / "index.html", PAGE)
    with serving(new, dictionaries=True, access_log=str(log)) as server:
        quiet = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'p'}"]
        address = f"http://localhost:{server.port}/"
        # With a port for a debugger it stays until it is ended, and its clock is the real one.
        shown = subprocess.Popen(
            [browser, *quiet, "--remote-debugging-port=0", address],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            eventually(lambda: "GET /seen?" in log.read_text(), "the page to be done", PATIENCE)
        finally:
            shown.terminate()
            shown.wait(PATIENCE)
        lines = log.read_text().splitlines()
    (line,) = [line for line in lines if "GET /app-BBBB2222.js" in line]
    assert f'" 200 {difference.stat().st_size} "' in line
    assert any(f"GET /seen?{len(BEFORE)}-42 " in line for line in lines)


def _is_installed(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False
