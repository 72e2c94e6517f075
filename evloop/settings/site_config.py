"""The settings of what is served: which files, how they are described, and who may have them."""

import os
from dataclasses import dataclass, field

from evloop.settings.choices import Listing, Symlinks
from evloop.settings.options import (
    check_field_value,
    check_file_name,
    check_optional_path,
    choice_option,
    duration_option,
    switch_option,
    text_option,
    texts_option,
)
from evloop.settings.site_options import check_origin, check_type

RootPath = str | bytes | os.PathLike[str] | os.PathLike[bytes]
"""What names the directory, or the one file, that is served."""
DEFAULT_ROOT = "."


@dataclass(frozen=True, slots=True)
class SiteConfig:
    """The settings of a site, which are the first part of a Config."""

    root: RootPath = DEFAULT_ROOT
    revalidate: float = field(
        default=1.0,
        metadata=duration_option(0, "a cached file is checked on the disk at most this often"),
    )
    index: tuple[str, ...] = field(
        default=("index.html",),
        metadata=texts_option(
            "NAME", "file that answers for its directory; may be repeated", check_file_name
        ),
    )
    listing: Listing = field(
        default=Listing.AUTO,
        metadata=choice_option(
            Listing,
            "whether a directory without an index is listed;"
            " auto: while only loopback addresses are listened on",
        ),
    )
    archives: bool = field(
        default=False,
        metadata=switch_option(
            "whether a directory is sent whole for ?archive=tar or ?archive=zip"
        ),
    )
    cache_control: str = field(
        default="public, max-age=3600",
        metadata=text_option("VALUE", "Cache-Control of every file", check_field_value),
    )
    symlinks: Symlinks = field(
        default=Symlinks.INSIDE,
        metadata=choice_option(
            Symlinks, "symbolic links to follow: those that stay beneath ROOT, none, or all"
        ),
    )
    hidden: bool = field(
        default=False,
        metadata=switch_option(
            "whether names with a leading dot are served; /.well-known/ always is"
        ),
    )
    precompressed: bool = field(
        default=True,
        metadata=switch_option(
            "whether NAME.zst, NAME.br and NAME.gz beside NAME are sent to clients that accept them"
        ),
    )
    compress: bool = field(
        default=False,
        metadata=switch_option(
            "whether preloaded text of 1 KiB and more that has no such file is compressed in memory"
        ),
    )
    dictionaries: bool = field(
        default=False,
        metadata=switch_option(
            "whether clients that have an older version are sent NAME.<digest>.dcz, which"
            " `evloop compress --against` makes, instead of NAME"
        ),
    )
    type: tuple[str, ...] = field(
        default=(),
        metadata=texts_option(
            ".EXT=TYPE",
            "media type of names with this ending; may be repeated",
            check_type,
            may_be_empty=True,
        ),
    )
    cors: tuple[str, ...] = field(
        default=(),
        metadata=texts_option(
            "ORIGIN",
            "origin whose scripts may read the files, as https://app.example, or * for all;"
            " may be repeated",
            check_origin,
            may_be_empty=True,
        ),
    )
    isolate: bool = field(
        default=False,
        metadata=switch_option("whether pages are isolated, which SharedArrayBuffer needs"),
    )
    htpasswd: str = field(
        default="",
        metadata=text_option(
            "FILE",
            "users and password hashes, as htpasswd -B makes them, that the site asks for",
            check_optional_path,
            guards=True,
        ),
    )
