"""Names as the file system has them, through a server: case counts, and any byte may be in one."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from evloop import Server
from tests.support.client import Client
from tests.support.serving import call, serving

FILES = {
    b"a.txt": b"small letter",
    b"A.txt": b"capital letter",
    b"\xff": b"no UTF-8",
    b"\xc0\xae": b"an overlong dot",
    b"\xfe/index.html": b"in a directory",
    b"sub/\xfd x/index.html": b"further down",
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    root = tmp_path_factory.mktemp("names")
    for name, data in FILES.items():
        path = Path(root, os.fsdecode(name))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    if len(list(root.iterdir())) < len(FILES):
        pytest.skip("this file system does not tell the case of names")
    with serving(root) as server:
        yield server


@pytest.fixture
def client(server: Server) -> Iterator[Client]:
    with call(server) as client:
        yield client


def test_names_that_differ_in_case_are_two_files(client: Client) -> None:
    # Within one second, so that all but the first two are answered from the memo of heads.
    for _ in range(3):
        assert client.get("/a.txt").body == FILES[b"a.txt"]
        assert client.get("/A.txt").body == FILES[b"A.txt"]
        assert client.get("/A.TXT").status == 404


@pytest.mark.skipif(sys.platform != "linux", reason="names of other systems are UTF-8")
def test_a_name_need_not_be_utf_8(client: Client) -> None:
    assert client.get("/%FF").body == FILES[b"\xff"]
    assert client.get("/%ff").body == FILES[b"\xff"]
    assert client.get("/%fe/").body == FILES[b"\xfe/index.html"]
    assert client.get("/%fa").status == 404


@pytest.mark.skipif(sys.platform != "linux", reason="names of other systems are UTF-8")
def test_an_overlong_form_is_a_name_of_its_own(client: Client) -> None:
    assert client.get("/%c0%ae").body == FILES[b"\xc0\xae"]
    assert client.get("/%c0%ae%c0%ae/a.txt").status == 404
    assert client.get("/%c0%afa.txt").status == 404


@pytest.mark.skipif(sys.platform != "linux", reason="names of other systems are UTF-8")
@pytest.mark.parametrize(
    ("target", "location"),
    [("/%fe", "./%FE/"), ("/%FE?x=%FE", "./%FE/?x=%FE"), ("/sub/%fd%20x", "./%FD%20x/")],
)
def test_a_directory_of_any_name_is_redirected_to(
    client: Client, target: str, location: str
) -> None:
    reply = client.get(target)
    assert (reply.status, reply.fields["location"]) == (308, location)
    there = target.rpartition("/")[0] + location.removeprefix(".")
    assert client.get(there).status == 200
