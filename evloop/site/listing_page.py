"""A directory as an HTML page: pure functions from entries to bytes.

Programs read it too, by patterns more often than by a parser. So each entry is one line with one
link, which is relative, quoted and all encoded; the time and the exact size follow the link; and
what is no entry is no relative link but `../`: crumbs are absolute paths (the root is `/.`, since
`/` would be taken for an entry), and sorting is done by buttons, since links are followed.
"""

from collections.abc import Iterable
from typing import NamedTuple

from evloop.files.folder import Item
from evloop.files.listing import MAX_SORTED, Key
from evloop.site.listing_assets import SCRIPT, SPRITE, STYLE
from evloop.site.listing_query import View
from evloop.site.listing_texts import href, html_text, human_size, link_and_text, listed_minute

_COLUMNS = ((Key.NAME, "Name"), (Key.TIME, "Modified"), (Key.SIZE, "Size"))


class Page(NamedTuple):
    """What a page is about."""

    path: bytes
    """Of the directory, relative to the root, without slashes at its ends."""
    view: View
    has_archives: bool


def page_head(page: Page) -> bytes:
    """Return the page up to the table, which begins with the next piece."""
    title = html_text(b"/" + page.path + b"/" if page.path else b"/").decode()
    title = title.replace("<i>", "").replace("</i>", "")
    return (
        '<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>Index of {title}</title>\n<style>{STYLE}</style>\n{SPRITE}\n"
        f"<header><h1>Index of</h1><nav aria-label=Path>{_crumbs(page.path)}</nav></header>\n"
        "<main>\n"
    ).encode()


def _crumbs(path: bytes) -> str:
    crumbs, place = [], b"/"
    names = path.split(b"/") if path else []
    for name in names[:-1]:
        place += href(name) + b"/"
        crumbs.append(f'<a href="{place.decode()}">{html_text(name).decode()}</a>')
    if not names:
        return "<b aria-current=page>root</b>/"
    last = f"<b aria-current=page>{html_text(names[-1]).decode()}</b>/"
    return "/<wbr>".join(['<a href="/.">root</a>', *crumbs, last])


def table_head(page: Page, count: int | None, *, is_sorted: bool) -> bytes:
    """Return what stands above the entries; *count* is None where it is not known yet."""
    known = "" if count is None else f"<p>{_of_all(page.view, count)}</p>\n"
    note = "" if is_sorted else f"<p class=note role=note>{_why_unsorted()}</p>\n"
    name, time, size = (_column(page.view, key, text, is_sorted) for key, text in _COLUMNS)
    parent = _PARENT if page.path else ""
    return (
        f"{known}{note}<table>\n<thead><tr>{name}{time}<th scope=col class=x>Bytes{size}</thead>\n"
        f"<tbody>\n{parent}"
    ).encode()


_PARENT = (
    '<tr><td><svg aria-hidden=true><use href=#u /></svg><a href="../">../</a><td><td class=x><td>\n'
)


def _why_unsorted() -> str:
    return (
        f"In the directory\u2019s own order, not sorted: it has more than {MAX_SORTED:,} entries,"
        " or the server sorts too many others at the moment."
    )


def _column(view: View, key: Key, text: str, is_sorted: bool) -> str:
    """Return the head of a column: a form, since a link would be followed by programs."""
    is_current = is_sorted and view.order.key is key
    descends = is_current and not view.order.is_descending
    order, sign, state = "asc", "", ""
    if is_current:
        sign = " \u2193" if view.order.is_descending else " \u2191"
        state = f" aria-sort={'descending' if view.order.is_descending else 'ascending'}"
    if descends:
        order = "desc"
    return (
        f"<th scope=col{state}><form>{_hidden('order', order)}{_limit(view)}"
        f"<button name=sort value={key.value}>{text}<span aria-hidden=true>{sign}</span>"
        "</button></form>"
    )


def _hidden(name: str, value: object) -> str:
    return f"<input type=hidden name={name} value={value}>"


def _limit(view: View) -> str:
    return _hidden("limit", view.limit) if view.limit else ""


def rows(items: Iterable[Item]) -> bytes:
    """Return a line for each of *items*."""
    return b"".join(map(_row, items))


def _row(item: Item) -> bytes:
    name, is_directory, size, mtime = item
    link, text = link_and_text(name)
    time = listed_minute(mtime // 60)
    if is_directory:
        return (
            b'<tr><td><svg aria-hidden=true><use href=#d /></svg><a href="%b/">%b/</a>'
            b"<td>%b<td class=x>-<td>\n" % (link, text, time)
        )
    return (
        b'<tr><td><svg aria-hidden=true><use href=#f /></svg><a href="%b">%b</a>'
        b"<td>%b<td class=x>%d<td>%b\n" % (link, text, time, size, human_size(size))
    )


def page_foot(page: Page, shown: int, count: int | None) -> bytes:
    """Return the end of the page; *shown* entries are on it, *count* is the directory's."""
    total = _of_all(page.view, shown if count is None else count)
    parts = [f"</table>\n<footer><p>{total}</p>\n", _pager(page.view, shown, count)]
    if page.has_archives:
        parts.append(
            "<form>Download all as <button name=archive value=tar>tar</button>"
            " <button name=archive value=zip>zip</button></form>\n"
        )
    parts.append(f"</footer>\n</main>\n<script>{SCRIPT}</script>\n</html>\n")
    return "".join(parts).encode()


def _of_all(view: View, count: int) -> str:
    """Return how many of *count* entries are shown."""
    window = view.window
    shown = range(min(window.start, count), min(window.stop, count))
    entries = f"{count:,} {'entry' if count == 1 else 'entries'}"
    if len(shown) == count:
        return entries
    if not shown:
        return f"None of {entries}"
    return f"{shown.start + 1:,} to {shown.stop:,} of {entries}"


def _pager(view: View, shown: int, count: int | None) -> str:
    """Return the buttons to what comes before and after a page of `limit` entries."""
    if not view.limit:
        return ""
    order = "desc" if view.order.is_descending else "asc"
    kept = _hidden("sort", view.order.key.value) + _hidden("order", order) + _limit(view)
    buttons = ""
    if view.offset:
        before = max(0, view.offset - view.limit)
        buttons += f"<button name=offset value={before}>Previous</button> "
    if count is None or view.window.stop < count:
        buttons += f"<button name=offset value={view.window.stop}>Next</button>"
    return f"<form>{kept}{buttons}</form>\n" if buttons else ""
