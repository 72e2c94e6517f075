"""The settings that are one of a few: who chooses, and what there is to choose from."""

from enum import Enum


class PreloadMode(Enum):
    """Whether preloaded bytes are shared."""

    SHARED = "shared"
    """One copy for all who want it."""
    PRIVATE = "private"
    """A copy for each request, as servers do that load the entire file: to compare."""


class Transfer(Enum):
    """How the bytes of a streamed file come to the socket."""

    COPY = "copy"
    """Through the refill buffer."""
    SENDFILE = "sendfile"
    """Within the kernel."""


class Symlinks(Enum):
    """Which symbolic links are followed."""

    INSIDE = "inside"
    """Those whose target is beneath the root."""
    DENY = "deny"
    FOLLOW = "follow"
    """All, wherever they lead."""


class Listing(Enum):
    """Whether a directory without an index is listed."""

    AUTO = "auto"
    """While only loopback addresses are listened on."""
    ON = "on"
    OFF = "off"


class Demo(Enum):
    """Whether the server's own figures have an address."""

    AUTO = "auto"
    """Where the default root is served, while only loopback addresses are listened on."""
    ON = "on"
    OFF = "off"


class LogFormat(Enum):
    """How a response is written down."""

    COMBINED = "combined"
    JSON = "json"


class RulesDialect(Enum):
    """How `_headers` and `_redirects` at the root of the site are read."""

    NETLIFY = "netlify"
    CLOUDFLARE = "cloudflare"
    OFF = "off"
    """Not at all: they are files like any."""


class TlsVersion(Enum):
    """The oldest version of TLS that is spoken."""

    TLS_1_2 = "1.2"
    TLS_1_3 = "1.3"
