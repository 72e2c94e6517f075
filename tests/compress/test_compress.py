"""`evloop compress`: which sidecars are written, replaced, removed and left alone."""

import gzip
import importlib
import io
import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

import pytest

import evloop.compress.coders
import evloop.compress.command
import evloop.compress.sidecar
import evloop.compress.writing
from evloop.compress.command import EXIT_FAULTS, EXIT_OK, EXIT_USAGE, main
from evloop.compress.outcome import Outcome, Verdict
from evloop.compress.pool import EXIT_INTERRUPTED
from evloop.compress.progress import Progress
from evloop.compress.sidecar import Task
from tests.support.bench import OLD, Bench, write
from tests.support.deadline import PATIENCE, eventually
from tests.support.descriptors import no_leaks

WORDS = b"one two three four five six seven eight nine ten eleven twelve".split()
ENDINGS = (".zst", ".br", ".gz")


def text(size: int, seed: int = 0) -> bytes:
    return b" ".join(random.Random(seed).choices(WORDS, k=size))[:size]


TEXT = text(5000)
DENSE = random.Random(1).randbytes(5000)


@pytest.fixture(autouse=True)
def _no_zopfli(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evloop.compress.coders, "_MAX_ZOPFLI_SIZE", -1)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "root"


def compress(root: Path, *options: str) -> int:
    with no_leaks():
        return main([str(root), "--jobs", "1", *options])


def sidecars(root: Path) -> list[str]:
    """Names of all files that end as sidecars do, and of what was left by mistake."""
    found = (str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())
    return sorted(name for name in found if name.endswith((*ENDINGS, ".tmp")))


def state(root: Path) -> dict[str, tuple[int, int, int]]:
    return {
        str(path): (path.stat().st_ino, path.stat().st_mtime_ns, path.stat().st_ctime_ns)
        for path in root.rglob("*")
    }


def test_each_coding_decodes_to_the_file(root: Path) -> None:
    path = write(root / "sub/a.js", TEXT)
    path.chmod(0o640)
    assert compress(root) == EXIT_OK
    assert sidecars(root) == ["sub/a.js.br", "sub/a.js.gz", "sub/a.js.zst"]
    for coding, ending in evloop.compress.sidecar.ENDINGS.items():
        sidecar = path.with_name(path.name + ending)
        assert evloop.compress.coders.decode(coding, sidecar.read_bytes()) == TEXT
        assert sidecar.stat().st_mode == path.stat().st_mode
        assert sidecar.stat().st_mtime_ns == path.stat().st_mtime_ns


def test_the_server_sends_what_was_written(root: Path) -> None:
    write(root / "a.js", TEXT)
    compress(root)
    with Bench(root) as bench:
        for coding in ("zstd", "br", "gzip"):
            answer = bench.get("/a.js", f"Accept-Encoding: {coding}")
            assert answer.fields["content-encoding"] == coding
            assert evloop.compress.coders.decode(coding, answer.body) == TEXT
        assert not bench.complaints


@pytest.mark.parametrize("piece_size", [1, 7, 4999, 5000, 5001])
def test_a_large_file_is_read_in_pieces(
    root: Path, piece_size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evloop.compress.sidecar, "PIECE_SIZE", piece_size)
    write(root / "a.js", TEXT)
    assert compress(root) == EXIT_OK
    for coding, ending in evloop.compress.sidecar.ENDINGS.items():
        data = (root / f"a.js{ending}").read_bytes()
        assert evloop.compress.coders.decode(coding, data) == TEXT


# A file, its bytes, and whether it gets sidecars.
FILES = {
    "a.js": (TEXT, True),
    "a.svg": (TEXT, True),
    ".well-known/a.txt": (TEXT, True),
    "exactly.txt": (text(1024), True),
    "small.txt": (text(1023), False),
    "empty.txt": (b"", False),
    "dense.txt": (DENSE, False),
    "a.png": (TEXT, False),
    "a.bin": (TEXT, False),
    "a.tar": (TEXT, False),
    ".hidden.txt": (TEXT, False),
    ".git/a.txt": (TEXT, False),
    "sub/.well-known/a.txt": (TEXT, False),
}


@pytest.mark.parametrize("name", FILES)
def test_what_is_served_and_shrinks_gets_sidecars(root: Path, name: str) -> None:
    data, is_compressed = FILES[name]
    write(root / name, data)
    assert compress(root) == EXIT_OK
    assert sidecars(root) == ([name + end for end in sorted(ENDINGS)] if is_compressed else [])


def test_links_are_left_out(root: Path, tmp_path: Path) -> None:
    write(tmp_path / "outside/a.js", TEXT)
    write(root / "b.png", TEXT)
    (root / "a.js").symlink_to("b.png")
    (root / "outside").symlink_to(tmp_path / "outside")
    os.mkfifo(root / "fifo.js")
    assert compress(root) == EXIT_OK
    assert sidecars(tmp_path) == []


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_the_second_run_does_nothing(root: Path, jobs: str) -> None:
    for number in range(5):
        write(root / f"{number}.js", text(3000, number))
    write(root / "dense.txt", DENSE)
    assert main([str(root), "--jobs", jobs]) == EXIT_OK
    before = state(root)
    assert len(before) == 6 + 15
    assert main([str(root), "--jobs", jobs]) == EXIT_OK
    assert main([str(root), "--jobs", jobs, "--check"]) == EXIT_OK
    assert state(root) == before


def _edit(root: Path) -> None:
    write(root / "a.js", TEXT[::-1], OLD + 0.5)


def _edit_later(root: Path) -> None:
    write(root / "a.js", TEXT[::-1], OLD + 100)


def _break(root: Path) -> None:
    write(root / "a.js.gz", b"nonsense")


def _empty(root: Path) -> None:
    write(root / "a.js.gz", b"")


def _remove(root: Path) -> None:
    (root / "a.js.gz").unlink()


def _make_dense(root: Path) -> None:
    write(root / "a.js", DENSE, OLD + 100)


def _make_small(root: Path) -> None:
    write(root / "a.js", b"small", OLD + 100)


CHANGES: dict[str, tuple[Callable[[Path], None], str, bool]] = {
    "edited within two seconds": (_edit, "stale", True),
    "edited": (_edit_later, "stale", True),
    "broken": (_break, "stale", True),
    "empty": (_empty, "stale", True),
    "removed": (_remove, "missing", True),
    "dense": (_make_dense, "stale", False),
    "small": (_make_small, "stale", False),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_is_not_current_is_found_and_put_right(
    root: Path, change: str, capsys: pytest.CaptureFixture[str]
) -> None:
    apply, verdict, is_kept = CHANGES[change]
    path = write(root / "a.js", TEXT)
    compress(root, "--formats", "gzip")
    apply(root)
    before = state(root)
    capsys.readouterr()
    assert compress(root, "--formats", "gzip", "--check") == EXIT_FAULTS
    assert f"{verdict}  {path}.gz\n" in capsys.readouterr().out
    assert state(root) == before
    assert compress(root, "--formats", "gzip") == EXIT_OK
    assert sidecars(root) == (["a.js.gz"] if is_kept else [])
    if is_kept:
        assert gzip.decompress((root / "a.js.gz").read_bytes()) == path.read_bytes()
    assert compress(root, "--formats", "gzip", "--check") == EXIT_OK


def test_a_checkout_may_write_a_sidecar_first(root: Path) -> None:
    """The times are in the wrong order then, and the bytes are right."""
    write(root / "a.js", TEXT, OLD)
    for coding in ("zstd", "br", "gzip"):
        encode = evloop.compress.coders.encoder(coding, len(TEXT))
        ending = evloop.compress.sidecar.ENDINGS[coding]
        write(root / f"a.js{ending}", encode(TEXT, True), OLD - 1)
    before = state(root)
    assert compress(root, "--check") == EXIT_OK
    assert compress(root) == EXIT_OK
    assert state(root) == before


def test_archives_of_somebody_else_are_not_touched(root: Path) -> None:
    write(root / "backup.tar", b"new" * 1000, OLD)
    write(root / "backup.tar.gz", gzip.compress(b"old"), OLD - 1000)
    write(root / "data.csv.gz", gzip.compress(TEXT), OLD)
    before = state(root)
    assert compress(root) == EXIT_OK
    assert compress(root, "--check") == EXIT_OK
    assert state(root) == before


def test_types_formats_and_sizes_are_options(root: Path) -> None:
    write(root / "a.js", TEXT)
    write(root / "a.bin", TEXT)
    write(root / "tiny.bin", text(100))
    options = ["--types", "application/octet-stream,image/*", "--formats", "gzip, br"]
    assert compress(root, *options, "--min-size", "100B") == EXIT_OK
    assert sidecars(root) == ["a.bin.br", "a.bin.gz", "tiny.bin.br", "tiny.bin.gz"]


class TestFailures:
    def test_a_file_that_changes_meanwhile_gets_no_sidecar(
        self, root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        path = write(root / "a.js", TEXT)
        real = evloop.compress.coders.encoder

        def encoder(coding: str, size: int) -> Any:
            write(path, TEXT + b"more", OLD + 1)
            return real(coding, size)

        monkeypatch.setattr(evloop.compress.sidecar, "encoder", encoder)
        assert compress(root, "--formats", "gzip") == EXIT_FAULTS
        assert f"{path}.gz: changed while it was read" in capsys.readouterr().err
        assert sidecars(root) == []

    def test_a_full_disk_leaves_the_old_sidecar(
        self, root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        write(root / "a.js", TEXT)
        compress(root, "--formats", "gzip")
        old = (root / "a.js.gz").read_bytes()
        write(root / "a.js", TEXT[::-1], OLD + 100)

        def fail(fd: int, data: bytes) -> None:
            os.write(fd, data[:10])
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(evloop.compress.writing, "_write_all", fail)
        assert compress(root, "--formats", "gzip") == EXIT_FAULTS
        assert "No space left on device" in capsys.readouterr().err
        assert sidecars(root) == ["a.js.gz"]
        assert (root / "a.js.gz").read_bytes() == old

    def test_a_directory_in_the_place_of_a_sidecar_is_left(
        self, root: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        write(root / "a.js", TEXT)
        (root / "a.js.gz").mkdir()
        assert compress(root, "--formats", "gzip") == EXIT_FAULTS
        assert "a.js.gz: the sidecar is no regular file" in capsys.readouterr().err

    def test_one_failure_does_not_stop_the_others(self, root: Path) -> None:
        write(root / "a.js", TEXT)
        write(root / "b.js", TEXT)
        (root / "a.js.gz").mkdir()
        assert compress(root, "--formats", "gzip") == EXIT_FAULTS
        assert (root / "b.js.gz").is_file()

    def test_no_directory_is_told(self, root: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert compress(root) == EXIT_FAULTS
        assert capsys.readouterr().err == f"evloop: {root} is no directory\n"


class TestPackages:
    @pytest.fixture(autouse=True)
    def _without(self, monkeypatch: pytest.MonkeyPatch) -> None:
        real = importlib.import_module

        def import_module(name: str) -> Any:
            if name.startswith(("brotli", "backports", "compression", "zopfli")):
                raise ModuleNotFoundError(name)
            return real(name)

        monkeypatch.setattr(importlib, "import_module", import_module)

    def test_gzip_needs_none(self, root: Path, capsys: pytest.CaptureFixture[str]) -> None:
        write(root / "a.js", TEXT)
        assert compress(root) == EXIT_OK
        assert sidecars(root) == ["a.js.gz"]
        told = capsys.readouterr().err
        assert told.count("\n") == 1
        assert "br needs brotli" in told
        assert "zstd needs backports.zstd" in told
        assert "pip install 'evloop-server[compress]'" in told

    def test_what_is_asked_for_is_not_left_out(self, root: Path) -> None:
        write(root / "a.js", TEXT)
        assert compress(root, "--formats", "gzip,br") == EXIT_FAULTS
        assert sidecars(root) == []


def test_zopfli_is_used_for_small_files(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("zopfli")
    write(root / "a.js", TEXT)
    compress(root, "--formats", "gzip")
    plain = (root / "a.js.gz").stat().st_size
    (root / "a.js.gz").unlink()
    monkeypatch.setattr(evloop.compress.coders, "_MAX_ZOPFLI_SIZE", 5000)
    compress(root, "--formats", "gzip")
    data = (root / "a.js.gz").read_bytes()
    assert len(data) < plain
    assert gzip.decompress(data) == TEXT


WRONG = {
    ("--formats", "lzma"): "lzma: one of zstd, br, gzip is wanted",
    ("--min-size", "much"): "--min-size: much:",
    ("--jobs", "0"): "a whole number from 1 on is wanted",
    ("--bogus",): "--bogus",
}


@pytest.mark.parametrize("options", WRONG)
def test_wrong_usage_is_one_line_and_2(
    options: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ending:
        main(["root", *options])
    assert ending.value.code == EXIT_USAGE
    told = capsys.readouterr().err
    assert WRONG[options] in told
    assert told.count("\n") == 1


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_progress_tells_rate_and_savings() -> None:
    stream, now = Terminal(), [0.0]
    progress = Progress(4 * 1024 * 1024, stream, lambda: now[0])
    task = Task("a.js", 1024 * 1024, "gzip")
    now[0] = 0.05
    progress.note(Outcome(task, Verdict.CURRENT))
    assert stream.getvalue() == ""  # too soon for another picture
    now[0] = 2.0
    progress.note(Outcome(task, Verdict.WRITTEN, 256 * 1024))
    picture = "[############------------]  50%  1 MiB/s  1 written  75% saved"
    assert stream.getvalue() == "\r\x1b[K" + picture
    progress.clear()
    assert stream.getvalue().endswith("\r\x1b[K")


def test_progress_writes_no_picture_to_a_file() -> None:
    stream = io.StringIO()
    progress = Progress(0, stream, iter(range(9)).__next__)
    progress.note(Outcome(Task("a.js", 0, "gzip"), Verdict.DENSE))
    progress.clear()
    assert stream.getvalue() == ""


def test_the_command_is_registered(root: Path) -> None:
    write(root / "a.js", TEXT)
    command = [sys.executable, "-m", "evloop", "compress", str(root)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=True)
    assert done.stdout.startswith("1 files, sidecars: 3 written; 14.6 KiB became")
    assert done.stderr == ""
    shown = subprocess.run([sys.executable, "-m", "evloop", "--help"], capture_output=True,
                           text=True, timeout=PATIENCE, check=True)  # fmt: skip
    assert "compress " in shown.stdout


@pytest.mark.parametrize("interrupted", [True, False])
def test_processes_that_died_may_have_been_interrupted(
    root: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    interrupted: bool,
) -> None:
    def break_off(*ignored: object) -> object:
        raise BrokenProcessPool

    def sleep(seconds: float) -> None:
        assert 0 < seconds < 1
        if interrupted:
            raise KeyboardInterrupt

    monkeypatch.setattr(evloop.compress.command, "carry_out_all", break_off)
    monkeypatch.setattr("evloop.compress.command.time.sleep", sleep)
    write(root / "a.js", TEXT)
    assert compress(root) == (EXIT_INTERRUPTED if interrupted else EXIT_FAULTS)
    told = capsys.readouterr().err
    assert told == ("" if interrupted else "evloop: a process was killed: too little memory?\n")


@pytest.mark.slow
def test_an_interrupt_leaves_no_half_of_a_file(root: Path) -> None:
    for number in range(4):
        write(root / f"{number}.txt", text(3_000_000, number))
    command = [sys.executable, "-m", "evloop", "compress", str(root), "--jobs", "2"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, start_new_session=True) as process:
        eventually(lambda: len(_children(process.pid)) >= 2, "the processes to work")
        os.killpg(process.pid, signal.SIGINT)
        _, told = process.communicate(timeout=PATIENCE)
    assert process.returncode == 128 + signal.SIGINT
    assert b"Traceback" not in told
    assert not [name for name in sidecars(root) if name.endswith(".tmp")]


def _children(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
