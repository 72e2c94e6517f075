"""What is answered for a directory: a listing where it has no index, and an archive on demand."""

from typing import Protocol

from evloop.http.request import Request
from evloop.http.response import Field, Response
from evloop.http.target import Target
from evloop.site.listing_query import View, parse_view

MAX_ARCHIVES = 16
"""Archives that are at work at once; others are told to come again."""
ARCHIVE_SIZE = 256 * 1024
"""Bytes that one of them keeps, at most, but for names that are being sorted: a piece, 64 KiB of
the spool, and of each directory that it is in, 64 at most, a slice and two generators."""

_ARCHIVE = b"archive="


class Responder(Protocol):
    """Makes responses of one kind for directories."""

    def response(
        self, request: Request, target: Target, view: View, general: list[Field]
    ) -> Response:
        """Return the response for the directory at *target*.

        *general* are the fields of all responses. Raises OSError, RequestError.
        """


class Directories:
    """Answers for directories by what is switched on; None: it is off."""

    __slots__ = ("_archives", "_listings")

    def __init__(
        self, listings: Responder | None = None, archives: Responder | None = None
    ) -> None:
        self._listings = listings
        self._archives = archives

    @property
    def lists(self) -> bool:
        """Whether directories without an index are listed."""
        return self._listings is not None

    def is_archive(self, target: Target) -> bool:
        """Whether *target* asks for a directory as an archive."""
        return self._archives is not None and target.is_directory and _ARCHIVE in target.query

    def archive(self, request: Request, target: Target, general: list[Field]) -> Response:
        """Return the archive that is asked for; raise OSError or RequestError if there is none."""
        assert self._archives is not None
        return self._archives.response(request, target, parse_view(target.query), general)

    def listing(self, request: Request, target: Target, general: list[Field]) -> Response:
        """Return the listing of a directory without an index, where directories are listed.

        Raises what Responder says.
        """
        assert self._listings is not None
        return self._listings.response(request, target, parse_view(target.query), general)

    def answers(self, target: Target) -> bool:
        """Whether a directory is answered without an index; *target* lacks its slash."""
        return self._listings is not None or (
            self._archives is not None and _ARCHIVE in target.query
        )


NO_DIRECTORIES = Directories()
"""Directories are answered by their index files alone."""
