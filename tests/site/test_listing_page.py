"""Listings as pages: what programs read in them, and what people see."""

import base64
import hashlib
import re
from html.parser import HTMLParser
from urllib.parse import unquote_to_bytes, urljoin, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evloop.files.folder import Item
from evloop.files.listing import Key, Order
from evloop.site import listing_assets
from evloop.site.listing_page import Page, page_foot, page_head, rows, table_head
from evloop.site.listing_query import View
from evloop.site.listing_texts import (
    href,
    html_text,
    human_size,
    listed_minute,
    plain_text,
    rfc3339_time,
)

BASE = "http://files.test/a/b%20c/"
PATH = b"a/b c"
NAME = st.binary(min_size=1, max_size=40).filter(
    lambda name: not {0, 0x2F} & set(name) and name not in {b".", b".."}
)


def whole(
    items: list[Item],
    view: View | None = None,
    *,
    path: bytes = PATH,
    count: int | None = None,
    is_sorted: bool = True,
    has_archives: bool = False,
) -> str:
    page = Page(path, view or View(), has_archives)
    parts = [
        page_head(page),
        table_head(page, count, is_sorted=is_sorted),
        rows(items),
        page_foot(page, len(items), count),
    ]
    return b"".join(parts).decode()


def file(name: bytes, size: int = 1, mtime: int = 0) -> Item:
    return Item(name, False, size, mtime)


def fsspec_names(page: str) -> set[str]:
    """What fsspec 2026.9 takes for entries: implementations/http.py, _ls_real()."""
    links = re.findall(r"""(http[s]?://[-a-zA-Z0-9@:%_+.~#?&/=]+)""", page) + [
        found[1]
        for found in re.findall(r"""<(?:a|A)\s+(?:[^>]*?\s+)?(href|HREF)=["']([^"']+)""", page)
    ]
    out, parts = set(), urlsplit(BASE)
    for link in links:
        if link.startswith("/") and len(link) > 1:
            out.add(f"{parts.scheme}://{parts.netloc}{link}")
        elif link.startswith(BASE) and len(link) > len(BASE):
            out.add(link)
        elif link not in {"..", "../"} and "://" not in link:
            out.add("/".join([BASE.rstrip("/"), link.lstrip("/")]))
    return {link for link in out if link.startswith(BASE)}


class Links(HTMLParser):
    """Links and their texts, as pip and wget find them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, str]] = []
        self._href: str | None = None
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a":
            self._href = dict(attrs)["href"]
            self.found.append((self._href or "", ""))

    def handle_endtag(self, tag: str) -> None:
        if tag == "a":
            self._href = None

    def handle_data(self, data: str) -> None:
        if self._href is not None:
            href, text = self.found[-1]
            self.found[-1] = (href, text + data)


class TestPrograms:
    @given(st.lists(NAME, unique=True, max_size=5))
    def test_each_name_is_one_relative_link_whatever_it_is(self, names: list[bytes]) -> None:
        page = whole([file(name) for name in names])
        found = [unquote_to_bytes(link[len(BASE) :]) for link in fsspec_names(page)]
        assert sorted(found) == sorted(names)
        links = [link for link, _ in Links(page).found if not link.startswith(("/", ".."))]
        for link, name in zip(links, names, strict=True):
            assert re.fullmatch(r"[A-Za-z0-9._~%-]+", link)
            assert unquote_to_bytes(link) == name
            assert urljoin(BASE, link) == BASE + link or link in {"...", "...."}

    @given(NAME)
    def test_an_entry_is_one_line(self, name: bytes) -> None:
        assert rows([file(name)]).count(b"\n") == 1

    def test_time_and_exact_size_follow_the_link(self) -> None:
        line = rows([Item(b"a.bin", False, 123456789, 1_764_000_000)]).decode()
        assert '<a href="a.bin">a.bin</a>' in line
        after = re.sub(r"<[^>]*>", " ", line.partition("</a>")[2]).split()
        assert after == ["24-Nov-2025", "16:00", "123456789", "118", "MiB"]
        line = rows([Item(b"sub", True, 0, 1_764_000_000)]).decode()
        assert '<a href="sub/">sub/</a>' in line
        after = re.sub(r"<[^>]*>", " ", line.partition("</a>")[2]).split()
        assert after == ["24-Nov-2025", "16:00", "-"]

    def test_what_is_no_entry_is_no_relative_link_but_the_parent(self) -> None:
        page = whole([], View(limit=5, offset=5), count=99, has_archives=True)
        assert [link for link, _ in Links(page).found] == ["/.", "/a/", "../"]
        assert fsspec_names(page) == set()
        assert "href=" not in re.sub(r'<a href="|<use href=#', "", page)
        assert "nofollow" not in page
        assert "action" not in page

    def test_the_root_has_no_parent(self) -> None:
        assert Links(whole([], path=b"")).found == []

    def test_a_page_is_text_for_a_parser_as_it_is_for_a_pattern(self) -> None:
        page = whole([file(b"it's <b>&amp;.bin")])
        assert ("it%27s%20%3Cb%3E%26amp%3B.bin", "it's <b>&amp;.bin") in Links(page).found


TEXTS = {
    b"plain.txt": "plain.txt",
    b"a b": "a b",
    b"<&>\"'": "&lt;&amp;&gt;&quot;&#39;",
    b"new\nline\t\x7f": "new<i>\\x0a</i>line<i>\\x09</i><i>\\x7f</i>",
    b"bad\xff": "bad<i>\\xff</i>",
    "\u202egpj.exe".encode(): "<i>\\u202e</i>gpj.exe",
    "a\u2066b\u00a0c\u200bd".encode(): "a<i>\\u2066</i>b<i>\\xa0</i>c<i>\\u200b</i>d",
    "\U000e0001".encode(): "<i>\\U000e0001</i>",
    "\u0645\u06cc\u200c\u062e.pdf".encode(): "\u0645\u06cc\u200c\u062e.pdf",
    "\xfc".encode(): "\xfc",
    b"\\xff": "\\xff",
}


class TestPeople:
    @pytest.mark.parametrize("name", TEXTS)
    def test_what_can_not_be_seen_is_escaped_visibly(self, name: bytes) -> None:
        assert html_text(name).decode() == TEXTS[name]

    def test_names_do_not_turn_the_direction_of_their_neighbours(self) -> None:
        assert "td a { unicode-bidi: isolate }" in listing_assets.STYLE
        assert "nav b, td a" in listing_assets.STYLE

    def test_crumbs_lead_up_and_the_last_is_where_one_is(self) -> None:
        page = whole([], path=b"a/\xff<b>/c")
        assert '<a href="/.">root</a>/<wbr><a href="/a/">a</a>/<wbr>' in page
        assert '<a href="/a/%FF%3Cb%3E/"><i>\\xff</i>&lt;b&gt;</a>' in page
        assert "<b aria-current=page>c</b>/" in page
        assert "<title>Index of /a/\\xff&lt;b&gt;/c/</title>" in page

    @pytest.mark.parametrize(
        ("view", "count", "text"),
        [
            (View(), 1, "1 entry"),
            (View(), 0, "0 entries"),
            (View(), 1_000_000, "1,000,000 entries"),
            (View(limit=10), 25, "1 to 10 of 25 entries"),
            (View(limit=10, offset=20), 25, "21 to 25 of 25 entries"),
            (View(limit=10, offset=30), 25, "None of 25 entries"),
            (View(limit=30), 25, "25 entries"),
        ],
    )
    def test_the_true_total_is_stated_before_and_after(
        self, view: View, count: int, text: str
    ) -> None:
        assert whole([], view, count=count).count(f"<p>{text}</p>") == 2

    def test_a_total_that_is_not_known_yet_stands_at_the_end(self) -> None:
        page = Page(PATH, View(), False)
        assert b"entries</p>" not in table_head(page, None, is_sorted=True)
        assert b"<p>5 entries</p>" in page_foot(page, 5, 5)

    def test_what_is_not_sorted_says_so_and_marks_no_column(self) -> None:
        page = whole([], is_sorted=False)
        assert "not sorted: it has more than 10,000 entries" in page
        assert "aria-sort" not in page
        assert "not sorted" not in whole([])

    @pytest.mark.parametrize(
        ("order", "mark", "next_order"),
        [
            (Order(), "aria-sort=ascending><form><input type=hidden name=order value=desc", "name"),
            (
                Order(Key.SIZE, True),
                "aria-sort=descending><form><input type=hidden name=order value=asc",
                "size",
            ),
        ],
    )
    def test_a_column_is_sorted_by_a_button_that_turns_it_round(
        self, order: Order, mark: str, next_order: str
    ) -> None:
        page = whole([], View(order, limit=7))
        column = page[page.index(mark) :].partition("</th>")[0].partition("</form>")[0]
        assert f"<button name=sort value={next_order}>" in column
        assert "name=limit value=7" in column
        assert page.count("aria-sort") == 1

    def test_pages_have_buttons_to_the_next_and_the_previous(self) -> None:
        middle = whole([], View(Order(Key.TIME), limit=10, offset=5), count=25)
        assert "name=offset value=0>Previous" in middle
        assert "name=offset value=15>Next" in middle
        assert "name=sort value=time>" in middle
        assert "Previous" not in whole([], View(limit=10), count=25)
        assert "Next" not in whole([], View(limit=10, offset=20), count=25)
        assert "Next" not in whole([], View(), count=25)
        assert "Next" not in whole([], View(limit=25), count=25)

    def test_archives_are_offered_where_there_are_any(self) -> None:
        assert "name=archive value=tar" in whole([], has_archives=True)
        assert "archive" not in whole([])

    def test_the_policy_allows_this_style_and_this_script_alone(self) -> None:
        policy = listing_assets.POLICY[1].decode()
        page = whole([])
        for tag in ("style", "script"):
            (text,) = re.findall(f"<{tag}>(.*?)</{tag}>", page, re.S)
            digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
            assert f"{tag}-src 'sha256-{digest}'" in policy
        assert "default-src 'none'" in policy
        assert not re.search(r"<[^>]* (style|on[a-z]+)=", page)
        assert "//" not in re.sub(r"<script>.*?</script>", "", page, flags=re.S).replace("</", "")


TIMES = {
    0: ("01-Jan-1970 00:00", "1970-01-01T00:00:00Z"),
    1_764_000_059: ("24-Nov-2025 16:00", "2025-11-24T16:00:59Z"),
    -1: ("31-Dec-1969 23:59", "1969-12-31T23:59:59Z"),
    2**62: ("31-Dec-9999 23:59", "9999-12-31T23:59:59Z"),
    -(2**62): ("01-Jan-0001 00:00", "0001-01-01T00:00:00Z"),
}


@pytest.mark.parametrize("seconds", TIMES)
def test_times_are_in_utc_and_within_the_calendar(seconds: int) -> None:
    assert (listed_minute(seconds // 60).decode(), rfc3339_time(seconds)) == TIMES[seconds]


SIZES = {
    0: "0 B",
    1023: "1023 B",
    1024: "1.0 KiB",
    1536: "1.5 KiB",
    102_348: "99.9 KiB",
    102_400: "100 KiB",
    1024**2 - 1: "1024 KiB",
    10 * 1024**3: "10.0 GiB",
    2**62: "4.0 EiB",
    2**73: "8192 EiB",
}


@pytest.mark.parametrize("size", SIZES)
def test_sizes_for_people_have_three_digits_or_so(size: int) -> None:
    assert human_size(size).decode() == SIZES[size]


def test_a_name_that_is_no_text_is_told_from_one_that_is() -> None:
    assert plain_text("\xfc".encode()) == ("\xfc", True)
    assert plain_text(b"a\xff") == ("a\\xff", False)
    assert href(b"a\xff/:?#") == b"a%FF%2F%3A%3F%23"
