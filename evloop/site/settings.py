"""What of a site is a matter of taste."""

from collections.abc import Callable
from typing import NamedTuple

from evloop.http.response import Field
from evloop.site.origins import OriginFields
from evloop.site.routes import Route, SingleFile, router, single_file_router


class SiteSettings(NamedTuple):
    """The settings of a Site. Paths are relative to the root."""

    index_names: tuple[bytes, ...] = (b"index.html",)
    cache_control: bytes = b"public, max-age=3600"
    hidden: bool = False
    """Whether names that begin with a dot are served."""
    sendfile: bool = False
    """Whether the kernel moves the bytes of streamed files."""
    origin: OriginFields = OriginFields()
    """What scripts of other origins are told."""
    dictionaries: bool = False
    """Whether clients are told to keep files as dictionaries for later versions."""
    more_fields: tuple[Field, ...] = ()
    """Those that each response has beside the usual ones."""
    only: SingleFile | None = None
    """The one file that is served, if there is but one."""
    unserved: frozenset[bytes] = frozenset()
    """What is never served, although it is there."""
    fallback: bytes = b""
    """The page for navigations to what is not there; empty: none."""
    clean_urls: bool = False
    """Whether `/about` is about.html."""

    def router(self) -> Callable[[bytes], Route]:
        """Return the function from a request target to its route."""
        if self.only is not None:
            return single_file_router(self.only)
        return router(
            self.index_names,
            hidden=self.hidden,
            clean_urls=self.clean_urls,
            unserved=self.unserved,
        )
