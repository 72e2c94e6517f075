"""The requests that a load consists of, as bytes and as a Lua script for wrk."""

from dataclasses import dataclass, replace

# What a current browser sends for a page, in its order, less Host, which comes first.
BROWSER_FIELDS = (
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


@dataclass(frozen=True, slots=True)
class Request:
    """A kind of request: the paths it goes through in turn, and its fields.

    With *serial* set, each head carries a Cookie that starts with it and ends in a number
    of its own, so that no two heads are alike, in this run or in one with another serial.
    """

    paths: tuple[str, ...]
    fields: tuple[tuple[str, str], ...] = BROWSER_FIELDS
    serial: str = ""

    def with_fields(self, **fields: str) -> "Request":
        """Return this request with *fields* set; `_` in a name stands for `-`."""
        given = {name.replace("_", "-").title(): value for name, value in fields.items()}
        kept = tuple((name, value) for name, value in self.fields if name not in given)
        return replace(self, fields=kept + tuple(given.items()))

    def with_serial(self, serial: str) -> "Request":
        """Return this request with another *serial*."""
        return replace(self, serial=serial)

    def pieces(self, host: str, path_prefix: str = "") -> tuple[list[str], str, str]:
        """Return what a head is joined from: request lines, the fields, and the end.

        A head is a request line, the fields, and the end; with *serial* set, the number
        goes between the fields and the end.
        """
        lines = [f"GET {path_prefix}{path} HTTP/1.1\r\nHost: {host}\r\n" for path in self.paths]
        fields = "".join(f"{name}: {value}\r\n" for name, value in self.fields)
        if self.serial:
            fields += f"Cookie: theme=dark; visit={self.serial}-"
        return lines, fields, "\r\n\r\n" if self.serial else "\r\n"
