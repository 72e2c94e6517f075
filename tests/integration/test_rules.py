"""The rules of a site over real sockets: at the start, while it runs, and what they cost."""

from pathlib import Path

import pytest

from tests.support.bench import write
from tests.support.client import Client
from tests.support.deadline import eventually
from tests.support.serving import Command, run_command

TOO_MANY = "".join(f"/{number} /\n" for number in range(2001))


def test_a_site_moves_here_with_its_rules(tmp_path: Path) -> None:
    write(tmp_path / "index.html", b"home")
    write(tmp_path / "_redirects", b"/old/* /new/:splat 301\n/proxy https://h.test/ 200\n")
    write(tmp_path / "_headers", b"/*\n  X-Frame-Options: DENY\n")
    with Command(tmp_path, "--revalidate", "10ms") as command, Client(command.address) as client:
        reply = client.get("/old/a?b")
        assert (reply.status, reply.fields["location"]) == (301, "/new/a?b")
        assert client.get("/").fields["x-frame-options"] == "DENY"
        assert client.get("/_headers").status == 404
        write(tmp_path / "_headers", b"/*\n  X-Frame-Options: SAMEORIGIN\n")
        eventually(
            lambda: client.get("/").fields["x-frame-options"] == "SAMEORIGIN", "the new rules"
        )
        write(tmp_path / "_redirects", TOO_MANY.encode())
        # They are looked at when somebody asks.
        eventually(
            lambda: client.get("/old/a").status == 301 and b"last good rules stay" in command.said,
            "the complaint",
        )
    assert b"_redirects:2: proxying: a file server asks no other host; the line" in (command.said)
    assert b"_redirects:2001: more than 2,000 rules; its last good rules" in command.said


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("_redirects", TOO_MANY, "_redirects:2001: more than 2,000 rules"),
        ("_headers", "#" * 70_000, "_headers:1: the file is larger than 64 KiB"),
        ("_headers", "/a\n Basic-Auth: u:p\n", "_headers:2: Basic-Auth is not understood here"),
    ],
)
def test_rules_that_can_not_be_used_are_refused_at_the_start(
    tmp_path: Path, name: str, text: str, reason: str
) -> None:
    write(tmp_path / name, text.encode())
    code, _, err = run_command("serve", str(tmp_path), "--port", "0", "--host", "127.0.0.1")
    assert code == 2
    (line,) = [line for line in err.splitlines() if "running as root" not in line]
    assert line.startswith(f"evloop: --rules netlify: {reason}")
