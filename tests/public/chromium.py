"""A page in headless Chromium, looked at by a script of the same origin that has it in a frame."""

import html
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome")
# Seconds until a browser that says nothing is given up.
PATIENCE = 60
# Milliseconds of the page's own clock, which runs ahead whenever nothing is under way.
VIRTUAL_TIME = 300_000

_QUIET = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # As on a phone: a scroll bar takes no width.
    "--hide-scrollbars",
    # No frames to draw for pictures that move: the page's own clock costs nothing then.
    "--force-prefers-reduced-motion",
)

_PROBE = """<!doctype html><meta charset="utf-8"><title>probe</title>
<iframe src="{page}" width="{width}" height="844" style="border:0"></iframe><output></output>
<script>
const frame = document.querySelector("iframe");
frame.addEventListener("load", async () => {{
  const page = frame.contentDocument;
  const until = async (holds) => {{
    while (!holds()) await new Promise((resolve) => setTimeout(resolve, 20));
  }};
  const text = (selector) => page.querySelector(selector).textContent;
  const look = async () => {{ {script} }};
  document.querySelector("output").textContent = JSON.stringify(await look());
}});
</script>
"""


def look(root: Path, base: str, script: str, *, width: int, profile: Path) -> dict[str, Any]:
    """Return what *script* returns, run beside index.html in a frame *width* pixels wide.

    *root* is the copy of the site that is served at *base*; the script has `page` (the document),
    `until(holds)` and `text(selector)`. Skips the test where there is no Chromium.
    """
    browser = next((path for name in NAMES if (path := shutil.which(name))), None)
    if browser is None:
        pytest.skip(f"none of {', '.join(NAMES)} is installed")
    (root / "probe.html").write_text(_PROBE.format(page="index.html", width=width, script=script))
    shown = subprocess.run(
        [
            browser,
            *_QUIET,
            f"--user-data-dir={profile}",
            f"--virtual-time-budget={VIRTUAL_TIME}",
            "--dump-dom",
            f"{base}probe.html",
        ],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=True,
    ).stdout
    found = re.search(r"<output>(.+?)</output>", shown, re.S)
    assert found, "the page did not come so far"
    seen: dict[str, Any] = json.loads(html.unescape(found[1]))
    return seen
