"""Which difference of a file is found, and which is not used."""

import errno
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from evloop.files.cache import CacheSettings, Found
from evloop.files.deltas import HEAD_SIZE, MAGIC, Deltas, delta_path, may_be_dictionary
from evloop.files.entry import Entry
from tests.files.test_variants import Tried
from tests.support.bench import OLD, write
from tests.support.descriptors import no_leaks

DIGEST = hashlib.sha256(b"the version before").digest()
CODED = MAGIC + DIGEST + b"and what is different"
NAME = delta_path(b"a.js", DIGEST).decode()


@pytest.fixture(autouse=True)
def _no_leaks() -> Iterator[None]:
    with no_leaks():
        yield


class Sought(Tried):
    """Differences of a.js in a directory."""

    def __init__(self, path: Path, settings: CacheSettings) -> None:
        super().__init__(path, settings)
        self.deltas = Deltas(self.reader, self.cache, lambda *it: self.complaints.append(it))

    def find(self, digest: bytes = DIGEST, now: float = 0.0) -> Entry | None:
        found = self.deltas.find(self.entry(b"a.js", now), digest, now)
        if found is None:
            return None
        assert isinstance(found, Found)
        found.close()
        return found.entry


@pytest.fixture(params=[0, 1024**2], ids=["streamed", "preloaded"])
def sought(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Sought]:
    write(tmp_path / "a.js", b"a" * 2000)
    write(tmp_path / NAME, CODED)
    with Sought(tmp_path, CacheSettings(max_in_memory_size=request.param)) as sought:
        yield sought


def test_it_is_the_file_in_a_coding(sought: Sought) -> None:
    plain, coded = sought.entry(b"a.js", 0.0), sought.find()
    assert coded is not None
    assert (coded.path, coded.media_type) == (plain.path, plain.media_type)
    assert (coded.coding, coded.size, coded.vary) == (b"dcz", len(CODED), plain.vary)
    assert coded.etag.endswith(b'-dcz"')
    assert sought.find() is coded or coded.content is None
    assert not sought.complaints


def test_the_name_says_half_of_the_digest_and_the_file_all(sought: Sought) -> None:
    assert f"a.js.{DIGEST.hex()[:16]}.dcz" == NAME
    assert sought.find(DIGEST[:8] + bytes(24)) is None
    assert sought.find(bytes(32)) is None
    # A client may say what it likes: that is no reason to complain of the file.
    assert not sought.complaints


# What is there, its age in seconds, and what is told of it.
UNUSED = {
    "older": (CODED, -3, "is older than its file"),
    "of something else": (MAGIC + bytes(40), 0, "is no dcz file of the dictionary in its name"),
    "no dcz file": (b"x" * 100, 0, "is no dcz file of the dictionary in its name"),
    "zstd": (b"\x28\xb5\x2f\xfd" + bytes(60), 0, "is no dcz file of the dictionary in its name"),
    "cut": (CODED[:20], 0, None),
    "cut in the magic": (CODED[:5], 0, "is no dcz file of the dictionary in its name"),
    "empty": (b"", 0, "is no dcz file of the dictionary in its name"),
    "as old": (CODED, -2, ""),
}


@pytest.mark.parametrize("case", UNUSED)
def test_what_is_wrong_is_told_once(sought: Sought, tmp_path: Path, case: str) -> None:
    data, age, fault = UNUSED[case]
    write(tmp_path / NAME, data, OLD + age)
    for now in (0.0, 0.5, 2.0, 4.0):
        assert (sought.find(now=now) is not None) == (fault == "")
    assert sought.complaints == ([(NAME.encode(), fault)] if fault else [])
    # When it is mended it is used, and told of again when it breaks again.
    write(tmp_path / NAME, CODED + b" again")
    assert sought.find(now=6.0) is not None
    if fault:
        write(tmp_path / NAME, data, OLD + age)
        assert sought.find(now=8.0) is None
        assert len(sought.complaints) == 2


@pytest.mark.parametrize("error", [errno.EACCES, errno.EMFILE, errno.EIO, errno.ELOOP])
def test_one_that_can_not_be_opened_is_none(sought: Sought, error: int) -> None:
    sought.root.faults[NAME.encode()] = error
    assert sought.find() is None


def test_a_directory_or_a_link_that_leads_out_is_none(sought: Sought, tmp_path: Path) -> None:
    (tmp_path / NAME).unlink()
    (tmp_path / NAME).mkdir()
    assert sought.find() is None
    (tmp_path / NAME).rmdir()
    os.symlink("/etc/hostname", tmp_path / NAME)
    assert sought.find() is None


def test_a_cold_one_is_none_for_now(tmp_path: Path) -> None:
    write(tmp_path / "a.js", b"a" * 2000)
    write(tmp_path / NAME, CODED)
    with Sought(tmp_path, CacheSettings(max_in_memory_size=0)) as sought:
        sought.reader.is_cold = True
        assert sought.find() is None
        sought.reader.is_cold = False
        assert sought.find() is not None
        assert not sought.complaints


def test_nothing_is_remembered_of_what_is_missing(sought: Sought) -> None:
    sought.find()
    known = len(sought.cache)
    for number in range(1000):
        assert sought.find(number.to_bytes(32)) is None
    assert len(sought.cache) == known


# Type by name, size, and whether it may be a dictionary.
DICTIONARIES = {
    ("a.js", 1024): True,
    ("a.js", 1023): False,
    ("a.html", 5000): True,
    ("a.wasm", 5000): True,
    ("a.png", 5000): False,
    ("a.bin", 5000): False,
}


@pytest.mark.parametrize("case", DICTIONARIES)
def test_what_shrinks_may_be_a_dictionary(tmp_path: Path, case: tuple[str, int]) -> None:
    name, size = case
    write(tmp_path / name, b"x" * size)
    with Sought(tmp_path, CacheSettings()) as sought:
        assert may_be_dictionary(sought.entry(name.encode(), 0.0)) == DICTIONARIES[case]


def test_a_file_in_a_coding_may_be_one_however_small(sought: Sought) -> None:
    coded = sought.find()
    assert coded is not None
    assert coded.size < HEAD_SIZE + 100
    assert may_be_dictionary(coded)
