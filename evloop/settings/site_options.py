"""Settings that are texts of the web: origins and media types."""

import re

# RFC 6454 section 6.2, as browsers write it: lower case, no default port, no path.
_ORIGIN = re.compile(
    r"(?P<scheme>[a-z][a-z0-9+.-]*)://"
    r"(?P<host>\[[0-9a-f:.]+\]|[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_])?)(?::(?P<port>[1-9][0-9]{0,4}))?"
)
_DEFAULT_PORTS = {"http": "80", "https": "443"}

_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
# RFC 9110 section 8.3.1; a parameter's value is a token or stands in quotes.
_TYPE = re.compile(
    rf"{_TOKEN}/{_TOKEN}(?:[ ]*;[ ]*{_TOKEN}=(?:{_TOKEN}|\"[\x20\x21\x23-\x5b\x5d-\x7e]*\"))*"
)
_ENDING = re.compile(r"\.[^./=\s\x00-\x1f\x7f]+")


def check_origin(text: str) -> None:
    """Refuse what no browser sends as an Origin; `*` stands for all of them."""
    if text == "*":
        return
    found = _ORIGIN.fullmatch(text)
    if found is None:
        raise ValueError(_trouble_with(text))
    port = found["port"]
    if port and int(port) > 65535:
        raise ValueError("a port is at most 65535")
    if port and _DEFAULT_PORTS.get(found["scheme"]) == port:
        raise ValueError("a browser leaves out the usual port, so it would never match")


def _trouble_with(text: str) -> str:
    if text == "null":
        return "null is every sandboxed page and file, whoever made it; use * or name an origin"
    if _ORIGIN.fullmatch(text.lower()):
        return "a browser sends it in lower case, so it would never match"
    if _ORIGIN.match(text) and "/" in text.partition("://")[2]:
        return "an origin has no path, not even a slash at its end"
    return "scheme://host or scheme://host:port is wanted, or *"


def check_type(text: str) -> None:
    """Refuse what is not `.EXT=TYPE`."""
    ending, equals, media_type = text.partition("=")
    if not equals or not _ENDING.fullmatch(ending):
        raise ValueError("a type is written as .EXT=TYPE, with the last ending of a name")
    if not _TYPE.fullmatch(media_type):
        raise ValueError("the type is written as text/plain, with parameters or without")


def media_types(texts: tuple[str, ...]) -> dict[bytes, bytes]:
    """Return the types by ending of texts that check_type() lets pass; the last one counts.

    A text without parameters is declared as UTF-8, like every other one.
    """
    types: dict[bytes, bytes] = {}
    for text in texts:
        ending, _, media_type = text.partition("=")
        if media_type.lower().startswith("text/") and ";" not in media_type:
            media_type += "; charset=utf-8"
        types[ending[1:].lower().encode()] = media_type.encode()
    return types
