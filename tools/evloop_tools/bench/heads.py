"""The head that a browser sends, of which the benchmark's requests are made."""

from collections.abc import Mapping

BROWSER_FIELDS: tuple[tuple[str, str], ...] = (
    # What a current browser sends for a page, in its order, less Host, which comes first.
    ("Connection", "keep-alive"),
    ("sec-ch-ua", '"Chromium";v="130", "Google Chrome";v="130", "Not?A_Brand";v="99"'),
    ("sec-ch-ua-mobile", "?0"),
    ("sec-ch-ua-platform", '"Linux"'),
    ("Upgrade-Insecure-Requests", "1"),
    (
        "User-Agent",
        "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
        "Chrome/130.0.0.0 Safari/537.36",
    ),
    (
        "Accept",
        "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,"
        "image/apng,*/*;q=0.8",
    ),
    ("Sec-Fetch-Site", "same-origin"),
    ("Sec-Fetch-Mode", "navigate"),
    ("Sec-Fetch-User", "?1"),
    ("Sec-Fetch-Dest", "document"),
    ("Accept-Encoding", "gzip, deflate, br, zstd"),
    ("Accept-Language", "en-GB,en;q=0.9,de;q=0.8"),
)


def fields(more: Mapping[str, str]) -> str:
    """Return the header lines of a browser, with *more* instead of those of the same name."""
    kept = [(name, value) for name, value in BROWSER_FIELDS if name not in more]
    return "".join(f"{name}: {value}\r\n" for name, value in [*kept, *more.items()])
