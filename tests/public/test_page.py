"""The site's files: small, from here alone, with links that work and colours one can read."""

import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import pytest

from evloop.demo.figures import INTERVAL

PUBLIC = Path(__file__).resolve().parents[2] / "public"
PAGES = ("index.html", "static/index.html")
TEXTS = sorted(path for path in PUBLIC.rglob("*") if path.suffix in {".html", ".css", ".js"})
# Of HTML, CSS and JavaScript together: what a site without a build step may weigh.
MOST_BYTES = 100 * 1024
# WCAG 2.2, success criteria 1.4.3 (text) and 1.4.11 (borders of controls).
TEXT_CONTRAST, CONTROL_CONTRAST = 4.5, 3.0

# What server and page agree on, as the script declares it.
REPORT_FIELDS = {
    "version": "str",
    "memory": "{",
    "now": "int",
    "start": "int",
    "ceiling": "int",
    "connections": "int",
    "downloads": "int",
    "load_all": "int",
    "bytes_sent": "int",
    "responses": "int",
    "uptime": "seconds",
}


class Page(HTMLParser):
    """A page's ids, its plain links, and the addresses of all that it loads."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.feed((PUBLIC / name).read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name == "id" and value:
                self.ids.add(value)
            elif name == "href" and tag == "a" and value:
                self.links.append(value)
            elif name in {"href", "src", "srcset", "poster", "data", "action"} and value:
                self.loaded.append(value)


def read(name: str) -> str:
    return (PUBLIC / name).read_text(encoding="utf-8")


def palettes() -> dict[str, dict[str, str]]:
    """The custom properties of the style sheet that are colours, by colour scheme."""
    light, dark = re.findall(r":root \{(.*?)\}", read("static/style.css"), re.S)[:2]
    colours = [dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", block)) for block in (light, dark)]
    return {"light": colours[0], "dark": colours[0] | colours[1]}


def luminance(colour: str) -> float:
    """Relative luminance of #rrggbb (WCAG 2.2)."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def test_the_contrast_of_black_and_white_is_21() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


def test_the_site_is_small() -> None:
    assert sum(path.stat().st_size for path in TEXTS) < MOST_BYTES


@pytest.mark.parametrize("name", PAGES)
def test_links_lead_somewhere(name: str) -> None:
    page = Page(name)
    for link in page.links + page.loaded:
        parts = urlsplit(urljoin(f"file:///{name}", link))
        if parts.scheme != "file" or parts.path.endswith(".bin"):
            continue
        target = parts.path.lstrip("/") + ("index.html" if parts.path.endswith("/") else "")
        assert (PUBLIC / target).is_file(), link
        if parts.fragment:
            assert parts.fragment in Page(target).ids, link


@pytest.mark.parametrize("name", PAGES)
def test_a_page_loads_nothing_from_elsewhere(name: str) -> None:
    assert [link for link in Page(name).loaded if urlsplit(link).netloc] == []
    assert "default-src 'self'" in read(name)


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.name)
def test_other_addresses_are_plain_links_or_names(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    links = {link for name in PAGES for link in Page(name).links}
    # The address in the commands is replaced by that of the server; the other names a vocabulary.
    known = links | {"http://localhost:8080/", "http://www.w3.org/2000/svg"}
    assert (
        set(re.findall(r"(?:https?:)?//[\w.-]+\.[\w./-]+|http://localhost[:\d/]*", text)) <= known
    )
    assert "@import" not in text


@pytest.mark.parametrize("path", [path for path in TEXTS if path.suffix == ".js"], ids=str)
def test_a_script_imports_what_is_there(path: Path) -> None:
    for target in re.findall(r'from "(.+?)"', path.read_text(encoding="utf-8")):
        assert target.startswith("./")
        assert (path.parent / target).is_file(), target


def test_the_script_declares_the_report_field_by_field() -> None:
    script = read("static/report.js")
    comment = script[script.index("/*") : script.index("*/")]
    assert dict(re.findall(r'"(\w+)": (\w+|\{)', comment)) == REPORT_FIELDS
    checked = re.findall(r'"(\w+)"', "".join(re.findall(r"FIELDS = \[(.*?)\]", script)))
    assert sorted([*checked, "memory", "version"]) == sorted(REPORT_FIELDS)
    assert '"/.well-known/evloop"' in script
    assert f"AGE_MS = {INTERVAL * 1000:.0f};" in script


def test_ids_that_the_scripts_ask_for_are_in_a_page() -> None:
    ids = Page(PAGES[0]).ids | Page(PAGES[1]).ids
    asked = set()
    for path in TEXTS:
        if path.suffix == ".js":
            pattern = r'(?:page|getElementById)\("([\w-]+)"\)'
            asked |= set(re.findall(pattern, path.read_text(encoding="utf-8")))
    assert asked <= ids


def test_the_first_page_says_what_it_is_and_how_to_have_it() -> None:
    page = read("index.html")
    assert "<title>evloop: a static file server in Python" in page
    assert "<code>pip install evloop-server\nevloop path/to/your/files</code>" in page
    assert "MIT licence" in page


@pytest.mark.parametrize("name", PAGES)
def test_missing_samples_are_made_by_a_command_that_exists(name: str) -> None:
    assert "<code>python3 tools/make_samples.py</code>" in read(name)
    assert (PUBLIC.parent / "tools" / "make_samples.py").is_file()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_and_controls_stand_out(scheme: str) -> None:
    colours = palettes()[scheme]
    for ground in ("paper", "raised", "sunken"):
        for ink in ("ink", "soft", "load", "stream", "memory"):
            assert contrast(colours[ink], colours[ground]) >= TEXT_CONTRAST, (ink, ground)
        assert contrast(colours["edge"], colours[ground]) >= CONTROL_CONTRAST, ground
    assert contrast(colours["on-stream"], colours["stream"]) >= TEXT_CONTRAST
    assert contrast(colours["terminal-ink"], colours["terminal"]) >= TEXT_CONTRAST


def test_nothing_moves_where_less_motion_is_preferred() -> None:
    style = read("static/style.css")
    allowed = re.findall(r"@media \(prefers-reduced-motion: no-preference\) \{.*?\n\}", style, re.S)
    moving = re.findall(r"animation(?:-name|-delay)?: ", style)
    assert moving
    assert len(moving) == sum(
        len(re.findall(r"animation(?:-name|-delay)?: ", block)) for block in allowed
    )
