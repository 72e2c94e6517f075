"""`evloop check-site`: what it finds in a site, and what its exit code tells."""

import gzip
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evloop.checksite.command import main
from evloop.checksite.rulechecks import sample
from evloop.cli import main as evloop
from evloop.site.rules.dialect import CLOUDFLARE, NETLIFY
from evloop.site.rules.index import PathIndex
from evloop.site.rules.pattern import parse_patterns
from tests.support.bench import OLD, write

GZ = gzip.compress(b"new")


def check(capsys: pytest.CaptureFixture[str], root: Path, *options: str) -> tuple[int, list[str]]:
    code = main([str(root), *options])
    return code, capsys.readouterr().out.splitlines()


def make(root: Path, files: dict[str, bytes | str]) -> Path:
    for name, data in files.items():
        write(root / name, data.encode() if isinstance(data, str) else data)
    return root


# The files of a site, its options, and what is found.
FOUND: dict[str, tuple[dict[str, bytes | str], tuple[str, ...], list[str]]] = {
    "nothing": ({"index.html": "x", "_redirects": "/a /b\n", "_headers": "/*\n X-A: 1"}, (), []),
    "ignored lines": (
        {"_redirects": "/a\n", "_headers": "/a\n X-A: 1\n ETag: x\n"},
        (),
        [
            "_headers:3: ignored: ETag is the server's own",
            "_redirects:1: ignored: no destination",
        ],
    ),
    "refused files": (
        {"_headers": "/a\n Basic-Auth: a:b", "_redirects": b"\xff"},
        (),
        [
            "_headers:2: the whole file is refused: Basic-Auth is not understood here, so these"
            " files would be open to all",
            "_redirects:1: the whole file is refused: the file is not UTF-8",
        ],
    ),
    "no rules": ({"_redirects": "/a\n"}, ("--rules", "off"), []),
    "rules before": (
        {"_redirects": "/a/* /x\n/a/b /y\n/a/:c /z\n/d/:e /w\n/d/:f /v\n/d/g/* /u\n"},
        (),
        [
            "_redirects:2: never matches: line 1 does before it",
            "_redirects:3: never matches: line 1 does before it",
            "_redirects:5: never matches: line 4 does before it",
        ],
    ),
    "rules for a host or a query take not all": (
        {"_redirects": "http://h.test/a /x\n/a id=:id /y\n/a /z\n"},
        (),
        [],
    ),
    "files before": (
        {"a": "", "b/index.html": "", "_redirects": "/a /x\n/b /x\n/a /x 301!\n"},
        (),
        [
            "_redirects:1: never matches: a is there, and goes before it",
            "_redirects:2: never matches: b/index.html is there, and goes before it",
            "_redirects:3: never matches: line 1 does before it",
        ],
    ),
    "files behind": (
        {"a": "", "_redirects": "/a /x\n"},
        ("--rules", "cloudflare"),
        ["_redirects:1: it hides a"],
    ),
    "rewrites to nothing": (
        {"there.html": "", "_redirects": "/a /nothing 200\n/b /there 200\n/c/* /:splat 200\n"},
        (),
        ["_redirects:1: there is no file for /nothing"],
    ),
    "sidecars": (
        {
            "a": "new",
            "a.gz": GZ,
            "b": "",
            "b.gz": b"x",
            "b.zst": b"y",
            "b.br": b"",
            "c.gz": b"x",
            "d": "old",
            "d.gz": GZ,
            "e": "new",
            "e.gz": GZ[:-9],
        },
        (),
        [
            "b.br: it is empty",
            "b.gz: it does not begin as a file of type gz",
            "b.zst: it does not begin as a file of type zst",
            "d.gz: it does not decode to d",
            "e.gz: it can't be decoded",
        ],
    ),
    "names": (
        {"a/Logo.png": "", "a/logo.png": "", "b/logo.png": "", "B/x": ""},
        (),
        ["b: differs only in case from B", "a/logo.png: differs only in case from a/Logo.png"],
    ),
    "links": (
        {
            "index.html": '<a href="sub/">x</a>\n<img src="no.png" srcset="a.png 1x, no2.png 2x">'
            '<a href="/sub?x#y"></a><a href="#z"></a><a href="//h.test/x"></a>'
            '<a href="mailto:a@b.test"></a><a href="https://h.test/no"></a>'
            '<a href="old"></a><a href="/%C3%BC.html"></a><a href="data:text/plain,x"></a>'
            '<a href="http://[::1"></a><a href="/a%00b"></a>',
            "sub/index.html": '<a href="../a.png"></a>\n<a href="b.html"></a><a href></a>',
            "based.html": '<base href="/sub/"><a href="c.html"></a>',
            "sub/c.html": "<script src='../no.js'></script><object data='no.svg'></object>",
            "a.png": "",
            "ü.html": "",
            "_redirects": "/old /a.png\n",
        },
        ("--links",),
        [
            "index.html:2: no.png leads to no file",
            "index.html:2: no2.png leads to no file",
            "index.html:2: http://[::1 leads to no file",
            "index.html:2: /a%00b leads to no file",
            "sub/c.html:1: ../no.js leads to no file",
            "sub/c.html:1: no.svg leads to no file",
            "sub/index.html:2: b.html leads to no file",
        ],
    ),
    "clean links": (
        {
            "index.html": '<a href="about"></a><a href="about/"></a><a href="about/index.html">',
            "about.html": "",
        },
        ("--links", "--clean-urls", "on"),
        [],
    ),
    "links that need clean addresses": (
        {"index.html": '<a href="about"></a>', "about.html": ""},
        ("--links",),
        ["index.html:1: about leads to no file"],
    ),
    "hidden files": ({".git/a": "", ".git/A": "", ".a.gz": "", ".a": ""}, (), []),
}


@pytest.mark.parametrize("kind", FOUND)
def test_what_is_found(kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files, options, expected = FOUND[kind]
    code, found = check(capsys, make(tmp_path, files), *options)
    assert found == expected
    assert code == (1 if expected else 0)


def test_a_sidecar_that_is_older_is_found(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make(tmp_path, {"a.js": "new", "a.js.gz": GZ})
    os.utime(tmp_path / "a.js.gz", (OLD - 2, OLD - 2))
    assert check(capsys, tmp_path) == (0, [])
    os.utime(tmp_path / "a.js.gz", (OLD - 3, OLD - 3))
    assert check(capsys, tmp_path) == (1, ["a.js.gz: it is older than a.js, and is not sent"])


def test_what_is_compared_with_its_sidecar_is_bounded(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    make(tmp_path, {"a.js": "old!", "a.js.gz": GZ})
    monkeypatch.setattr("evloop.checksite.sidecars.MAX_DECODED_SIZE", 3)
    assert check(capsys, tmp_path) == (0, [])
    monkeypatch.setattr("evloop.checksite.sidecars.MAX_DECODED_SIZE", 4)
    assert check(capsys, tmp_path) == (1, ["a.js.gz: it does not decode to a.js"])


def test_names_are_printed_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make(tmp_path, {"a\nb": "", "a\nB": ""})
    _, found = check(capsys, tmp_path)
    assert len(found) == 1


def test_a_link_in_the_tree_that_leads_nowhere_is_no_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a").symlink_to("nothing")
    make(tmp_path, {"index.html": '<a href="a"></a>'})
    assert check(capsys, tmp_path, "--links")[1] == ["index.html:1: a leads to no file"]


def test_the_command_has_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make(tmp_path, {"_redirects": "/a\n"})
    assert evloop(["check-site", str(tmp_path)]) == 1
    assert capsys.readouterr().out == "_redirects:1: ignored: no destination\n"
    assert evloop(["check-site", str(tmp_path / "nothing")]) == 2
    assert "No such file or directory" in capsys.readouterr().err
    with pytest.raises(SystemExit) as ending:
        evloop(["check-site", "--bogus"])
    assert ending.value.code == 2


@given(
    st.lists(st.sampled_from(["a", ":x", ":y", "*", "a*b", "b"]), min_size=1, max_size=4),
)
def test_a_pattern_matches_its_sample(segments: list[str]) -> None:
    for each in (NETLIFY, CLOUDFLARE):
        try:
            patterns = parse_patterns("/" + "/".join(segments), each)
        except ValueError:
            continue
        for pattern in patterns:
            index = PathIndex(slash_optional=each.slash_optional)
            index.add([pattern], 7)
            assert [match.number for match in index.match(sample(pattern))] == [7]
