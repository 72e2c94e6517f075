"""Directories without an index: who is answered with what, and what that costs."""

import io
import json
import os
import shutil
import subprocess
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from evloop.files.openat2 import NAME_ONLY
from evloop.files.reader import FileChangedError, Reader
from evloop.http.response import Body, Response
from evloop.http1.head import parse_head
from evloop.site.directories import MAX_ARCHIVES
from evloop.site.listing import LISTING_SIZE, MAX_LISTINGS, NEXT_SLICE
from evloop.site.settings import SiteSettings
from tests.support.bench import Bench, read_body, write
from tests.support.client import request
from tests.support.descriptors import no_leaks

PIP = (
    "Accept: application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.1,"
    " text/html;q=0.01"
)
MEDIUM = os.urandom(10_000)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("directories")
    write(root / "index.html", b"<h1>root</h1>")
    write(root / "bare/a.txt", b"a")
    write(root / "bare/medium.bin", MEDIUM)
    write(root / "bare/empty", b"")
    write(root / "bare/.hidden", b"hidden")
    write(root / "bare/sub/deeper/b\xff.txt", b"b" * 600)
    write(root / ("bare/" + "l" * 200 + "/" + "n" * 200), b"long")
    (root / "bare/link").symlink_to("a.txt")
    (root / "bare/round").symlink_to("..")
    (root / "bare/out").symlink_to("/etc/passwd")
    write(root / "odd/index.html/x", b"x")
    return root


@pytest.fixture
def bench(root: Path) -> Iterator[Bench]:
    with no_leaks(), Bench(root, lists=True, archives=True) as bench:
        yield bench


NAMES = ["l" * 200, "round", "sub", "a.txt", "empty", "link", "medium.bin"]


class TestListings:
    def test_a_page_has_the_fields_that_it_needs(self, bench: Bench) -> None:
        answer = bench.get("/bare/")
        assert answer.status == 200
        assert answer.fields["content-type"] == "text/html; charset=utf-8"
        assert answer.fields["cache-control"] == "no-cache"
        assert answer.fields["vary"] == "Accept"
        assert answer.fields["x-content-type-options"] == "nosniff"
        assert "etag" not in answer.fields
        assert answer.fields["transfer-encoding"] == "chunked"
        assert not answer.closes
        assert answer.body.endswith(b"</html>\n")
        assert b'<a href="a.txt">a.txt</a>' in answer.body

    def test_json_is_an_array_of_objects(self, bench: Bench) -> None:
        answer = bench.get("/bare/?format=json")
        assert answer.fields["content-type"] == "application/json"
        entries = json.loads(answer.body)
        assert [entry["name"] for entry in entries] == NAMES
        assert entries[3] == {
            "name": "a.txt",
            "type": "file",
            "size": 1,
            "mtime": "2023-11-13T18:26:40Z",
        }
        assert set(entries[2]) == {"name", "type", "mtime"}
        assert answer.body.count(b"\n") == len(NAMES) + 2  # one line each

    def test_a_name_that_is_not_utf_8_has_its_reference_in_json(self, tmp_path: Path) -> None:
        write(Path(os.fsdecode(os.fsencode(tmp_path) + b"/a\xff")), b"")
        with Bench(tmp_path, lists=True) as bench:
            (entry,) = json.loads(bench.get("/?format=json").body)
        assert (entry["name"], entry["href"]) == ("a\\xff", "a%FF")

    def test_an_empty_directory_is_an_empty_array(self, tmp_path: Path) -> None:
        with Bench(tmp_path, lists=True) as bench:
            assert json.loads(bench.get("/?format=json").body) == []
            assert b"0 entries" in bench.get("/").body
            write(tmp_path / "a", b"")
            assert json.loads(bench.get("/?format=json&offset=1").body) == []

    @pytest.mark.parametrize(
        ("accept", "is_json"),
        [
            ("", False),
            ("Accept: */*", False),
            ("Accept: text/html,*/*;q=0.8", False),
            ("Accept: application/json", True),
            ("Accept: application/json, text/html;q=0.9", True),
            ("Accept: application/json, text/html", False),
            (PIP, False),
        ],
    )
    def test_json_is_for_those_who_prefer_it(
        self, bench: Bench, accept: str, is_json: bool
    ) -> None:
        found = bench.get("/bare/", accept).fields["content-type"]
        assert (found == "application/json") is is_json

    def test_the_address_decides_before_the_field(self, bench: Bench) -> None:
        answer = bench.get("/bare/?format=html", "Accept: application/json")
        assert answer.fields["content-type"].startswith("text/html")

    def test_the_query_sorts_and_cuts(self, bench: Bench) -> None:
        def names(query: str) -> list[str]:
            body = bench.get(f"/bare/?format=json&{query}").body
            return [entry["name"] for entry in json.loads(body)]

        assert names("sort=size&order=desc")[-4:] == ["medium.bin", "link", "a.txt", "empty"]
        assert names("limit=2&offset=3") == NAMES[3:5]
        assert names("C=N;O=D") == [*NAMES[2::-1], *NAMES[:2:-1]]
        assert names("sort=zzz") == NAMES
        assert bench.get("/bare/?limit=-1").status == 400

    def test_head_has_the_fields_and_holds_nothing(self, bench: Bench) -> None:
        answer, asked = bench.get("/bare/"), bench.get("/bare/", method="HEAD")
        del answer.fields["transfer-encoding"]
        assert (asked.status, asked.fields, asked.body) == (200, answer.fields, b"")

    def test_http_10_gets_it_to_the_end_of_the_connection(self, bench: Bench) -> None:
        answer = bench.get("/bare/", version="HTTP/1.0")
        assert answer.closes
        assert answer.body == bench.get("/bare/").body

    def test_a_directory_is_sent_to_its_slash(self, bench: Bench) -> None:
        answer = bench.get("/bare?sort=size")
        assert (answer.status, answer.fields["location"]) == (308, "./bare/?sort=size")

    @pytest.mark.parametrize("target", ["/", "/index.html"])
    def test_an_index_goes_before_a_listing(self, bench: Bench, target: str) -> None:
        assert bench.get(target).body == b"<h1>root</h1>"

    def test_a_directory_in_place_of_the_index_is_none(self, bench: Bench) -> None:
        assert b'href="index.html/"' in bench.get("/odd/").body

    @pytest.mark.parametrize(
        "target", ["/nothing/", "/bare/a.txt/", "/bare/.hidden/", "/bare/out/"]
    )
    def test_what_is_no_directory_is_not_found(self, bench: Bench, target: str) -> None:
        assert bench.get(target).status == 404

    def test_what_is_off_is_not_found(self, root: Path) -> None:
        with Bench(root) as bench:
            for target in ("/bare", "/bare/", "/bare/?archive=tar", "/bare?archive=tar", "/odd/"):
                assert bench.get(target).status == 404

    def test_what_is_private_is_forbidden(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "private").mkdir()
        with Bench(tmp_path, lists=True, archives=True) as bench:
            # As Root.open() does for a directory that may be searched but not read, for any user.
            monkeypatch.setattr(bench.root, "open", lambda path: os.open(tmp_path, NAME_ONLY))
            assert bench.get("/private/").status == 403
            assert bench.get("/private/?archive=tar").status == 403

    def test_hidden_names_are_listed_where_they_are_served(self, root: Path) -> None:
        with Bench(root, site_settings=SiteSettings(hidden=True), lists=True) as bench:
            assert b'href=".hidden"' in bench.get("/bare/").body
        with Bench(root, lists=True) as bench:
            assert b"hidden<" not in bench.get("/bare/").body

    def test_a_body_shows_the_same_until_it_is_paid_for(self, bench: Bench) -> None:
        body = begin(bench, "/bare/")
        first = body.peek()
        assert body.peek() == first
        assert isinstance(first, bytes)
        body.advance(10)
        assert body.peek() == first[10:]
        assert (body.remaining, body.is_heavy) == (None, True)
        body.close()
        assert body.done

    def test_so_many_are_at_work_at_once_and_no_more(self, bench: Bench) -> None:
        bodies = [begin(bench, "/bare/") for _ in range(MAX_LISTINGS)]
        answer = bench.get("/bare/")
        assert (answer.status, answer.fields["retry-after"]) == (503, "1")
        assert bench.get("/bare/", method="HEAD").status == 200
        bodies.pop().close()
        assert bench.get("/bare/").status == 200
        for body in bodies:
            body.close()
            body.close()

    def test_what_one_keeps_is_bounded_for_the_worst_names(self, tmp_path: Path) -> None:
        for number in range(200):
            name = b"%c" % (1 + number % 31) * 250 + b"%03d" % number
            Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name)).touch()
        with Bench(tmp_path, lists=True) as bench:
            for target in ("/", "/?format=json"):
                body = begin(bench, target)
                while not body.done:
                    piece = body.peek()
                    if piece == NEXT_SLICE:
                        continue
                    assert isinstance(piece, bytes)
                    assert len(piece) < LISTING_SIZE
                    body.advance(len(piece))
                body.close()


def begin(bench: Bench, target: str) -> Body:
    """Return the body of the response, not begun."""
    response = bench.site.respond(parse_head(request(target)), 0.0)
    assert isinstance(response, Response)
    assert response.body is not None
    return response.body


def take(body: Body) -> bytes:
    """Pay for one piece of *body* and return it."""
    piece = body.peek()
    assert isinstance(piece, bytes | memoryview)
    taken = bytes(piece)
    body.advance(len(taken))
    return taken


FILES = {
    "bare/a.txt": b"a",
    "bare/empty": b"",
    "bare/link": b"a",
    "bare/medium.bin": MEDIUM,
    "bare/sub/deeper/b\xff.txt": b"b" * 600,
    "bare/" + "l" * 200 + "/" + "n" * 200: b"long",
}
DIRECTORIES = {"bare", "bare/sub", "bare/sub/deeper", "bare/" + "l" * 200}


class TestArchives:
    def test_tar_has_all_that_is_seen(self, bench: Bench) -> None:
        answer = bench.get("/bare/?archive=tar")
        assert answer.fields["content-type"] == "application/x-tar"
        assert answer.fields["content-disposition"] == 'attachment; filename="bare.tar"'
        with tarfile.open(fileobj=io.BytesIO(answer.body)) as archive:
            members = archive.getmembers()
            files = {it.name: archive.extractfile(it) for it in members if it.isfile()}
            assert {name: it.read() for name, it in files.items() if it is not None} == FILES
        assert {member.name for member in members if member.isdir()} == DIRECTORIES
        assert {(member.uid, member.uname) for member in members} == {(0, "")}
        assert members[0].name == "bare"
        assert [member.mtime for member in members if member.isfile()] == [1_699_900_000] * 6

    def test_zip_has_the_same(self, bench: Bench) -> None:
        answer = bench.get("/bare/?archive=zip")
        assert answer.fields["content-type"] == "application/zip"
        with zipfile.ZipFile(io.BytesIO(answer.body)) as archive:
            assert archive.testzip() is None
            infos = archive.infolist()
            found = {it.filename: archive.read(it) for it in infos if not it.is_dir()}
            assert found == FILES
            assert {it.filename.rstrip("/") for it in infos if it.is_dir()} == DIRECTORIES
            times = {it.date_time for it in infos if not it.is_dir()}
        assert times == {(2023, 11, 13, 18, 26, 40)}

    @pytest.mark.parametrize("format_", ["tar", "zip"])
    @pytest.mark.parametrize("tool", ["tar", "bsdtar", "unzip"])
    def test_tools_read_it(self, bench: Bench, tmp_path: Path, tool: str, format_: str) -> None:
        commands = {
            ("tar", "tar"): ["tar", "xf"],
            ("bsdtar", "tar"): ["bsdtar", "xf"],
            ("bsdtar", "zip"): ["bsdtar", "xf"],
            ("unzip", "zip"): ["unzip", "-q"],
        }
        if (tool, format_) not in commands:
            pytest.skip(f"{tool} does not read {format_}")
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed")
        path = tmp_path / f"archive.{format_}"
        path.write_bytes(bench.get(f"/bare/?archive={format_}").body)
        environment = {**os.environ, "LC_ALL": "C.UTF-8"}
        command = [*commands[tool, format_], str(path)]
        subprocess.run(command, cwd=tmp_path, check=True, timeout=60, env=environment)
        found = {str(it.relative_to(tmp_path)): it for it in tmp_path.rglob("*") if it.is_file()}
        del found[path.name]
        assert {name: it.read_bytes() for name, it in found.items()} == FILES

    def test_the_root_has_a_name_too(self, bench: Bench) -> None:
        answer = bench.get("/?archive=tar")
        with tarfile.open(fileobj=io.BytesIO(answer.body)) as archive:
            assert archive.getnames()[0] == "root"
        assert "root.tar" in answer.fields["content-disposition"]

    def test_head_has_the_fields(self, bench: Bench) -> None:
        answer = bench.get("/bare/?archive=zip", method="HEAD")
        assert (answer.status, answer.body) == (200, b"")
        assert answer.fields["content-type"] == "application/zip"

    @pytest.mark.parametrize(
        ("target", "status"),
        [
            ("/bare/?archive=rar", 400),
            ("/nothing/?archive=tar", 404),
            ("/bare/a.txt/?archive=tar", 404),
            ("/bare/a.txt?archive=tar", 200),
            ("/bare?archive=tar", 308),
            ("/?limit=-1", 200),
        ],
    )
    def test_what_can_be_archived(self, bench: Bench, target: str, status: int) -> None:
        assert bench.get(target).status == status

    def test_a_name_of_any_kind_is_told_in_both_forms(self, tmp_path: Path) -> None:
        write(tmp_path / '\xfc "%41\\/x', b"")
        with Bench(tmp_path, archives=True) as bench:
            fields = bench.get("/%C3%BC%20%22%2541%5C/?archive=tar", method="HEAD").fields
        assert fields["content-disposition"] == (
            "attachment; filename=\"_ __41_.tar\"; filename*=UTF-8''%C3%BC%20%22%2541%5C.tar"
        )

    def test_so_many_are_at_work_at_once_and_no_more(self, bench: Bench) -> None:
        bodies = [begin(bench, "/bare/?archive=tar") for _ in range(MAX_ARCHIVES)]
        assert bench.get("/bare/?archive=zip").status == 503
        for body in bodies:
            body.close()
            body.close()
        assert bench.get("/bare/?archive=zip").status == 200

    @pytest.mark.parametrize("format_", ["tar", "zip"])
    @pytest.mark.parametrize("step", [1, 7, 511, 4096, 1 << 20])
    def test_bytes_that_are_shown_twice_are_counted_once(
        self, bench: Bench, format_: str, step: int
    ) -> None:
        whole = bench.get(f"/bare/?archive={format_}", version="HTTP/1.0").body
        body = begin(bench, f"/bare/?archive={format_}")
        data = bytearray()
        while not body.done:
            piece = body.peek()
            again = body.peek()
            assert isinstance(piece, bytes | memoryview)
            assert again == piece
            data += piece[:step]
            body.advance(len(piece[:step]))
        body.close()
        assert data == whole

    @pytest.mark.parametrize("format_", ["tar", "zip"])
    def test_the_disk_is_waited_for_and_nothing_is_lost(
        self, bench: Bench, monkeypatch: pytest.MonkeyPatch, format_: str
    ) -> None:
        whole = bench.get(f"/bare/?archive={format_}", version="HTTP/1.0").body
        read, asked = Reader.read, set()

        def slow(reader: Reader, fd: int, offset: int, limit: int, tries: int) -> memoryview | None:
            if tries < 2:
                asked.add(tries)
                return None
            return read(reader, fd, offset, limit, tries)

        monkeypatch.setattr(Reader, "read", slow)
        body = begin(bench, f"/bare/?archive={format_}")
        data, waits = bytearray(), 0
        while not body.done:
            piece = body.peek()
            if isinstance(piece, float):
                assert piece > 0
                waits += 1
                continue
            assert isinstance(piece, bytes | memoryview)
            data += piece
            body.advance(len(piece))
        body.close()
        assert data == whole
        assert asked == {0, 1}
        assert waits > 2

    def test_it_may_end_anywhere(self, bench: Bench) -> None:
        for turns in range(12):
            body = begin(bench, "/bare/?archive=zip")
            for _ in range(turns):
                if not body.done:
                    take(body)
            body.close()

    @pytest.mark.parametrize("format_", ["tar", "zip"])
    def test_a_file_that_shrinks_ends_it(self, tmp_path: Path, format_: str) -> None:
        path = write(tmp_path / "d/file", bytes(50_000))
        with Bench(tmp_path, archives=True) as bench:
            body = begin(bench, f"/d/?archive={format_}")
            take(body)
            take(body)
            os.truncate(path, 100)
            with pytest.raises(FileChangedError):
                read_body(body)
            body.close()

    @pytest.mark.parametrize("format_", ["tar", "zip"])
    def test_a_file_that_grows_is_cut(self, tmp_path: Path, format_: str) -> None:
        path = write(tmp_path / "d/file", bytes(50_000))
        with Bench(tmp_path, archives=True) as bench:
            body = begin(bench, f"/d/?archive={format_}")
            data = take(body) + take(body)
            with path.open("ab") as file:
                file.write(b"more" * 1000)
            data += read_body(body)
            body.close()
        with (
            zipfile.ZipFile(io.BytesIO(data))
            if format_ == "zip"
            else tarfile.open(fileobj=io.BytesIO(data)) as archive
        ):
            if isinstance(archive, zipfile.ZipFile):
                assert archive.read("d/file") == bytes(50_000)
            else:
                assert archive.getmember("d/file").size == 50_000

    def test_what_goes_away_or_may_not_be_read_is_left_out(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        write(tmp_path / "d/a", b"a")
        write(tmp_path / "d/b", b"b")
        with Bench(tmp_path, archives=True) as bench:
            body = begin(bench, "/d/?archive=tar")
            opened = bench.root.open

            def refusing(path: bytes) -> int:
                if path.endswith(b"/a"):
                    raise PermissionError(13, "refused")
                return opened(path)

            monkeypatch.setattr(bench.root, "open", refusing)
            data = read_body(body)
            body.close()
        with tarfile.open(fileobj=io.BytesIO(data)) as archive:
            assert archive.getnames() == ["d", "d/b"]

    def test_trouble_with_the_disk_is_no_silent_gap(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        write(tmp_path / "d/a", b"a")
        with Bench(tmp_path, archives=True) as bench:
            body = begin(bench, "/d/?archive=tar")

            def broken(path: bytes) -> int:
                raise OSError(5, "broken")

            monkeypatch.setattr(bench.root, "open", broken)
            with pytest.raises(OSError, match="broken"):
                read_body(body)
            body.close()


def test_a_larger_file_is_counted_while_its_bytes_are_in_the_buffer(tmp_path: Path) -> None:
    write(tmp_path / "d/file", bytes(range(256)) * 100)
    with Bench(tmp_path, archives=True) as bench:
        body = begin(bench, "/d/?archive=zip")
        data = read_body(body, 100)
        body.close()
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
