"""Clients that others wrote: curl, wget and git. Each test is skipped where its client is not."""

import gzip
import hashlib
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from evloop import Config, Server
from tests.support.deadline import eventually

DEADLINE = 60.0  # seconds
LARGE = bytes(range(256)) * 16 * 1024  # 4 MiB: streamed
SMALL = b"<p>small</p>" * 1000
NAMES = ["a b.html", "ümläut.txt", "日本/語 & more.txt", "100%.txt", "semi;colon+plus.txt"]


def needs(tool: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(shutil.which(tool) is None, reason=f"{tool} is not installed")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    (root / "static").mkdir(parents=True)
    (root / "static/index.html").write_bytes(SMALL)
    (root / "static/large.bin").write_bytes(LARGE)
    return root


@pytest.fixture
def url(root: Path) -> Iterator[str]:
    with Server(Config(root=str(root), host=("127.0.0.1",), port=0)).in_thread() as server:
        yield server.urls[0]


def run(*command: str, cwd: Path | None = None) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(command, capture_output=True, timeout=DEADLINE, cwd=cwd, check=True)


def curl(*arguments: str) -> bytes:
    return run("curl", "--silent", "--show-error", "--fail", *arguments).stdout


@needs("curl")
def test_curl_asks_for_a_head(url: str) -> None:
    head = curl("-I", f"{url}static/index.html").decode().lower()
    assert head.startswith("http/1.1 200 ok\r\n")
    assert f"content-length: {len(SMALL)}\r\n" in head
    assert "content-type: text/html; charset=utf-8\r\n" in head


@needs("curl")
@pytest.mark.parametrize(("path", "content"), [("index.html", SMALL), ("large.bin", LARGE)])
def test_curl_gets_every_byte(url: str, path: str, content: bytes) -> None:
    assert curl(f"{url}static/{path}") == content


@needs("curl")
def test_fifty_curls_get_every_byte_at_once(url: str) -> None:
    command = ["curl", "--silent", "--fail", f"{url}static/large.bin"]
    downloads = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(50)]
    digests = {
        hashlib.sha256(download.communicate(timeout=DEADLINE)[0]).digest() for download in downloads
    }
    assert digests == {hashlib.sha256(LARGE).digest()}
    assert {download.returncode for download in downloads} == {0}


@needs("curl")
@pytest.mark.parametrize("cut", [1, 32 * 1024, len(LARGE) - 1])
def test_curl_resumes_a_download(url: str, tmp_path: Path, cut: int) -> None:
    target = tmp_path / "resumed"
    target.write_bytes(LARGE[:cut])
    curl("-C", "-", "-o", str(target), f"{url}static/large.bin")
    assert target.read_bytes() == LARGE


@needs("curl")
def test_curl_revalidates(url: str, tmp_path: Path) -> None:
    etag, target = tmp_path / "etag", tmp_path / "page"
    status = ("-w", "%{http_code}", "-o", str(target), f"{url}static/index.html")
    assert curl("--etag-save", str(etag), *status) == b"200"
    assert curl("--etag-compare", str(etag), *status) == b"304"
    assert curl("-z", "Fri, 01 Jan 2100 00:00:00 GMT", *status) == b"304"


@needs("curl")
def test_curl_reads_several_ranges(url: str) -> None:
    body = curl("-r", "0-9,-10", f"{url}static/large.bin")
    assert LARGE[:10] in body
    assert LARGE[-10:] in body
    assert body.count(b"Content-Range: bytes ") == 2


@needs("curl")
def test_curl_posts_in_vain_and_is_told(url: str) -> None:
    done = run("curl", "-si", "-d", "x=y", f"{url}static/index.html").stdout
    assert done.startswith(b"HTTP/1.1 405 ")
    assert b"\r\nAllow: GET, HEAD, OPTIONS\r\n" in done


@needs("wget")
def test_wget_mirrors_a_site_with_strange_names(root: Path, url: str, tmp_path: Path) -> None:
    links = "".join(f'<a href="{quote(name)}">{n}</a>' for n, name in enumerate(NAMES))
    (root / "index.html").write_text(links, encoding="utf-8")
    for name in NAMES:
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text(name, encoding="utf-8")
    copy = tmp_path / "copy"
    run("wget", "-q", "-r", "-nH", "--restrict-file-names=nocontrol", "-P", str(copy), url)
    for name in NAMES:
        assert (copy / name).read_text(encoding="utf-8") == name


@needs("git")
def test_git_clones_over_plain_http(root: Path, url: str, tmp_path: Path) -> None:
    work = tmp_path / "work"
    git = ("git", "-c", "user.name=a", "-c", "user.email=a@example.org")
    run("git", "init", "-q", str(work))
    (work / "file").write_bytes(LARGE)
    run(*git, "add", "file", cwd=work)
    run(*git, "commit", "-q", "-m", "a file", cwd=work)
    run("git", "clone", "-q", "--bare", str(work), str(root / "repo.git"))
    run("git", "update-server-info", cwd=root / "repo.git")
    run("git", "clone", "-q", f"{url}repo.git", str(tmp_path / "clone"))
    assert (tmp_path / "clone/file").read_bytes() == LARGE


@needs("curl")
@pytest.mark.parametrize("path", ["index.html", "large.bin"])
def test_curl_decodes_what_it_asked_for(root: Path, url: str, path: str) -> None:
    plain = (root / "static" / path).read_bytes()
    sidecar = root / "static" / f"{path}.gz"
    sidecar.write_bytes(gzip.compress(plain))
    head = curl("--compressed", "--head", f"{url}static/{path}").decode().lower()
    assert "content-encoding: gzip\r\n" in head
    assert f"content-length: {sidecar.stat().st_size}\r\n" in head
    assert curl("--compressed", f"{url}static/{path}") == plain
    assert curl(f"{url}static/{path}") == plain
    part = curl("--compressed", "--range", "100-199", f"{url}static/{path}")
    assert part == plain[100:200]


@needs("curl")
def test_curl_decodes_what_was_compressed_in_memory(root: Path) -> None:
    config = Config(root=str(root), host=("127.0.0.1",), port=0, compress=True)
    with Server(config).in_thread() as server:
        target = f"{server.urls[0]}static/index.html"

        def is_coded() -> bool:
            return b"Content-Encoding: gzip\r\n" in curl("--compressed", "--head", target)

        assert curl("--compressed", target) == SMALL
        eventually(is_coded, "the file to be compressed")
        assert curl("--compressed", target) == SMALL
