"""A single-page application in a real browser: reloads on deep addresses, and what is missing."""

from pathlib import Path

from tests.public.chromium import look
from tests.support.bench import write
from tests.support.serving import serving

INDEX = b"""<!doctype html><meta charset="utf-8"><title>app</title><main></main>
<script type="module" src="/assets/app-4f3a.js"></script>
"""
APP = b"""\
const main = document.querySelector("main");
const show = () => { main.textContent = `at ${location.pathname}`; };
addEventListener("popstate", show);
globalThis.go = (address) => { history.pushState({}, "", address); show(); };
show();
"""
SCRIPT = """
  const view = () => frame.contentDocument.querySelector("main")?.textContent;
  const shown = async (text) => { await until(() => view() === text); return view(); };
  const result = { start: await shown("at /index.html") };
  frame.contentWindow.go("/users/jane.doe");
  result.moved = await shown("at /users/jane.doe");
  frame.contentWindow.main = "before the reload";
  frame.contentWindow.location.reload();
  await until(() => frame.contentWindow.main !== "before the reload");
  result.reloaded = await shown("at /users/jane.doe");
  const old = await fetch("/assets/app-0000.js");
  result.chunk = [old.status, old.headers.get("content-type").split(";")[0]];
  result.imported = await import("/assets/app-0000.js").then(() => "there", () => "missing");
  result.deep = (await fetch("/users/jane.doe")).status;
  return result;
"""


def test_a_reload_on_a_deep_address_is_the_application(tmp_path: Path) -> None:
    root = tmp_path / "root"
    write(root / "index.html", INDEX)
    write(root / "assets/app-4f3a.js", APP)
    with serving(root, fallback="index.html", listing="on") as server:
        seen = look(root, server.urls[0], SCRIPT, width=390, profile=tmp_path / "profile")
    assert seen == {
        "start": "at /index.html",
        "moved": "at /users/jane.doe",
        "reloaded": "at /users/jane.doe",
        "chunk": [404, "text/plain"],
        "imported": "missing",
        "deep": 404,  # a script that asks for it is no navigation
    }
