"""Entity tags and signatures."""

import os
from pathlib import Path

import pytest

from evloop.files.entry import (
    Entry,
    Signature,
    etag_of_content,
    etag_of_times,
    has_frozen_mtime,
    signature_of,
)
from tests.support.bench import write

SECOND = 1_000_000_000
BASE = Signature(device=1, inode=2, size=0x30, mtime_ns=0x40_0000_0000, ctime_ns=5)


def test_a_tag_of_content_is_the_digest_in_quotes() -> None:
    assert etag_of_content("0abc") == b'"0abc"'


def test_a_tag_of_times_has_time_and_size_apart() -> None:
    assert etag_of_times(BASE) == b'"4000000000-30"'
    # Without a separator these two would be one.
    one = BASE._replace(mtime_ns=0x40_0000_0001, size=0x23)
    two = BASE._replace(mtime_ns=0x400_0000_0012, size=0x3)
    assert etag_of_times(one) != etag_of_times(two)


@pytest.mark.parametrize(
    ("change", "differs"),
    [
        ({"mtime_ns": BASE.mtime_ns + 1}, True),
        ({"size": BASE.size + 1}, True),
        ({"inode": 99}, False),  # another replica has another
        ({"device": 99}, False),
        ({"ctime_ns": 99}, False),
    ],
)
def test_a_tag_of_times_is_equal_on_replicas(change: dict[str, int], differs: bool) -> None:
    assert (etag_of_times(BASE._replace(**change)) != etag_of_times(BASE)) is differs


@pytest.mark.parametrize("mtime", [0, 1])
@pytest.mark.parametrize("change", [{"inode": 99}, {"ctime_ns": 99}, {"size": 99}])
def test_a_frozen_time_is_made_up_for(mtime: int, change: dict[str, int]) -> None:
    frozen = BASE._replace(mtime_ns=mtime * SECOND)
    assert etag_of_times(frozen) != etag_of_times(frozen._replace(**change))


def test_times_before_the_epoch_have_a_tag_as_well() -> None:
    before = etag_of_times(BASE._replace(mtime_ns=-5 * SECOND))
    assert before.isascii()
    assert b'"' not in before[1:-1]


@pytest.mark.parametrize(("mtime", "frozen"), [(-1, False), (0, True), (1, True), (2, False)])
def test_only_the_constants_of_build_tools_are_frozen(mtime: int, frozen: bool) -> None:
    assert has_frozen_mtime(mtime) is frozen


def test_a_signature_tells_one_state_of_a_file_from_another(tmp_path: Path) -> None:
    path = write(tmp_path / "file", b"data")
    before = signature_of(os.stat(path))
    assert signature_of(os.stat(path)) == before
    write(path, b"more data")
    longer = signature_of(os.stat(path))
    (tmp_path / "other").write_bytes(b"more data")
    (tmp_path / "other").rename(path)
    replaced = signature_of(os.stat(path))
    assert len({before, longer, replaced}) == 3
    assert longer.size == replaced.size == 9


def test_an_entry_knows_the_type_and_the_second_of_its_file() -> None:
    entry = Entry(b"page.html", BASE, b'"x"', 48, checked=7.0)
    assert entry.media_type == b"text/html; charset=utf-8"
    assert entry.mtime == BASE.mtime_ns // SECOND
    assert entry.content is None
    assert entry.settled
    assert Entry(b"x", BASE._replace(mtime_ns=-1), b"", 0, checked=0).mtime == -1
