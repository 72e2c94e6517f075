"""The sample files: same bytes everywhere, never half there, and clear when it can't be done."""

import hashlib
import re
import subprocess
import sys
from pathlib import Path

import make_samples
import pytest
from make_samples import BLOCK, KIB, MIB, SAMPLES, Sample, blocks, is_in_place, main, make

SMALL = Sample("small.bin", 500 * KIB)
FEW = (Sample("empty.bin", 0), Sample("one.bin", 1), Sample("odd.bin", 2 * BLOCK + 1))

SIZE_TEXTS = {
    0: "0 B",
    1: "1 B",
    1023: "1023 B",
    KIB: "1 KiB",
    500 * KIB: "500 KiB",
    MIB: "1 MiB",
    MIB + KIB: "1025 KiB",
    100 * MIB: "100 MiB",
}

PUBLIC = Path(make_samples.__file__).resolve().parent.parent / "public"


def test_the_samples_are_those_of_the_guide() -> None:
    assert {sample.name: sample.size for sample in SAMPLES} == {
        "small.bin": 500 * 1024,
        "medium.bin": 5 * 1024 * 1024,
        "large.bin": 10 * 1024 * 1024,
        "test.bin": 100 * 1024 * 1024,
    }


def test_the_content_is_the_same_on_every_machine() -> None:
    # Made once and written down: a change of this digest makes every published one wrong.
    expected = "8709b10054334c035cb0d0ecdbc09b83ccf313b058a836a919c1c13102f9f10d"
    assert hashlib.sha256(b"".join(blocks(SMALL))).hexdigest() == expected


def test_a_block_can_be_computed_from_the_documented_recipe() -> None:
    content = b"".join(blocks(FEW[2]))
    assert content[BLOCK : 2 * BLOCK] == hashlib.shake_128(b"evloop sample odd.bin 1").digest(BLOCK)


def test_no_block_is_larger_than_the_memory_promised() -> None:
    assert {len(block) for block in blocks(FEW[2])} == {BLOCK, 1}


@pytest.mark.parametrize("sample", FEW, ids=lambda sample: sample.name)
def test_a_made_sample_has_its_size_and_the_digest_reported(sample: Sample, tmp_path: Path) -> None:
    outcome = make(sample, tmp_path)
    content = (tmp_path / sample.name).read_bytes()
    assert len(content) == sample.size
    assert outcome.sha256 == hashlib.sha256(content).hexdigest()
    assert not outcome.was_kept


def test_a_file_of_the_right_size_is_kept_and_its_own_digest_reported(tmp_path: Path) -> None:
    (tmp_path / "one.bin").write_bytes(b"x")
    outcome = make(FEW[1], tmp_path)
    assert outcome.was_kept
    assert outcome.sha256 == hashlib.sha256(b"x").hexdigest()
    assert (tmp_path / "one.bin").read_bytes() == b"x"


def test_force_replaces_a_file_of_the_right_size(tmp_path: Path) -> None:
    made = make(FEW[1], tmp_path).sha256
    (tmp_path / "one.bin").write_bytes(b"x")
    assert make(FEW[1], tmp_path, force=True).sha256 == made


def test_a_file_of_another_size_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "one.bin").write_bytes(b"cut short, or too long")
    assert not make(FEW[1], tmp_path).was_kept
    assert is_in_place(FEW[1], tmp_path)


def test_a_failure_half_way_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class FullDiskError(OSError):
        pass

    def fails_after_a_block(sample: Sample) -> object:
        yield bytes(BLOCK)
        raise FullDiskError

    monkeypatch.setattr(make_samples, "blocks", fails_after_a_block)
    with pytest.raises(FullDiskError):
        make(FEW[2], tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_command_prints_name_size_and_digest(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--directory", str(tmp_path)]
    assert main(arguments, FEW) == 0
    lines = capsys.readouterr().out.splitlines()
    digest = hashlib.sha256((tmp_path / "odd.bin").read_bytes()).hexdigest()
    assert lines[2].split() == ["odd.bin", "131073", "B", digest, "made"]
    assert main(arguments, FEW) == 0
    assert [line.split()[-1] for line in capsys.readouterr().out.splitlines()] == ["kept"] * 3
    assert main([*arguments, "--force"], FEW) == 0
    assert [line.split()[-1] for line in capsys.readouterr().out.splitlines()] == ["made"] * 3


def test_list_says_what_is_missing_and_writes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make(FEW[1], tmp_path)
    assert main(["--directory", str(tmp_path), "--list"], FEW) == 0
    states = [line.split("  ")[-1] for line in capsys.readouterr().out.splitlines()]
    assert states == ["missing", "in place", "missing"]
    assert [path.name for path in tmp_path.iterdir()] == ["one.bin"]


@pytest.mark.parametrize(
    ("name", "reason"), [("absent", "no such directory"), ("file", "not a directory")]
)
def test_a_directory_that_is_none_is_refused_in_one_line(
    name: str, reason: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    directory = tmp_path / name
    assert main(["--directory", str(directory)], FEW) == 2
    assert capsys.readouterr().err == f"make_samples.py: --directory {directory}: {reason}\n"


def test_a_sample_that_cannot_be_written_is_named_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    in_the_way = tmp_path / "one.bin"
    in_the_way.mkdir()
    assert main(["--directory", str(tmp_path)], FEW[1:2]) == 1
    assert capsys.readouterr().err == f"make_samples.py: {in_the_way}: Is a directory\n"
    assert list(tmp_path.iterdir()) == [in_the_way]


def test_an_interrupt_ends_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(sample: Sample) -> object:
        yield b"first"
        raise KeyboardInterrupt

    monkeypatch.setattr(make_samples, "blocks", interrupted)
    assert main(["--directory", str(tmp_path)], FEW) == 130
    assert capsys.readouterr().err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("size", "text"), SIZE_TEXTS.items())
def test_sizes_are_written_in_the_largest_unit_that_divides_them(size: int, text: str) -> None:
    assert make_samples.size_text(size) == text


def test_it_runs_as_a_program() -> None:
    done = subprocess.run(
        [sys.executable, make_samples.__file__, "--help"],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    assert "SHA-256" in done.stdout
    assert "exit codes" in done.stdout


def test_the_site_publishes_the_digests_that_the_command_prints(tmp_path: Path) -> None:
    page = (PUBLIC / "static" / "index.html").read_text(encoding="utf-8")
    published = re.findall(r"\b[0-9a-f]{64}\b", page)
    assert published == [make(sample, tmp_path).sha256 for sample in SAMPLES]
