"""Differences to older versions by real clients: the printed example, and a browser."""

import importlib.util
import shlex
import shutil
import socket
import subprocess
import sys
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

TEXT = (Path(__file__).resolve().parents[2] / "docs/site.md").read_text(encoding="utf-8")
SECTION = TEXT.partition("\n## Differences to older versions\n")[2].partition("\n## ")[0]
EXAMPLE, AFTER_IT = SECTION.partition("```sh\n")[2].split("```\n", 1)
# Ends the server, which the example leaves running.
_END = "\nkill %1\nwait\n"


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl")
def test_the_printed_example_prints_what_it_says(tmp_path: Path) -> None:
    _need_zstd()
    program = shlex.join([sys.executable, "-m", "evloop"])
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
    script = EXAMPLE.replace("/tmp/", f"{tmp_path}/").replace(".venv/bin/evloop", program)
    script = "set -e\n" + script.replace("8082", port) + _END
    command = ["bash", "-c", script]
    told = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=True)
    fields = dict(line.lower().split(": ", 1) for line in told.stdout.split("\n") if ": " in line)
    assert fields["content-encoding"] == "dcz"
    size = int(fields["content-length"])
    plain = (tmp_path / "release2/app.js").stat().st_size
    assert size < 150  # it depends a little on the version of zstd
    assert f" {plain:,} (zstd alone" in AFTER_IT


@pytest.mark.slow
def test_a_browser_loads_the_difference(tmp_path: Path) -> None:
    browser = next((path for name in NAMES if (path := shutil.which(name))), None)
    if browser is None:
        pytest.skip(f"none of {', '.join(NAMES)} is installed")
    _need_zstd()
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


def _need_zstd() -> None:
    if not any(map(_is_installed, ("compression.zstd", "backports.zstd"))):
        pytest.skip("no zstd is installed")


def _is_installed(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False
