"""Links in HTML pages to files that are not there."""

from collections.abc import Iterator
from html.parser import HTMLParser
from os import fsdecode
from urllib.parse import quote, urljoin, urlsplit

from evloop.checksite.tree import Finding, Tree
from evloop.http.request import RequestError
from evloop.http.target import parse_target
from evloop.site.rules.redirects import RedirectRules

MAX_PAGE_SIZE = 8 * 1024 * 1024
"""Bytes of a page that are read; one of a person's writing has some ten thousand."""

# Never looked up: a page's address is made from it, and what leads elsewhere is told by it.
_ORIGIN = "http://site.invalid"
_HTML = (b".html", b".htm")
_ATTRIBUTES = frozenset({"href", "src", "poster", "data"})


class _Links(HTMLParser):
    """Gathers the addresses that a page names, with their lines."""

    def __init__(self) -> None:
        super().__init__()
        self.base = ""
        self.links: list[tuple[int, str]] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        line, _ = self.getpos()
        for name, value in attributes:
            if not value:
                continue
            if tag == "base" and name == "href":
                self.base = self.base or value
            elif name in _ATTRIBUTES and not (name == "data" and tag != "object"):
                self.links.append((line, value.strip()))
            elif name == "srcset":
                candidates = (part.split() for part in value.split(", "))
                self.links += [(line, each[0].rstrip(",")) for each in candidates if each]


def broken_links(tree: Tree, redirects: RedirectRules | None) -> Iterator[Finding]:
    """Yield the links of all pages that lead to no file of the site and to no rule."""
    for path in sorted(tree.files):
        if not path.endswith(_HTML):
            continue
        parser = _Links()
        parser.feed(tree.read(path, MAX_PAGE_SIZE).decode("utf-8", "replace"))
        parser.close()
        page = urljoin(f"{_ORIGIN}/{quote(path)}", parser.base)
        for line, link in parser.links:
            if _is_broken(page, link, tree, redirects):
                yield Finding(f"{fsdecode(path)}:{line}", f"{link} leads to no file")


def _is_broken(page: str, link: str, tree: Tree, redirects: RedirectRules | None) -> bool:
    try:
        address = urlsplit(urljoin(page, link))
    except ValueError:
        return True
    if f"{address.scheme}://{address.netloc}" != _ORIGIN:
        return False  # it leads elsewhere, or is no address of a file: mailto, data
    try:
        encoded = quote(address.path or "/", safe="/%!$&'()*+,;=:@~").encode()
        path, is_directory, _ = parse_target(encoded)
    except RequestError:
        return True
    if tree.resolve(path, is_directory=is_directory) is not None:
        return False
    decoded = b"/" + path + (b"/" if is_directory and path else b"")
    return redirects is None or redirects.match(decoded, b"?" + address.query.encode()) is None
