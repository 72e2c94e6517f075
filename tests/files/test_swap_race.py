"""Directories that turn into links while requests run: no moment may let one out.

Another process swaps a directory, or a file, for a link to the outside and back as quickly
as it can, while this one asks for what lies behind it, through openat2 and through the walk.
"""

import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import cycle
from pathlib import Path

import pytest

from evloop.files.cache import CacheSettings
from tests.support.bench import Bench, write
from tests.support.deadline import PATIENCE
from tests.support.descriptors import no_leaks

INSIDE, OUTSIDE = b"from the inside", b"from the outside"

# Renames in a loop: what stands at a name is now the honest one, now the link.
_SWAPPER = """\
import os, sys, time
give_up_at = time.monotonic() + float(sys.argv[1])
pairs = [(name, name + ".inside", name + ".link") for name in sys.argv[2:]]
while time.monotonic() < give_up_at:
    for name, inside, link in pairs:
        os.rename(name, inside)
        os.rename(link, name)
    for name, inside, link in pairs:
        os.rename(name, link)
        os.rename(inside, name)
"""

TARGETS = (
    "/door/file.txt",
    "/sub/door/deep/file.txt",
    "/file.txt",
    "/absolute/file.txt",
    "/to_door/file.txt",
    "/door/",
)


@pytest.mark.parametrize("seconds", [1.0, pytest.param(5.0, marks=pytest.mark.slow)])
def test_a_swap_lets_nothing_out(tmp_path: Path, seconds: float) -> None:
    _make_tree(tmp_path)
    root = tmp_path / "root"
    seen: Counter[int] = Counter()
    settings = CacheSettings(revalidate=0.0)
    with ExitStack() as stack:
        benches = [stack.enter_context(Bench(root, settings, openat2=way)) for way in (True, False)]
        asking = cycle([(bench, target) for bench in benches for target in TARGETS])
        stack.enter_context(no_leaks())
        stack.enter_context(_swapping(root))
        start = time.monotonic()
        while time.monotonic() - start < seconds or not {200, 404} <= seen.keys():
            assert time.monotonic() - start < seconds + PATIENCE, f"no race: {seen}"
            bench, target = next(asking)
            answer = bench.get(target)
            assert OUTSIDE not in answer.body, target
            if answer.status == 200:
                assert answer.body == INSIDE, target
            seen[answer.status] += 1
    assert seen.keys() == {200, 404}


def _make_tree(base: Path) -> None:
    root, outside = base / "root", base / "outside"
    for name in ("file.txt", "index.html", "deep/file.txt"):
        write(outside / name, OUTSIDE)
        for door in ("door", "sub/door", "absolute"):
            write(root / door / name, INSIDE)
    write(root / "file.txt", INSIDE)
    (root / "door.link").symlink_to("../outside")
    (root / "sub/door.link").symlink_to("../../outside")
    (root / "file.txt.link").symlink_to("../outside/file.txt")
    (root / "absolute.link").symlink_to(outside)
    (root / "to_door").symlink_to("sub/../door")


@contextmanager
def _swapping(root: Path) -> Iterator[None]:
    names = [str(root / name) for name in ("door", "sub/door", "file.txt", "absolute")]
    arguments = [sys.executable, "-c", _SWAPPER, str(10 + 2 * PATIENCE), *names]
    swapper = subprocess.Popen(arguments)
    try:
        yield
        assert swapper.poll() is None, "the swapper has failed"
    finally:
        swapper.kill()
        swapper.wait()
