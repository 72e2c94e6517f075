"""`evloop compress --against`: which differences are written, replaced, removed and left alone."""

import hashlib
import importlib
import os
import random
from pathlib import Path
from typing import Any

import pytest

import evloop.compress.delta
import evloop.compress.writing
from evloop.compress.command import EXIT_FAULTS, EXIT_OK, main
from evloop.files.deltas import HEAD_SIZE, MAGIC
from tests.support.bench import OLD, write
from tests.support.descriptors import no_leaks

DENSE, OTHER = (random.Random(seed).randbytes(5000) for seed in (1, 2))
LINES = [b"let name%d = %d;\n" % (n, n * n) for n in range(500)]
BEFORE = b"".join(LINES)
AFTER = b"".join([*LINES[:250], b"// new\n", *LINES[250:]])


def zstd() -> Any:
    for name in ("compression.zstd", "backports.zstd"):
        try:
            return importlib.import_module(name)
        except ModuleNotFoundError:
            continue
    pytest.skip("no zstd is installed")


@pytest.fixture
def old(tmp_path: Path) -> Path:
    return tmp_path / "old"


@pytest.fixture
def new(tmp_path: Path) -> Path:
    return tmp_path / "new"


def compress(new: Path, old: Path | None, *options: str) -> int:
    against = [] if old is None else ["--against", str(old)]
    with no_leaks():
        return main([str(new), "--jobs", "1", "--formats", "zstd,gzip", *against, *options])


def deltas(root: Path) -> list[str]:
    found = (path for path in root.rglob("*") if path.suffix in {".dcz", ".tmp"})
    return sorted(str(path.relative_to(root)) for path in found)


def name_of(name: str, version: bytes) -> str:
    return f"{name}.{hashlib.sha256(version).hexdigest()[:16]}.dcz"


def decoded(path: Path, version: bytes) -> bytes:
    coded = path.read_bytes()
    assert coded[:HEAD_SIZE] == MAGIC + hashlib.sha256(version).digest()
    module = zstd()
    dictionary = module.ZstdDict(version, is_raw=True)
    frame = coded[HEAD_SIZE:]
    result: bytes = module.decompress(frame, zstd_dict=dictionary)
    # The head is a frame that decoders skip.
    assert module.decompress(coded, zstd_dict=dictionary) == result
    return result


def test_a_difference_is_small_and_decodes_to_the_file(old: Path, new: Path) -> None:
    write(old / "sub/a.js", BEFORE)
    path = write(new / "sub/a.js", AFTER)
    path.chmod(0o640)
    assert compress(new, old) == EXIT_OK
    (name,) = deltas(new)
    assert name == name_of("sub/a.js", BEFORE)
    assert decoded(new / name, BEFORE) == AFTER
    status = (new / name).stat()
    assert status.st_size < 150
    assert (status.st_mode, status.st_mtime_ns) == (path.stat().st_mode, path.stat().st_mtime_ns)


# The names before and after, and whether they are versions of one file.
NAMES = {
    ("app-Ab12Cd34.js", "app-Zz98Yx76.js"): True,
    ("app.3f2a1b9c.js", "app.00112233.js"): True,
    ("app.js", "app-Zz98Yx76.js"): False,
    ("a/app.js", "b/app.js"): False,
    ("app.js", "other.js"): False,
    (".app.js", ".app.js"): False,
}


@pytest.mark.parametrize("names", NAMES, ids=" -> ".join)
def test_what_a_build_tool_put_into_the_name_is_no_difference(
    old: Path, new: Path, names: tuple[str, str]
) -> None:
    write(old / names[0], BEFORE)
    write(new / names[1], AFTER)
    assert compress(new, old) == EXIT_OK
    assert deltas(new) == ([name_of(names[1], BEFORE)] if NAMES[names] else [])


def test_some_of_the_newest_versions_get_one_each(old: Path, new: Path) -> None:
    versions = [BEFORE + b"// %d\n" % number for number in range(6)]
    for number, version in enumerate(versions):
        write(old / f"app-{number:08}.js", version, OLD - number)
    write(new / "app-Zz98Yx76.js", AFTER)
    assert compress(new, old) == EXIT_OK
    assert deltas(new) == sorted(name_of("app-Zz98Yx76.js", each) for each in versions[:4])


# Before, after, and whether a difference is worth it.
WORTH = {
    "the same": (BEFORE, BEFORE, False),
    "small": (BEFORE, b"x" * 1023, False),
    "nothing in common": (
        random.Random(1).randbytes(5000),
        random.Random(2).randbytes(5000),
        False,
    ),
    "much in common": (AFTER, BEFORE, True),
}


@pytest.mark.parametrize("case", WORTH)
def test_what_saves_nothing_is_left_out(old: Path, new: Path, case: str) -> None:
    before, after, is_worth_it = WORTH[case]
    write(old / "a.js", before)
    write(new / "a.js", after)
    assert compress(new, old) == EXIT_OK
    assert bool(deltas(new)) == is_worth_it


def test_one_that_is_no_smaller_than_a_sidecar_is_left_out(old: Path, new: Path) -> None:
    write(old / "a.js", BEFORE)
    path = write(new / "a.js", AFTER)
    write(new / "a.js.br", b"x" * 50, int(path.stat().st_mtime))
    assert compress(new, old) == EXIT_OK
    assert deltas(new) == []


def test_what_is_too_large_for_memory_is_left_out(
    old: Path, new: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evloop.compress.delta, "MAX_SIZE", len(AFTER) - 1)
    write(old / "a.js", BEFORE)
    write(new / "a.js", AFTER)
    assert compress(new, old) == EXIT_OK
    assert deltas(new) == []


class TestAgain:
    @pytest.fixture(autouse=True)
    def _once(self, old: Path, new: Path) -> None:
        write(old / "a.js", BEFORE)
        write(new / "a.js", AFTER)
        compress(new, old)

    def test_a_second_run_does_nothing(self, old: Path, new: Path) -> None:
        (name,) = deltas(new)
        before = (new / name).stat()
        assert compress(new, old) == EXIT_OK
        assert compress(new, old, "--check") == EXIT_OK
        after = (new / name).stat()
        assert (before.st_ino, before.st_ctime_ns) == (after.st_ino, after.st_ctime_ns)

    def test_what_is_missing_is_told(
        self, old: Path, new: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        (name,) = deltas(new)
        (new / name).unlink()
        assert compress(new, old, "--check") == EXIT_FAULTS
        assert "missing  " in capsys.readouterr().out
        assert deltas(new) == []

    @pytest.mark.parametrize("against", [True, False])
    def test_one_of_an_older_state_is_replaced_or_removed(
        self, old: Path, new: Path, against: bool
    ) -> None:
        write(new / "a.js", AFTER + AFTER, OLD + 100)
        assert compress(new, old if against else None, "--check") == EXIT_FAULTS
        assert len(deltas(new)) == 1
        assert compress(new, old if against else None) == EXIT_OK
        if against:
            (name,) = deltas(new)
            assert decoded(new / name, BEFORE) == AFTER + AFTER
        else:
            assert deltas(new) == []

    def test_one_that_begins_with_something_else_is_replaced(self, old: Path, new: Path) -> None:
        (name,) = deltas(new)
        write(new / name, b"x" * 100, int((new / "a.js").stat().st_mtime))
        assert compress(new, old) == EXIT_OK
        assert decoded(new / name, BEFORE) == AFTER

    def test_one_of_a_file_that_is_gone_is_left(self, old: Path, new: Path) -> None:
        (new / "a.js").unlink()
        assert compress(new, old) == EXIT_OK
        assert len(deltas(new)) == 1


class TestFailures:
    def test_no_such_directory(self, new: Path, capsys: pytest.CaptureFixture[str]) -> None:
        write(new / "a.js", AFTER)
        assert main([str(new), "--against", str(new / "nowhere")]) == EXIT_FAULTS
        assert "nowhere is no directory" in capsys.readouterr().err

    def test_a_version_that_can_not_be_read(
        self, old: Path, new: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        write(old / "a.js", BEFORE)
        write(new / "a.js", AFTER)

        def fail(fd: int) -> bytes:
            raise OSError(5, "Input/output error")

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(evloop.compress.delta, "read_whole", fail)
            assert compress(new, old) == EXIT_FAULTS
        assert "a.js.*.dcz: Input/output error" in capsys.readouterr().err
        assert deltas(new) == []

    def test_a_file_that_changes_meanwhile(
        self, old: Path, new: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        write(old / "a.js", BEFORE)
        path = write(new / "a.js", AFTER)

        def change(fd: int) -> bytes:
            data = os.pread(fd, 1 << 20, 0)
            os.utime(path)
            return data

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(evloop.compress.delta, "read_whole", change)
            assert compress(new, old) == EXIT_FAULTS
        assert "changed while it was read" in capsys.readouterr().err
        assert deltas(new) == []
