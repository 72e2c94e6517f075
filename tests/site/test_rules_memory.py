"""What rules take of memory: no more than their term of the plan, and what they have paid for."""

import logging
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from evloop.files.cache import CacheSettings
from evloop.http1.head import parse_head
from evloop.site.rules.dialect import CLOUDFLARE, NETLIFY, Dialect
from evloop.site.rules.model import MAX_FILE_SIZE, MAX_RULES, RULES_SIZE
from evloop.site.siterules import SiteRules
from tests.support.bench import Bench, write
from tests.support.client import request

LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"
REQUEST = parse_head(request("/"))


def pair(number: int) -> str:
    return LETTERS[number % 36] + LETTERS[number // 36 % 36]


# Lines of both files, by a number.
KINDS: dict[str, tuple[Callable[[int], str], Callable[[int], str]]] = {
    "static": (lambda n: f"/{n} /\n", lambda n: f"/{n}\nA:1\n"),
    "splat": (lambda n: f"/{n}/* /\n", lambda n: f"/{n}/*\n A: 1\n"),
    "deep": (lambda n: f"/{pair(n)}{'/x' * 11}/:a /\n", lambda n: f"/{pair(n)}/a/b/c/*\nA:1\n"),
    "names": (lambda n: f"/{pair(n)}/:a/:b/:c/:d/:e/:f /\n", lambda n: f"/{n}/*/b/*\nA:1\n"),
    "fields": (lambda n: f"/{n}/* a=:a b=:b /:a\n", lambda n: "/*\n" if not n else f"A{n}:1\n"),
    "query": (lambda n: f"/a i={n} /\n", lambda n: f"/{n}x*\nA:1\n"),
    "partial": (lambda n: f"/{n}-:a-:b-:c /\n", lambda n: "/*\n" if not n else "A:1\n"),
    "before a star": (lambda n: f"/{n}x* /\n", lambda n: f"/{n}/:a/b\nA:1\n"),
    "ignored": (lambda n: "/\n" * 16, lambda n: "a\n" * 16),
    "wide": (lambda n: f"/{n} /\U0001f600\n", lambda n: f"/{n}\nA:\U0001f600\n"),
}
CASES = [(kind, 1600) for kind in KINDS]
CASES += [("deep", 9000)]  # the dearest
SLOW = [(kind, size) for kind in KINDS for size in (9000, MAX_FILE_SIZE)]


@pytest.fixture
def silence() -> Iterator[None]:
    logging.disable()
    yield
    logging.disable(logging.NOTSET)


def make(root: Path, kind: str, size: int, shift: int) -> None:
    for name, line in zip(("_redirects", "_headers"), KINDS[kind], strict=True):
        text = "".join(line(number) for number in range(shift, shift + MAX_RULES - 1))
        write(root / name, text.encode()[:size].rpartition(b"\n")[0])


@pytest.mark.usefixtures("silence")
@pytest.mark.parametrize("dialect", [NETLIFY, CLOUDFLARE])
@pytest.mark.parametrize(
    ("kind", "size"), [*CASES, *(pytest.param(*each, marks=pytest.mark.slow) for each in SLOW)]
)
def test_rules_take_what_is_planned_and_what_they_have_paid(
    tmp_path: Path, kind: str, size: int, dialect: Dialect, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(tmp_path, kind, size, 0)
    with Bench(tmp_path, CacheSettings(revalidate=0.0)) as bench:
        SiteRules(bench.cache, dialect).load(0.0)  # what is made once
        bench.cache.budget.release(bench.cache.budget.used)
        paid = [0]
        reserve = bench.cache.reserve

        def note(count: int) -> bool:
            is_there = reserve(count)
            paid.append(bench.cache.budget.used)
            return is_there

        monkeypatch.setattr(bench.cache, "reserve", note)
        tracemalloc.start()
        rules = SiteRules(bench.cache, dialect)
        try:
            rules.load(1.0)
            peaks = [measure(paid)]
            for number in range(1, 4):
                make(tmp_path, kind, size, 7 * number)
                tracemalloc.reset_peak()
                paid[:] = [bench.cache.budget.used]
                rules.refresh(2.0 + number)
                peaks.append(measure(paid))
            for number in range(600):
                address, file = b"/%d/" % number, b"/%d" % number
                rules.changes((address + b"x" * 120, file + b"y" * 120), REQUEST)
            kept = tracemalloc.get_traced_memory()[0] - RULES_SIZE - bench.cache.budget.used
            assert kept <= 0
            assert max(peaks) <= 0
        finally:
            tracemalloc.stop()
            rules.close()


def measure(paid: list[int]) -> int:
    return tracemalloc.get_traced_memory()[1] - RULES_SIZE - max(paid)
