"""Addresses to listen on as people write them: `127.0.0.1`, `::1`, `[::1]:80`, `localhost:80`."""


def without_brackets(text: str) -> str:
    """Return `::1` for `[::1]`, and any other text as it is."""
    return text[1:-1] if text.startswith("[") and text.endswith("]") else text


def split_port(text: str) -> tuple[str, str | None]:
    """Return the host of *text* and its port; *text* and None where it has none.

    An IPv6 address needs brackets to have a port (RFC 3986 section 3.2.2). Whether the host is
    one, and the port in range, is not checked.
    """
    host, colon, port = text.rpartition(":")
    is_bare_ipv6 = ":" in host and not (host.startswith("[") and host.endswith("]"))
    if not host or not colon or not port.isdecimal() or is_bare_ipv6:
        return text, None
    return host, port
