"""A soak against a server that means harm stays bounded, and says what it met."""

import gzip
import json
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from evloop_tools.load.content import Coded
from evloop_tools.load.dialogue import Dialogue
from evloop_tools.load.faults import FaultError
from evloop_tools.load.files import File, Kind
from evloop_tools.load.raw import ask
from evloop_tools.load.requests import if_changed, some_ranges, whole
from evloop_tools.load.tally import Counts
from evloop_tools.load.text import LONGEST, printable

from tests.tools.scripted import Act, repeating, scripted

SOAK = Path(__file__).resolve().parents[2] / "tools" / "soak.py"
KIB, MIB = 1024, 1024 * 1024
SIZE = 100 * KIB
FILE = File("/file.bin", Kind.ASSET, Coded("/file.bin", SIZE))
BODY = FILE.content.expected(0, SIZE)
WHOLE = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % SIZE + BODY
MOST_MEMORY = 96 * MIB
"""Resident bytes that the soak test may come to: Python, its packages, and its buffers."""
PATIENCE = 60.0
BOMB = gzip.compress(bytes(64 * MIB))

HOSTILE: dict[str, list[Act]] = {
    "a head that never ends": [repeating(b"X-A: " + b"a" * 1000 + b"\r\n", b"HTTP/1.1 200 OK\r\n")],
    "a field that never ends": [repeating(b"a" * 4096, b"HTTP/1.1 200 OK\r\nX: ")],
    "interim answers without end": [repeating(b"HTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\n")],
    "a body that never ends": [
        repeating(bytes(64 * KIB), b"HTTP/1.1 200 OK\r\nContent-Length: 999999999999999\r\n\r\n")
    ],
    "more than it promised": [repeating(bytes(64 * KIB), WHOLE)],
    "a length of very many digits": [
        b"HTTP/1.1 200 OK\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\n"
    ],
    "a compressed bomb": [
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(BOMB)
        + BOMB
    ],
    "a chunk of any size": [
        repeating(b"a" * 4096, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffff\r\n")
    ],
    "a chunk extension that never ends": [
        repeating(b";a=b" * 1000, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5")
    ],
    "trailers without end": [
        repeating(b"T: x\r\n", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n")
    ],
    "a chunked body with a length": [
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    ],
    "a text between ranges that never ends": [
        repeating(
            b"a" * 4096,
            b"HTTP/1.1 206 Partial Content\r\nContent-Length: 999999999\r\n"
            b"Content-Type: multipart/byteranges; boundary=b\r\n\r\n--b\r\n",
        )
    ],
    "terminal escapes": [b"\x1b]0;owned\x07\x1b[2J\x1b[31m\xc2\x9b2J\r\n\r\n"],
    "terminal escapes in a range": [
        b"HTTP/1.1 206 \x1b[2J\r\nContent-Range: \x9b2J\xe2\x80\xae" + b"x" * 5000 + b"\r\n"
        b"Content-Length: 5\r\n\r\nhello"
    ],
    "a validator that is a bomb": [
        WHOLE.replace(b"\r\n", b'\r\nETag: "' + b"\xe9" * 50_000 + b'"\r\n', 1)
    ],
}


# What wait4(2) says of a child has the memory in it of whom it was forked from.
_TELLING_ITS_MEMORY = """
import pathlib, re, runpy, sys
_, program, high, *sys.argv[1:] = sys.argv
sys.argv[0] = program
sys.path.insert(0, str(pathlib.Path(program).parent))
try:
    runpy.run_path(program, run_name="__main__")
finally:
    status = pathlib.Path("/proc/self/status").read_text()
    pathlib.Path(high).write_text(re.search(r"VmHWM:\\s*(\\d+) kB", status)[1])
"""


class Ran(NamedTuple):
    """What came of a soak; *peak* is the most that it had resident, in bytes."""

    code: int
    out: str
    complaint: str
    figures: dict[str, Any]
    peak: int


def soak(port: int, tmp_path: Path, *more: str) -> Ran:
    """Run a short soak against *port*."""
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "file.bin").write_bytes(BODY)
    figures, out, complaint = (tmp_path / name for name in ("figures.json", "out", "complaint"))
    words = ["--clients", "4", "--duration", "300ms", "--timeout", "1s", "--pause", "10ms"]
    words += ["--mix", "full,ranges,revalidate", "--max-slope", "1TiB/s", "--json", str(figures)]
    high = tmp_path / "high"
    with out.open("wb") as stdout, complaint.open("wb") as stderr:
        process = subprocess.run(
            [sys.executable, "-c", _TELLING_ITS_MEMORY, str(SOAK), str(high),
             f"http://127.0.0.1:{port}", *words, *more],
            stdout=stdout, stderr=stderr, timeout=PATIENCE, check=False,
        )  # fmt: skip
    found = json.loads(figures.read_text()) if figures.exists() else {}
    peak = int(high.read_text()) * KIB
    return Ran(process.returncode, out.read_text(), complaint.read_text(), found, peak)


@pytest.mark.slow
@pytest.mark.parametrize("known", [True, False], ids=["known bytes", "unknown bytes"])
@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_server_is_an_error_and_nothing_grows(
    name: str, known: bool, tmp_path: Path
) -> None:
    where = ("--root", str(tmp_path / "root")) if known else ("--path", "/file.bin")
    with scripted(HOSTILE[name]) as port:
        ran = soak(port, tmp_path, *where)
    assert ran.complaint == ""
    harmless = name == "a validator that is a bomb" or (name == "a compressed bomb" and not known)
    assert ran.code == (0 if harmless else 1), ran.out
    assert ran.figures["seconds"] < 10
    assert all(sign.isprintable() for sign in ran.out.replace("\n", ""))
    assert all(len(text) <= 3 * LONGEST for text in ran.figures["examples"].values())
    assert "defect of the test" not in ran.figures["errors"]
    assert ran.peak < MOST_MEMORY


def test_a_preflight_that_is_dripped_on_ends_in_time(tmp_path: Path) -> None:
    with scripted([repeating(b"", b"HTTP/1.1 200 OK\r\nX: ")]) as port:
        ran = soak(port, tmp_path, "--path", "/file.bin")
    assert ran.code == 1
    assert list(ran.figures["errors"]) == ["timeout"]
    assert "the first request" in ran.out


TEXTS = {
    "plain": ("a b", "a b"),
    "an escape": ("\x1b[2J", "\\x1b[2J"),
    "an 8-bit control": ("\x9b2J", "\\x9b2J"),
    "a bell, a return, a tab": ("\a\r\t", "\\x07\\r\\t"),
    "right to left": ("a\u202eb", "a\\u202eb"),
    "long": ("x" * 1000, "x" * LONGEST + "..."),
}


@pytest.mark.parametrize(("text", "shown"), TEXTS.values(), ids=TEXTS.keys())
def test_what_others_say_is_shown_without_harm(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_a_fault_shows_no_more_of_a_server_than_it_should() -> None:
    wire = b"HTTP/1.1 206 x\r\nContent-Length: 1\r\nContent-Range: \x9b" + b"x" * 9000 + b"\r\n\r\n"
    dialogue = Dialogue(Counts())
    dialogue.ask((some_ranges(FILE, (range(1),)),))
    with pytest.raises(FaultError, match=r"Content-Range: \\x9bxxx") as caught:
        dialogue.take(memoryview(wire))
    assert len(str(caught.value)) < 2 * LONGEST


def test_validators_are_sent_back_as_they_came_and_only_short_ones() -> None:
    dialogue = Dialogue(Counts())
    for value, etag in ((b'"\xe9"', '"\xe9"'), (b'"' + b"a" * 2000 + b'"', None)):
        dialogue.ask((whole(FILE),))
        (answer,) = dialogue.take(
            memoryview(WHOLE.replace(b"\r\n", b"\r\nETag: %b\r\n" % value, 1))
        )
        assert answer.etag == etag
    assert b'If-None-Match: "\xe9"\r\n' in if_changed(FILE, '"\xe9"', None).wire("h", "")


def test_a_probe_takes_no_more_than_its_share_of_an_answer_without_end() -> None:
    with scripted([repeating(b"a" * 64 * KIB)]) as port:
        reply = ask(("127.0.0.1", port), b"GET / HTTP/1.1\r\n\r\n", silence=5.0)
    assert not reply.is_closed
    assert reply.size < 8 * MIB
