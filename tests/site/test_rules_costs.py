"""What rules cost a request: nothing when it is recalled, and little when it is planned."""

import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType

import pytest

from evloop.files.cache import CacheSettings
from evloop.http1.answering import answer
from evloop.http1.context import Context, Limits
from evloop.http1.headcache import HeadCache
from evloop.http1.writer import Answer
from evloop.observe.metrics import Metrics
from evloop.site.rules.dialect import CLOUDFLARE, NETLIFY, Dialect
from evloop.site.rules.model import MAX_RULES
from tests.support.bench import Bench, write
from tests.support.client import request

REDIRECTS = "".join(f"/old-{number}/* /new/:splat\n" for number in range(MAX_RULES))
HEADERS = "/*\n X-All: 1\n" + "".join(f"/{number}/*\n X-A: 1\n" for number in range(1000))
PLANNED = 25
"""Calls, of Python functions and others, that 2,000 redirects and 1,000 blocks add at the most."""


def count_calls(act: Callable[[], object]) -> int:
    """Return how many functions *act* calls."""
    count = 0

    def note(frame: FrameType, event: str, argument: object) -> None:
        nonlocal count
        count += event in {"call", "c_call"}

    sys.setprofile(note)
    try:
        act()
    finally:
        sys.setprofile(None)
    return count


def costs(root: Path, dialect: Dialect | None) -> dict[str, int]:
    """Return the calls that some requests for one file take."""
    with Bench(root, CacheSettings(revalidate=1e6), dialect=dialect) as bench:
        cache = HeadCache()
        context = Context(bench.site, Metrics(), cache, Limits(), fields=bench.fields)

        def ask(target: str, fields: str = "") -> None:
            assert isinstance(answer(request(target, fields), context, 0.0), Answer)

        bench.get("/a.txt")
        ask("/a.txt")
        ask("/a.txt", "X: 1")
        return {
            "recalled": count_calls(lambda: ask("/a.txt")),
            "prepared": count_calls(lambda: ask("/a.txt", "X: 2")),
            "missing": count_calls(lambda: ask("/old/nothing")),
        }


@pytest.mark.parametrize("dialect", [NETLIFY, CLOUDFLARE])
def test_rules_add_no_call_to_a_hit_and_few_to_a_plan(tmp_path: Path, dialect: Dialect) -> None:
    write(tmp_path / "a.txt", b"a")
    write(tmp_path / "_redirects", REDIRECTS.encode()[: 60 * 1024].rpartition(b"\n")[0])
    write(tmp_path / "_headers", HEADERS.encode())
    without, with_rules = costs(tmp_path, None), costs(tmp_path, dialect)
    assert with_rules["recalled"] == without["recalled"]
    assert with_rules["prepared"] - without["prepared"] <= PLANNED
    assert with_rules["missing"] - without["missing"] <= PLANNED
