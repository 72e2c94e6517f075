"""The site in a browser: how tall it is, and what a run of the downloads shows."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from evloop.process.memory import process_size
from tests.public.chromium import look
from tests.support.serving import serving

PUBLIC = Path(__file__).resolve().parents[2] / "public"
MIB = 1024 * 1024
PHONE, DESK = 390, 1280
# What somebody scrolls through on a phone before giving up.
MOST_PIXELS = 5000

REPORT = {
    "version": "9.8.7",
    "memory": {"now": 14 * MIB, "start": 13 * MIB, "ceiling": 92 * MIB},
    "connections": 3,
    "downloads": 1,
    "load_all": 5 * MIB,
    "bytes_sent": 1000 * MIB,
    "responses": 1234,
    "uptime": 61.5,
}

SHAPE = """
  await until(() => text("#small .route") !== "");
  const box = page.documentElement;
  const tall = { height: box.scrollHeight, width: box.scrollWidth };
  const start = page.querySelector(".hero .primary").getBoundingClientRect();
  return { ...tall, action: start.bottom };
"""

RUN = """
  await until(() => text("#small .route") !== "");
  page.querySelector("[name=pace][value=Infinity]").click();
  page.querySelector("#run").click();
  await until(() => page.querySelector("#lab").dataset.state === "done");
  return {
    result: text("#result"),
    height: page.documentElement.scrollHeight,
    median: text("[data-figure=median]"),
    rate: text("[data-figure=rate]"),
    now: text("[data-figure=now]"),
    grown: text("[data-figure=grown]"),
    ceiling: text("[data-figure=ceiling]"),
    traffic: text("[data-figure=traffic]"),
    drawn: page.querySelectorAll(".measured-dot").length,
    untold: page.querySelector("#untold").getClientRects().length,
    missing: page.querySelector("#missing").getClientRects().length,
    names: text("#missing-names"),
    large: page.querySelector("#present").getClientRects().length,
    focusable: [...page.querySelectorAll(".command pre")].every((pre) => pre.tabIndex === 0),
  };
"""


WATCH = """
  await until(() => text("#small .route") !== "");
  page.querySelector("#run").click();
  const under_way = /downloads: [1-4],/;
  await until(() => under_way.test(text("[data-figure=traffic]")));
  const during = { now: text("[data-figure=now]"), load: text("[data-figure=load]") };
  const panel = page.querySelector("#memory").getBoundingClientRect();
  const button = page.querySelector("#run").getBoundingClientRect();
  during.drawn = page.querySelectorAll(".measured-dot").length;
  page.querySelector("#run").click();
  await until(() => page.querySelector("#lab").dataset.state !== "running");
  return {
    ...during,
    untold: page.querySelector("#untold").getClientRects().length,
    result: text("#result"),
    below: panel.top - button.bottom,
  };
"""


def seen(tmp_path: Path, script: str, *, width: int, report: Any = None, large: bool) -> Any:
    """Serve a copy of the site, with a report or a large sample if wanted, and look at it."""
    root = tmp_path / "site"
    shutil.copytree(PUBLIC, root, ignore=shutil.ignore_patterns("*.bin"))
    if large:
        (root / "static" / "small.bin").write_bytes(bytes(500 * 1024))
        (root / "static" / "medium.bin").write_bytes(bytes(5 * MIB))
    if report is not None:
        (root / ".well-known").mkdir()
        (root / ".well-known" / "evloop").write_text(json.dumps(report))
    with serving(root) as server:
        return look(root, server.urls[0], script, width=width, profile=tmp_path / "profile")


@pytest.mark.slow
@pytest.mark.parametrize("large", [False, True])
def test_on_a_phone_the_page_is_short_and_begins_with_the_action(
    large: bool, tmp_path: Path
) -> None:
    page = seen(tmp_path, SHAPE, width=PHONE, large=large, report=REPORT)
    assert page["height"] < MOST_PIXELS
    assert page["width"] == PHONE
    assert page["action"] < 844


@pytest.mark.slow
def test_a_run_shows_the_wait_the_rate_and_the_memory_that_the_server_reports(
    tmp_path: Path,
) -> None:
    page = seen(tmp_path, RUN, width=PHONE, large=True, report=REPORT)
    assert page["height"] < MOST_PIXELS
    assert page["median"].endswith(("ms", " s"))
    assert page["rate"].endswith("/s")
    assert (page["now"], page["grown"], page["ceiling"]) == ("14 MiB", "0 B", "92 MiB")
    assert "responses: 1,234" in page["traffic"]
    # At least as the run began and when it was over.
    assert page["drawn"] >= 2
    assert "memory grew by 0 B" in page["result"]
    assert "medium.bin: " in page["result"]
    assert not page["untold"]
    assert page["focusable"]


@pytest.mark.slow
def test_the_servers_own_memory_is_drawn_while_it_sends(tmp_path: Path) -> None:
    root = tmp_path / "site"
    shutil.copytree(PUBLIC, root, ignore=shutil.ignore_patterns("*.bin"))
    with (root / "static" / "test.bin").open("wb") as sample:
        sample.truncate(100 * MIB)  # more than a browser takes ahead
    with serving(root, demo="on") as server:
        page = look(root, server.urls[0], WATCH, width=PHONE, profile=tmp_path / "profile")
        own, load = page["now"].split(" MiB")[0], page["load"]
        assert float(own) == pytest.approx(process_size() / MIB, rel=0.25)
    assert load == "400 MiB"
    assert page["drawn"] >= 1
    assert not page["untold"]
    assert "loading whole files would have taken 400 MiB" in page["result"]
    # On a phone the picture is what comes after the button and the line of the result.
    assert 0 < page["below"] < 80


@pytest.mark.slow
def test_a_server_of_static_files_and_no_samples_gets_told_what_is_missing(tmp_path: Path) -> None:
    page = seen(tmp_path, RUN, width=DESK, large=False)
    assert page["untold"]
    assert page["missing"]
    assert page["names"] == "small.bin, medium.bin, large.bin, test.bin"
    assert not page["large"]
    assert page["result"].startswith("style.css: first byte after")
    assert page["median"].endswith(("ms", " s"))


@pytest.mark.slow
def test_what_is_no_report_is_not_drawn(tmp_path: Path) -> None:
    wrong = {**REPORT, "memory": {"now": "14 MiB"}}
    page = seen(tmp_path, RUN, width=DESK, large=True, report=wrong)
    assert page["untold"]
    assert page["drawn"] == 0
    assert page["rate"].endswith("/s")
