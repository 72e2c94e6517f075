"""Error pages: for each status that is answered, in two forms, and nothing of the request."""

import ast
from html.parser import HTMLParser
from http import HTTPStatus
from pathlib import Path

import pytest

import evloop
from evloop.http.error_page import error_page

ANSWERED = (400, 401, 403, 404, 405, 408, 412, 414, 416, 421, 429, 431, 500, 501, 503, 505)
REDIRECTS = (301, 302, 303, 307, 308)
BY_RULES = (410, 451)
STATUSES = ANSWERED + REDIRECTS + BY_RULES


def refused_statuses() -> set[int]:
    """The statuses that stand in a RequestError(...) of the program."""
    statuses = set()
    for path in Path(evloop.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "RequestError":
                first = node.args[0]
                if isinstance(first, ast.Constant):
                    statuses.add(int(ast.literal_eval(first)))
    return statuses


class Tags(HTMLParser):
    """Gathers the tags that would make a browser ask for something else."""

    def __init__(self) -> None:
        super().__init__()
        self.attributes: set[str] = set()

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.attributes |= {name for name, _ in attributes}


def test_every_status_that_is_answered_is_in_the_table() -> None:
    assert refused_statuses() == set(ANSWERED)


@pytest.mark.parametrize("status", STATUSES)
def test_a_person_reads_html(status: int) -> None:
    media_type, page = error_page(status, html=True)
    assert media_type == b"text/html; charset=utf-8"
    assert page.startswith(b"<!doctype html>")
    assert f"{status} {HTTPStatus(status).phrase}" in page.decode()


@pytest.mark.parametrize("status", STATUSES)
def test_a_program_reads_two_lines(status: int) -> None:
    media_type, page = error_page(status, html=False)
    assert media_type == b"text/plain; charset=utf-8"
    first, explanation, end = page.decode().split("\n")
    assert first == f"{status} {HTTPStatus(status).phrase}"
    assert explanation.endswith(".")
    assert end == ""


@pytest.mark.parametrize("status", STATUSES)
def test_a_page_asks_for_nothing_else(status: int) -> None:
    tags = Tags()
    tags.feed(error_page(status, html=True)[1].decode())
    assert tags.attributes.isdisjoint({"src", "href", "onload"})


@pytest.mark.parametrize("html", [True, False])
@pytest.mark.parametrize("status", STATUSES)
def test_a_page_is_made_once(status: int, html: bool) -> None:
    assert error_page(status, html=html) is error_page(status, html=html)
