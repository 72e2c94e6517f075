"""What the soak test takes a file to be."""

from pathlib import Path

import pytest
from evloop_tools.load.content import CHECK_SIZE, ISLAND, PERIOD, SPACING, Coded, Copy, Sparse
from evloop_tools.load.files import Kind, kind_of, local_files

KIB, MIB = 1024, 1024 * 1024


def test_the_period_is_prime_so_that_no_shift_by_a_chunk_goes_unseen() -> None:
    assert all(PERIOD % divisor for divisor in range(2, 1025))


@pytest.mark.parametrize("kind", [Coded, Sparse])
def test_a_made_file_holds_what_is_expected_of_it(
    kind: type[Coded] | type[Sparse], tmp_path: Path
) -> None:
    content = kind("/a.bin", 3 * MIB + 11)
    content.write(tmp_path / "a.bin")
    data = (tmp_path / "a.bin").read_bytes()
    assert len(data) == content.size
    for offset in (
        0,
        1,
        ISLAND - 1,
        SPACING - 100,
        SPACING,
        2 * SPACING + ISLAND - 7,
        len(data) - 5,
    ):
        piece = memoryview(data)[offset : offset + CHECK_SIZE]
        assert content.matches(offset, piece)
        assert content.expected(offset, len(piece)) == piece


def test_a_sparse_file_takes_little_of_the_disk(tmp_path: Path) -> None:
    Sparse("/v", 64 * MIB).write(tmp_path / "v")
    assert (tmp_path / "v").stat().st_blocks * 512 < 2 * MIB


@pytest.mark.parametrize("shift", [1, 512, 32 * KIB, SPACING, PERIOD + 1])
def test_bytes_of_another_place_do_not_match(shift: int) -> None:
    content = Coded("/a.bin", 10 * MIB)
    assert not content.matches(0, memoryview(content.expected(shift, 4 * KIB)))


def test_bytes_of_another_file_do_not_match() -> None:
    assert not Coded("/a", MIB).matches(0, memoryview(Coded("/b", MIB).expected(0, 4 * KIB)))


def test_an_island_in_the_wrong_place_does_not_match() -> None:
    content = Sparse("/v", 10 * MIB)
    assert not content.matches(SPACING, memoryview(content.expected(2 * SPACING, ISLAND)))
    assert not content.matches(ISLAND, memoryview(b"\0" * 99 + b"\1"))


def test_a_local_file_is_compared_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"0123456789")
    content = Copy(tmp_path / "x")
    assert content.matches(3, memoryview(b"3456"))
    assert not content.matches(3, memoryview(b"3457"))
    assert not content.matches(8, memoryview(b"89and more"))
    content.close()


def test_local_files_are_found_as_a_server_shows_them(tmp_path: Path) -> None:
    for name in ("index.html", "a b.css", "sub/big.bin", ".hidden", ".git/config", "empty"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"" if name == "empty" else b"x" * 2 * MIB if "big" in name else b"x")
    found = {file.path: file.kind for file in local_files(tmp_path)}
    assert found == {
        "/index.html": Kind.PAGE,
        "/a%20b.css": Kind.ASSET,
        "/sub/big.bin": Kind.DOCUMENT,
    }


@pytest.mark.parametrize(
    ("path", "size", "kind"),
    [
        ("/", None, Kind.PAGE),
        ("/a.html", 99 * MIB, Kind.PAGE),
        ("/a", MIB, Kind.ASSET),
        ("/a", MIB + 1, Kind.DOCUMENT),
        ("/a", 32 * MIB + 1, Kind.VIDEO),
    ],
)
def test_kinds_follow_from_name_and_size(path: str, size: int | None, kind: Kind) -> None:
    assert kind_of(path, size) is kind
