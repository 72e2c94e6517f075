"""What is looked up beside a file, how often, and what it takes to remember it."""

import errno
import gc
import os
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import pytest

from evloop.files.cache import Cache, CacheSettings, Found
from evloop.files.compressible import is_compressed_already, is_compressible
from evloop.files.entry import Entry, coding_of_etag, etag_of_coding
from evloop.files.mime import media_type
from evloop.files.reader import Reader
from evloop.files.root import Root
from evloop.files.variants import VARIANTS_SIZE, Variants
from tests.support.bench import later_ns, write
from tests.support.descriptors import no_leaks
from tests.support.scheduler import Scheduler

GZIP = b"\x1f\x8b and the rest"
ENDINGS = (b".zst", b".br", b".gz")


class FaultyRoot(Root):
    """A root that notes what is opened, and refuses names when it is told to."""

    def __init__(self, path: Path) -> None:
        super().__init__(str(path))
        self.asked: list[bytes] = []
        self.faults: dict[bytes, int] = {}

    def open(self, path: bytes) -> int:
        self.asked.append(path)
        if path in self.faults:
            raise OSError(self.faults[path], os.strerror(self.faults[path]))
        return super().open(path)


class ColdReader(Reader):
    """A reader that finds nothing in memory as long as it `is_cold`."""

    is_cold = False

    def read_into(
        self, fd: int, view: memoryview, offset: int, limit: int, tries: int
    ) -> int | None:
        return None if self.is_cold else super().read_into(fd, view, offset, limit, tries)


class Tried:
    """Variants over a directory, with what they are made of. Use it as a context."""

    def __init__(self, path: Path, settings: CacheSettings | None = None) -> None:
        self.root = FaultyRoot(path)
        self.reader = ColdReader()
        self.cache = Cache(
            self.root,
            self.reader,
            settings or CacheSettings(),
            wall_ns=later_ns,
            call_at=Scheduler().call_at,
        )
        self.complaints: list[tuple[bytes, str]] = []
        self.variants = Variants(
            self.root, self.reader, self.cache, lambda *it: self.complaints.append(it)
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *ignored: object) -> None:
        self.cache.close()
        self.root.close()

    def entry(self, name: bytes, now: float) -> Entry:
        found = self.cache.find(name, now)
        assert isinstance(found, Found)
        found.close()
        return found.entry

    def sizes(self, name: bytes, now: float = 0.0) -> dict[bytes, int]:
        return dict(self.variants.sizes(self.entry(name, now)))

    def looked_for(self, name: bytes, now: float) -> list[bytes]:
        """Return which sidecars are looked for when *name* is asked for."""
        entry = self.entry(name, now)
        self.root.asked.clear()
        self.variants.sizes(entry)
        return self.root.asked


@pytest.fixture(autouse=True)
def _no_leaks() -> Iterator[None]:
    with no_leaks():
        yield


@pytest.fixture(params=[0, 1024**2], ids=["streamed", "preloaded"])
def tried(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Tried]:
    write(tmp_path / "a.js", b"a" * 100)
    write(tmp_path / "a.js.gz", GZIP)
    write(tmp_path / "b.js", b"b" * 100)
    write(tmp_path / "c.jpg", b"c" * 100)
    write(tmp_path / "c.jpg.gz", GZIP)
    with Tried(tmp_path, CacheSettings(max_in_memory_size=request.param)) as tried:
        yield tried


@pytest.mark.parametrize("name", [b"a.js", b"b.js"])
def test_each_sidecar_is_looked_for_once_while_its_file_is_fresh(tried: Tried, name: bytes) -> None:
    sought = [name + ending for ending in ENDINGS]
    assert tried.looked_for(name, 0.0) == sought
    for now in (0.0, 0.1, 0.5, 0.999):
        assert tried.looked_for(name, now) == []
    assert tried.looked_for(name, 1.0) == sought
    assert tried.looked_for(name, 1.999) == []


def test_what_is_compressed_already_is_not_looked_for(tried: Tried) -> None:
    assert tried.looked_for(b"c.jpg", 0.0) == []
    assert tried.sizes(b"c.jpg") == {}


def test_the_bytes_of_a_sidecar_are_judged_once(tried: Tried) -> None:
    assert tried.sizes(b"a.js", 0.0) == {b"gzip": len(GZIP)}
    refills = tried.reader.refills
    for now in (2.0, 4.0):
        assert tried.sizes(b"a.js", now) == {b"gzip": len(GZIP)}
    read = 0 if tried.entry(b"a.js", 4.0).content is None else refills
    assert tried.reader.refills == max(refills, read)


def test_a_cold_sidecar_is_judged_when_it_is_there(tried: Tried) -> None:
    entry = tried.entry(b"a.js", 0.0)
    tried.reader.is_cold = True
    assert tried.variants.sizes(entry) == {}
    tried.reader.is_cold = False
    assert tried.variants.sizes(entry) == {b"gzip": len(GZIP)}
    assert not tried.complaints


FAULTS = {
    errno.ENOENT: None,
    errno.ENAMETOOLONG: None,
    errno.ELOOP: None,
    errno.EACCES: "can't be read: Permission denied",
    errno.EIO: "can't be read: Input/output error",
}


@pytest.mark.parametrize("number", FAULTS)
def test_what_can_not_be_opened_is_not_used(tried: Tried, number: int) -> None:
    tried.root.faults[b"a.js.gz"] = number
    for now in (0.0, 2.0, 4.0):
        assert tried.sizes(b"a.js", now) == {}
    fault = FAULTS[number]
    assert tried.complaints == ([(b"a.js.gz", fault)] if fault else [])


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE, errno.ENOMEM])
def test_want_of_descriptors_says_nothing_about_a_sidecar(tried: Tried, number: int) -> None:
    entry = tried.entry(b"a.js", 0.0)
    tried.root.faults[b"a.js.gz"] = number
    with pytest.raises(OSError, match=os.strerror(number)):
        tried.variants.sizes(entry)
    del tried.root.faults[b"a.js.gz"]
    assert tried.variants.sizes(entry) == {b"gzip": len(GZIP)}
    assert not tried.complaints


def test_a_lease_is_waited_for_without_waiting(tried: Tried) -> None:
    entry = tried.entry(b"a.js", 0.0)
    tried.root.faults[b"a.js.gz"] = errno.EAGAIN
    assert tried.variants.sizes(entry) == {}
    del tried.root.faults[b"a.js.gz"]
    assert tried.variants.sizes(entry) == {b"gzip": len(GZIP)}


def test_a_name_has_room_for_no_ending(tmp_path: Path) -> None:
    name = "n" * 250 + ".js"
    write(tmp_path / name, b"x" * 100)
    with Tried(tmp_path) as tried:
        assert tried.sizes(name.encode()) == {}
        assert not tried.complaints


def test_a_broken_build_does_not_fill_the_log(tmp_path: Path) -> None:
    for number in range(400):
        write(tmp_path / f"{number}.js", b"x")
        write(tmp_path / f"{number}.js.gz", b"wrong")
    with Tried(tmp_path, CacheSettings(max_in_memory_size=0)) as tried:
        for now in (0.0, 2.0):
            for number in range(400):
                tried.sizes(b"%d.js" % number, now)
        assert len(tried.complaints) == len(set(tried.complaints)) == 256


@pytest.mark.parametrize("kind", ["none", "all", "wrong"])
def test_what_is_remembered_takes_no_more_than_is_planned(tmp_path: Path, kind: str) -> None:
    """The table is filled several times over, and what is in it is looked up again."""
    data = {b"": b"x"}
    if kind != "none":
        data |= {b".zst": b"\x28\xb5\x2f\xfd", b".br": b"b", b".gz": b"\x1f\x8b"}
    names = [
        b"%s/%04d.js" % (b"d" * 60, number) for number in range(3000 if kind == "none" else 900)
    ]
    for ending, content in data.items():
        first = write(tmp_path / "first", content if kind == "all" or not ending else b"")
        (tmp_path / ("d" * 60)).mkdir(exist_ok=True)
        for name in names:  # a link is made in a tenth of the time of a file
            os.link(first, tmp_path / os.fsdecode(name + ending))
        first.unlink()
    with Tried(tmp_path, CacheSettings(max_in_memory_size=0)) as tried:
        entries = [tried.entry(name, 0.0) for name in names]
        tried.variants = Variants(tried.root, tried.reader, tried.cache, lambda *_: None)
        gc.collect()
        tracemalloc.start()
        try:
            before, _ = tracemalloc.get_traced_memory()
            for again in range(2):
                for number, entry in enumerate(entries):
                    entry.checked = float(again)
                    tried.variants.sizes(entry)
                    tried.root.asked.clear()
                    if number % 100 == 99:
                        taken = tracemalloc.get_traced_memory()[0] - before
                        assert taken <= VARIANTS_SIZE
        finally:
            tracemalloc.stop()


TYPES = {
    # name: compressed already, compressible
    b"a.html": (False, True),
    b"a.js": (False, True),
    b"a.json": (False, True),
    b"a.geojson": (False, True),
    b"a.webmanifest": (False, True),
    b"a.xml": (False, True),
    b"a.rss": (False, True),
    b"a.svg": (False, True),
    b"a.wasm": (False, True),
    b"a.ttf": (False, True),
    b"a.gltf": (False, True),
    b"a.m3u8": (False, True),
    b"a.mpd": (False, True),
    b"a.bin": (False, False),
    b"a": (False, False),
    b"a.pdf": (False, False),
    b"a.tar": (False, False),
    b"a.wav": (False, False),
    b"a.sqlite": (False, False),
    b"a.png": (True, False),
    b"a.webp": (True, False),
    b"a.mp4": (True, False),
    b"a.ts": (True, False),
    b"a.mp3": (True, False),
    b"a.zip": (True, False),
    b"a.gz": (True, False),
    b"a.zst": (True, False),
    b"a.docx": (True, False),
    b"a.epub": (True, False),
    b"a.woff2": (True, False),
    b"a.parquet": (True, False),
}


@pytest.mark.parametrize("name", TYPES)
def test_a_type_says_whether_compression_is_worth_a_try(name: bytes) -> None:
    kind = media_type(name)
    assert (is_compressed_already(kind), is_compressible(kind)) == TYPES[name]


@pytest.mark.parametrize(
    ("etag", "coding"),
    [
        (b'"abc-br"', b"br"),
        (b'W/"1-2-gzip"', b"gzip"),
        (b'"abc"', b""),
        (b'"-"', b""),
        (b"Tue, 14-br", b""),
        (b"", b""),
        (b'"', b""),
    ],
)
def test_a_tag_tells_its_coding(etag: bytes, coding: bytes) -> None:
    assert coding_of_etag(etag) == coding
    if coding:
        plain = etag.replace(b"-" + coding, b"")
        assert etag_of_coding(plain, coding) == etag
