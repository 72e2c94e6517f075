"""Refusals leave no garbage that only a collection finds: a crowd of them would pile it up."""

import gc
from pathlib import Path

import pytest

from tests.support.bench import Bench, write

ASKED = [
    "/missing",
    "/missing/",
    "/directory",
    "/directory/",
    "/file.txt/x",
    "/.hidden",
    "/%zz",
    "/file.txt",
]


@pytest.mark.parametrize("target", ASKED)
@pytest.mark.parametrize("has_page", [False, True])
@pytest.mark.parametrize("fields", ["", "Accept: text/html", 'If-Match: "x"', "Range: bytes=9-"])
def test_a_refusal_leaves_none(tmp_path: Path, target: str, fields: str, has_page: bool) -> None:
    write(tmp_path / "file.txt", b"file")
    (tmp_path / "directory").mkdir()
    if has_page:
        write(tmp_path / "404.html", b"the page")
    with Bench(tmp_path, error_pages=True) as bench:
        bench.get(target, fields)
        gc.collect()
        gc.disable()
        try:
            bench.get(target, fields)
            assert gc.collect() == 0
        finally:
            gc.enable()
