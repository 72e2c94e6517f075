"""What of a site is a matter of taste."""

from typing import NamedTuple


class SiteSettings(NamedTuple):
    """The settings of a Site. Paths are relative to the root."""

    index_names: tuple[bytes, ...] = (b"index.html",)
    cache_control: bytes = b"public, max-age=3600"
    hidden: bool = False
    """Whether names that begin with a dot are served."""
    sendfile: bool = False
    """Whether the kernel moves the bytes of streamed files."""
    unserved: frozenset[bytes] = frozenset()
    """What is never served, although it is there."""
    fallback: bytes = b""
    """The page for navigations to what is not there; empty: none."""
    clean_urls: bool = False
    """Whether `/about` is about.html."""
    error_pages: bool = True
    """Whether 404.html and the like are the site's pages for errors."""
