"""Zip archives whose sizes, offsets and numbers need Zip64, read by the standard library."""

import os
import zipfile
from pathlib import Path

import pytest

from evloop.files.spool import SPOOL_SIZE, Spool
from evloop.files.tree import Member
from evloop.files.zip import ZipFormat
from tests.support.descriptors import no_leaks

GIB = 1024**3
READABLE = os.open(os.devnull, os.O_RDONLY)


def write_archive(path: Path, members: list[Member]) -> None:
    """Write an archive of *members*; their contents are holes, and their checksums made up."""
    format_ = ZipFormat()
    with path.open("wb") as file:
        for number, member in enumerate(members):
            file.write(format_.begin(member))
            if member.size:  # a seek writes what was gathered
                file.seek(member.size, os.SEEK_CUR)
            file.write(format_.end(number))
        for piece in format_.finish():
            file.write(piece)
    format_.close()


def file(name: bytes, size: int, mtime: int = 0) -> Member:
    return Member(name, size, mtime, READABLE)


SIZES = [0, 1, 0xFFFFFFFE, 0xFFFFFFFF, 0x100000000, 10 * GIB, 3]


def test_sizes_and_offsets_may_be_of_any_size(tmp_path: Path) -> None:
    members = [file(b"%d" % size, size) for size in SIZES]
    write_archive(tmp_path / "a.zip", members)
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        infos = archive.infolist()
        assert [info.file_size for info in infos] == SIZES
        assert [info.compress_size for info in infos] == SIZES
        assert [info.CRC for info in infos] == list(range(len(SIZES)))
        assert infos[-1].header_offset > 18 * GIB
        for info in infos:
            archive.open(info).close()  # its head is where the directory says
        assert [info.extract_version for info in infos] == [20, 20, 20, 45, 45, 45, 45]


@pytest.mark.parametrize(
    "count",
    [0xFFFF, *(pytest.param(it, marks=pytest.mark.slow) for it in (0xFFFE, 0x10000))],
)
def test_there_may_be_any_number_of_members(tmp_path: Path, count: int) -> None:
    with no_leaks():
        write_archive(tmp_path / "a.zip", [Member(b"%d/" % it, 0, 0) for it in range(count)])
    tail = (tmp_path / "a.zip").read_bytes()[-98:]
    assert tail.startswith(b"PK\6\6") is (count >= 0xFFFF)  # APPNOTE section 4.4.1.4
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        assert len(archive.infolist()) == count
        assert archive.infolist()[-1].filename == f"{count - 1}/"


TIMES = {
    0: (1980, 1, 1, 0, 0, 0),
    1_700_000_000: (2023, 11, 14, 22, 13, 20),
    4_354_819_199: (2107, 12, 31, 23, 59, 58),
    2**62: (2107, 12, 31, 23, 59, 58),
    -(2**62): (1980, 1, 1, 0, 0, 0),
}


@pytest.mark.parametrize("mtime", TIMES)
def test_any_time_can_be_told_or_is_brought_near(tmp_path: Path, mtime: int) -> None:
    write_archive(tmp_path / "a.zip", [file("\xfc".encode(), 0, mtime), file(b"\xff", 0, mtime)])
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        infos = archive.infolist()
    assert [info.date_time for info in infos] == [TIMES[mtime]] * 2
    assert infos[0].filename == "\xfc"
    assert infos[1].flag_bits & 1 << 11 == 0
    has_field = -(2**31) <= mtime < 2**31
    assert (b"UT\x05\x00\x01" in infos[0].extra) is has_field


@pytest.mark.parametrize("size", [0, 1, SPOOL_SIZE, SPOOL_SIZE + 1, 5 * SPOOL_SIZE + 3])
def test_what_is_spooled_comes_back(size: int) -> None:
    data, spool = os.urandom(size), Spool()
    with no_leaks():
        for start in range(0, size, 1000):
            spool.write(data[start : start + 1000])
            assert len(spool._held) <= SPOOL_SIZE
        assert spool.size == size
        assert b"".join(spool.pieces()) == data
        spool.close()
        spool.close()
