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
    has_whole_seconds,
    signature_of,
)
from tests.support.bench import write

SECOND = 1_000_000_000
BASE = Signature(device=1, inode=2, size=0x30, mtime_ns=0x40_0000_0000, ctime_ns=5)


def test_a_tag_of_content_is_the_digest_in_quotes() -> None:
    assert etag_of_content("0abc") == b'"0abc"'


def test_a_tag_of_times_has_time_and_size_apart() -> None:
    assert etag_of_times(BASE) == b'W/"4000000000-30"'
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


def test_a_time_that_may_be_a_constant_has_a_salt() -> None:
    assert etag_of_times(BASE, "5a") == b'W/"4000000000-30-5a"'


@pytest.mark.parametrize(
    ("mtime_ns", "is_whole"),
    [(0, True), (SECOND, True), (SECOND + 1, False), (SECOND // 2, False), (-SECOND, True)],
)
def test_a_time_in_whole_seconds_may_have_been_set(mtime_ns: int, is_whole: bool) -> None:
    assert has_whole_seconds(BASE._replace(mtime_ns=mtime_ns)) is is_whole


def test_times_before_the_epoch_have_a_tag_as_well() -> None:
    before = etag_of_times(BASE._replace(mtime_ns=-5 * SECOND))
    assert before.isascii()
    assert b'"' not in before[3:-1]


DAY = 24 * 3600


@pytest.mark.parametrize(
    ("mtime", "frozen"),
    [
        (-1, False),
        (0, True),
        (1, True),
        (2, False),
        (499_162_500, True),  # 1985-10-26T08:15:00Z: npm
        (499_162_501, False),
        (315_532_800, True),  # 1980-01-01: zip, in whatever zone
        (315_532_800 - 14 * 3600, True),
        (315_532_800 + 14 * 3600, True),
        (315_532_800 - DAY, False),
        (315_532_800 + DAY, False),
        (318_211_200, True),  # 1980-02-01: Gradle
    ],
)
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
