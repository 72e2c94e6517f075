"""Routes: the paths at which the file of a request target may be."""

import pytest

from evloop.http.request import RequestError
from evloop.site.routes import (
    Route,
    SingleFile,
    index_paths,
    is_hidden,
    router,
    single_file_router,
)

INDEX_NAMES = (b"index.html", b"index.htm")

# The target and the paths that it may mean.
PATHS: dict[bytes, tuple[bytes, ...]] = {
    b"/": (b"index.html", b"index.htm"),
    b"/a": (b"a",),
    b"/A": (b"A",),
    b"/a/": (b"a/index.html", b"a/index.htm"),
    b"/a/b?c": (b"a/b",),
    b"/%FF": (b"\xff",),
    b"/%FF/": (b"\xff/index.html", b"\xff/index.htm"),
    b"/.well-known/x": (b".well-known/x",),
    b"/" + b"long/" * 40: (b"long/" * 40 + b"index.html", b"long/" * 40 + b"index.htm"),
}

HIDDEN = {
    b"": False,
    b"a": False,
    b"a/b": False,
    b"a.b/c.": False,
    b".a": True,
    b"a/.b": True,
    b"a/.b/c": True,
    b"..a": True,
    b".well-known": False,
    b".well-known/a": False,
    b".well-known/.a": True,
    b".well-known.txt": True,
    b"a/.well-known": True,
    b".Well-Known": True,
}


@pytest.mark.parametrize(("target", "paths"), PATHS.items())
def test_a_target_leads_to_paths(target: bytes, paths: tuple[bytes, ...]) -> None:
    route = router(INDEX_NAMES, hidden=False)
    assert route(target).paths == paths
    assert route(target).paths == paths  # and when it is remembered


def test_a_route_keeps_what_was_parsed() -> None:
    route = router(INDEX_NAMES, hidden=False)(b"/a/./b?c")
    assert route == Route((b"a/b",), route.target)
    assert (route.target.path, route.target.is_directory, route.target.query) == (
        b"a/b",
        False,
        b"?c",
    )


def test_a_short_target_is_parsed_once() -> None:
    route = router(INDEX_NAMES, hidden=False)
    assert route(b"/a") is route(b"/a")
    long = b"/a?" + b"b" * 1000
    assert route(long) is not route(long)


@pytest.mark.parametrize(("path", "hidden"), HIDDEN.items())
def test_a_name_with_a_leading_dot_is_hidden(path: bytes, hidden: bool) -> None:
    assert is_hidden(path) is hidden
    served = router(INDEX_NAMES, hidden=True)(b"/" + path)
    assert served.paths == ((path,) if path else INDEX_NAMES)
    if hidden:
        with pytest.raises(RequestError) as refusal:
            router(INDEX_NAMES, hidden=False)(b"/" + path)
        assert refusal.value.status == 404


def test_the_root_has_index_files() -> None:
    assert index_paths(b"", INDEX_NAMES) == INDEX_NAMES
    assert index_paths(b"a", (b"x",)) == (b"a/x",)
    with pytest.raises(RequestError):
        router((), hidden=False)(b"/")


class TestSingleFile:
    route = staticmethod(single_file_router(SingleFile(b"real name.iso", b"disk.iso")))

    @pytest.mark.parametrize(
        "target", [b"/", b"/disk.iso", b"/./disk.iso?x", b"//disk.iso", b"/a/.."]
    )
    def test_it_is_at_the_root_and_at_its_name(self, target: bytes) -> None:
        assert self.route(target).paths == (b"real name.iso",)

    @pytest.mark.parametrize(
        "target", [b"/disk.iso/", b"/real%20name.iso", b"/disk", b"/DISK.ISO", b"/a/disk.iso"]
    )
    def test_nothing_else_is_there(self, target: bytes) -> None:
        assert self.route(target).paths == ()
