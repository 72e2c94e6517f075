"""Ways out of the root that people have tried: from the bytes of a target to what is served.

Each is asked of a root with secrets beside it and of one without: not a byte may come from
outside, and no answer may tell whether there is anything.
"""

from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest

from evloop.settings.choices import Symlinks
from evloop.site.site import SiteSettings
from tests.support.bench import Answer, Bench
from tests.support.client import request
from tests.support.descriptors import no_leaks
from tests.support.linked_tree import HIDDEN, INDEX, INNER, PLAIN, SECRET, make_linked_tree

# A step up, as it has been written to get past a check.
_STEPS_UP = (
    "..",
    "%2e%2e",
    "%2E%2E",
    ".%2e",
    "%2e.",
)
# What may look like a step up to a program that decodes twice, or too freely.
_FALSE_STEPS_UP = (
    "%252e%252e",
    "%25252e%25252e",
    "%c0%ae%c0%ae",
    "%e0%80%ae%e0%80%ae",
    "%f0%80%80%ae%f0%80%80%ae",
    "%c0%2e%c0%2e",
    "%uff0e%uff0e",
    "%u002e%u002e",
    "%ef%bc%8e%ef%bc%8e",
    "%e2%80%a5",
    "..%00",
    "..%01",
    "..%20",
    "..%09",
    "..;",
    "..;x=y",
    "...",
    "....",
    "%00..",
    "%2e%2e%00",
    "0x2e0x2e",
    "&#46;&#46;",
    "\\u002e\\u002e",
    "..\xc0\xaf",
    "\xc0\xae\xc0\xae",
)
_SEPARATORS = ("/", "%2f", "%2F", "\\", "%5c", "%5C", "%255c", "%252f", "%c0%af", "%ef%bc%8f")

CLIMBS = [
    *(f"/{step}/outside/secret.txt" for step in (*_STEPS_UP, *_FALSE_STEPS_UP)),
    *(f"/sub/{step}/{step}/outside/secret.txt" for step in (*_STEPS_UP, *_FALSE_STEPS_UP)),
    *(
        f"/{step}{separator}outside{separator}secret.txt"
        for step, separator in product((*_STEPS_UP[:2], "%252e%252e"), _SEPARATORS[1:])
    ),
    *(
        f"/{separator.join(['..'] * 12)}{separator}etc{separator}passwd"
        for separator in _SEPARATORS
    ),
    "/" + "../" * 1000 + "etc/passwd",
    "/plain.txt/../../outside/secret.txt",
    "/nothing/../../outside/secret.txt",
    "/out_dir/../outside/secret.txt",
    "/./../outside/secret.txt",
    "/.././outside/secret.txt",
    "//../outside/secret.txt",
    "/..//outside/secret.txt",
    "/sub//..//..//outside/secret.txt",
    "/sub/./.././../outside/secret.txt",
    "/..",
    "/../",
    "/sub/../..",
    "/%2e%2e",
    "/../root/plain.txt",
    "/../../root/plain.txt",
    "/../root-evil/secret.txt",
    "http://files.test/../outside/secret.txt",
    "http://files.test/%2e%2e/outside/secret.txt",
    "http://files.test/sub/../../outside/secret.txt",
    "HTTP://files.test/../outside/secret.txt",
    "http://files.test//etc/passwd",
    "http://../outside/secret.txt",
    "http:///etc/passwd",
    "http://files.test@outside/secret.txt",
    "file:///etc/passwd",
    "file://localhost/etc/passwd",
    "ftp://files.test/etc/passwd",
    "etc/passwd",
    "../outside/secret.txt",
    "..",
    "*",
    "%2f..%2foutside%2fsecret.txt",
    "?/../../outside/secret.txt",
    "//etc/passwd",
    "///etc/passwd",
    "/%2fetc/passwd",
    "/%2f%2fetc/passwd",
    "/%00/../outside/secret.txt",
    "/plain.txt%00",
    "/plain.txt%00.html",
    "/plain.txt%00/../../outside/secret.txt",
    "/out_file%00.txt",
    "/%00",
    "/etc/passwd",
    "/outside/secret.txt",
    "/root/plain.txt",
    "/C:/../outside/secret.txt",
    "/C:%5c..%5coutside%5csecret.txt",
    "/c:/windows/win.ini",
    "/C:",
    "/%43:/inner.tx",
    "/\\\\server\\share\\secret.txt",
    "/%5c%5cserver%5cshare",
    "/\\etc\\passwd",
    "/.\\..\\outside\\secret.txt",
    "/~root/.profile",
    "/~/../../outside/secret.txt",
    "/file:///etc/passwd",
    "/http://files.test/etc/passwd",
    "/proc/self/environ",
    "/dev/zero",
    "/con",
    "/aux.txt",
    "/plain.txt::$DATA",
    "/plain.txt.",
    "/plain.txt%20",
    "/plain.txt/",
    "/plain.txt/.",
    "/plain.txt//",
    "/plain.txt/x/..",
    "/PLAIN.TXT",
    "/plain~1.txt",
    "/%",
    "/%2",
    "/%zz",
    "/%%32%65%%32%65/outside/secret.txt",
    "/%2%65%2%65/outside/secret.txt",
    "/#/../outside/secret.txt",
    "/plain.txt#",
    "/\xff",
    "/\xc3\xbc.txt",
    "/%ff",
    "/%ed%a0%80",
    "/%f5%80%80%80",
    "/%fe%fe",
    "/" + "x" * 300,
    "/" + "x/" * 2000,
    "/" + "%78" * 300,
]
"""None of these names a file of the root: they all end in an error."""

LINKS = [
    *("/out_file", "/out_dir", "/out_dir/", "/out_dir/secret.txt", "/out_dir/dir/deep.txt"),
    *("/out_missing", "/out_dir/nothing.txt", "/out_up", "/out_up/", "/out_up/outside/secret.txt"),
    *("/out_up/root/plain.txt", "/out_up2", "/out_up_many/etc/passwd", "/out_etc", "/sub/out"),
    *("/to_dir/out", "/sub/deep/er/out", "/sub/up_dir/out_file", "/down_out", "/link_out"),
    *("/to_out", "/through_out", "/abs_out_file", "/abs_out_dir/", "/abs_out_dir/secret.txt"),
    *("/abs_out_missing", "/abs_base/outside/secret.txt", "/abs_slash/etc/passwd", "/abs_etc"),
    *("/abs_etc_dir/passwd", "/abs_proc", "/abs_proc_cwd/", "/abs_null", "/abs_evil"),
    *("/abs_up_out", "/abs_sub_up_out", "/abs_dir/out", "/abs_root/out_file", "/out_and_back"),
    *("/sub/out_and_back", "/abs_out_and_back", "/via_outside", "/loop", "/loop/", "/loop_a"),
    *("/sub/loop_up", "/abs_loop", "/chain41", "/file_dot", "/file_slash", "/file_up"),
    *("/%6fut_file", "/out%5ffile", "//out_file", "/./out_file", "/sub/../out_file"),
    *("/out_file/", "/out_file/.", "/out_dir/../out_file", "/missing", "/abs_missing"),
]
"""Links that lead out, or nowhere: they end in an error as well."""

SECRETS_OF_THE_SITE = [
    *("/.hidden", "/%2ehidden", "/.git/config", "/.git/", "/.git", "/%2egit/config"),
    *("/.GIT2/config", "/.Hidden", "/.HIDDEN", "/sub/.htpasswd", "/sub/%2ehtpasswd"),
    *("/sub/../.hidden", "/./.hidden", "//.hidden", "/..hidden/inner.txt", "/...", "/.../"),
    *("/.well-known/.hidden", "/.Well-Known/inner.txt", "/.WELL-KNOWN/inner.txt"),
    *("/sub/.well-known/inner.txt", "/.well-known/../.hidden", "/to_dir/.htpasswd"),
    *("/.hidden/", "/.hidden?x", "/.nothing"),
]
"""Hidden names, which are there or not: nobody can tell."""

SERVED = {
    "/": INDEX,
    "/.": INDEX,
    "/sub/..": INDEX,
    "/sub/": INDEX,
    "/sub/%2e": INDEX,
    "//": INDEX,
    "/?/../../outside/secret.txt": INDEX,
    "/plain.txt": PLAIN,
    "//plain.txt": PLAIN,
    "/./plain.txt": PLAIN,
    "/%70lain%2etxt": PLAIN,
    "/sub/../plain.txt": PLAIN,
    "/sub/%2e%2e/plain.txt": PLAIN,
    "/nothing/../plain.txt": PLAIN,
    "/plain.txt?%00": PLAIN,
    "/plain.txt?../..": PLAIN,
    "/plain.txt?": PLAIN,
    "/a%20b.txt": PLAIN,
    "/%c3%bc.txt": PLAIN,
    "/100%25.txt": PLAIN,
    "/%252e%252e/plain.txt": PLAIN,
    "/back%5cslash.txt": PLAIN,
    "/back\\slash.txt": PLAIN,
    "/C:/inner.txt": INNER,
    "/%43%3a/inner.txt": INNER,
    "/~/inner.txt": INNER,
    "/.well-known/inner.txt": INNER,
    "/%2ewell-known/inner.txt": INNER,
    "http://files.test/plain.txt": PLAIN,
    "http://files.test": INDEX,
    "http://other.test:81/sub/inner.txt": INNER,
    "https://files.test/plain.txt?x": PLAIN,
}
"""Odd spellings of what is there to be had."""

SERVED_LINKS = {
    "/to_file": PLAIN,
    "/to_dir/inner.txt": INNER,
    "/to_dot/to_dot/plain.txt": PLAIN,
    "/through_link": INNER,
    "/sub/up": PLAIN,
    "/to_dir/up": PLAIN,
    "/abs_file": PLAIN,
    "/abs_dir/inner.txt": INNER,
    "/abs_root/abs_root/plain.txt": PLAIN,
    "/abs_doubled": PLAIN,
    "/to_abs": INNER,
    "/chain40": PLAIN,
}

SHAPES: dict[str, list[str]] = {
    "climbs": CLIMBS,
    "links": LINKS,
    "secrets of the site": SECRETS_OF_THE_SITE,
    "odd spellings": list(SERVED),
    "links that stay inside": list(SERVED_LINKS),
}
"""All of them are asked for in each of four ways: a test for each would take longer than it."""


@pytest.fixture(scope="module", params=[True, False], ids=["openat2", "walk"])
def openat2(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.fixture(scope="module", params=[Symlinks.INSIDE, Symlinks.DENY])
def symlinks(request: pytest.FixtureRequest) -> Symlinks:
    return Symlinks(request.param)


@pytest.fixture(scope="module")
def bench(
    tmp_path_factory: pytest.TempPathFactory, openat2: bool, symlinks: Symlinks
) -> Iterator[Bench]:
    tree = make_linked_tree(tmp_path_factory.mktemp("with"))
    with Bench(tree, symlinks=symlinks, openat2=openat2) as bench:
        yield bench


@pytest.fixture(scope="module")
def alone(
    tmp_path_factory: pytest.TempPathFactory, openat2: bool, symlinks: Symlinks
) -> Iterator[Bench]:
    tree = make_linked_tree(tmp_path_factory.mktemp("without"), with_outside=False)
    with Bench(tree, symlinks=symlinks, openat2=openat2) as bench:
        yield bench


def test_there_are_many_shapes() -> None:
    shapes = [target for kind in SHAPES.values() for target in kind]
    assert len(shapes) == len(set(shapes))
    assert len(CLIMBS) + len(LINKS) >= 150


@pytest.mark.parametrize("kind", SHAPES)
def test_no_shape_leaves_the_root(bench: Bench, alone: Bench, kind: str) -> None:
    for target in SHAPES[kind]:
        with no_leaks():
            answer = bench.get(target)
        assert SECRET not in answer.body, target
        assert b"root:" not in answer.body, target
        assert _what_a_client_sees(alone.get(target)) == _what_a_client_sees(answer), target


@pytest.mark.parametrize("kind", ["climbs", "links", "secrets of the site"])
def test_what_names_no_file_is_an_error(bench: Bench, kind: str) -> None:
    for target in SHAPES[kind]:
        answer = bench.get(target)
        assert answer.status in {400, 404}, target
        assert {PLAIN, INNER, HIDDEN, INDEX}.isdisjoint(answer.body.split()), target


@pytest.mark.parametrize("target", SERVED)
def test_odd_spellings_of_a_file_reach_it(bench: Bench, target: str) -> None:
    answer = bench.get(target)
    assert (answer.status, answer.body) == (200, SERVED[target])


@pytest.mark.parametrize("target", SERVED_LINKS)
def test_links_that_stay_inside_are_served_unless_denied(
    bench: Bench, symlinks: Symlinks, target: str
) -> None:
    answer = bench.get(target)
    if symlinks is Symlinks.DENY:
        assert answer.status == 404
    else:
        assert (answer.status, answer.body) == (200, SERVED_LINKS[target])


@pytest.mark.parametrize("target", SECRETS_OF_THE_SITE)
def test_a_hidden_name_answers_like_one_that_does_not_exist(bench: Bench, target: str) -> None:
    nothing = bench.get("/nothing-at-all")
    assert _what_a_client_sees(bench.get(target)) == _what_a_client_sees(nothing)


def test_hidden_names_are_served_on_demand(tmp_path: Path) -> None:
    with Bench(make_linked_tree(tmp_path), site_settings=SiteSettings(hidden=True)) as bench:
        for target in ("/.hidden", "/..hidden/inner.txt", "/...", "/.well-known/.hidden"):
            assert bench.get(target).body == HIDDEN, target
        assert bench.get("/../outside/secret.txt").status == 400


def test_the_status_is_the_same_for_every_secret_place(bench: Bench) -> None:
    statuses = {bench.get(target).status for target in LINKS}
    assert statuses == {404}


def test_a_raw_request_line_is_held_to_the_same(bench: Bench) -> None:
    for line in (b"GET /../outside/secret.txt HTTP/1.0\r\n\r\n", request("/%2e%2e/x")):
        assert bench.ask(line).status == 400


def _what_a_client_sees(answer: Answer) -> tuple[int, dict[str, str], bytes]:
    return answer.status, answer.fields, answer.body
