"""What of a site is a matter of taste."""

from typing import NamedTuple

from evloop.http.response import Field
from evloop.site.origins import OriginFields
from evloop.site.routes import SingleFile


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
