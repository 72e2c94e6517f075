"""Directories as archives: which format is asked for, and the fields of the response."""

from collections.abc import Callable
from urllib.parse import quote

from evloop.files.archive import ArchiveBody, Format
from evloop.files.content import Budget
from evloop.files.folder import Folder
from evloop.files.reader import Reader
from evloop.files.root import Root
from evloop.files.tar import TarFormat
from evloop.files.tree import Tree
from evloop.files.zip import ZipFormat
from evloop.http.request import Request, RequestError
from evloop.http.response import Field, Response
from evloop.http.target import Target
from evloop.site.directories import MAX_ARCHIVES
from evloop.site.fields import NOSNIFF, RETRY_AFTER
from evloop.site.listing_query import View

_TOP = b"root"  # what the directory is called that has no name in any address
_FORMATS: dict[bytes, tuple[Callable[[], Format], bytes]] = {
    b"tar": (TarFormat, b"application/x-tar"),
    b"zip": (ZipFormat, b"application/zip"),
}


class Archives:
    """Makes the responses that send directories beneath *root* whole.

    *budget* is for names that are being sorted, *unserved* are paths that are left out. `at_work`
    is the number of bodies that are not closed.
    """

    __slots__ = ("_budget", "_hidden", "_reader", "_root", "_unserved", "at_work")

    def __init__(
        self,
        root: Root,
        reader: Reader,
        budget: Budget,
        *,
        hidden: bool,
        unserved: frozenset[bytes] = frozenset(),
    ) -> None:
        self._root = root
        self._reader = reader
        self._budget = budget
        self._hidden = hidden
        self._unserved = unserved
        self.at_work = 0

    def response(
        self, request: Request, target: Target, view: View, general: list[Field]
    ) -> Response:
        """Return the archive of the directory at *target*; *general* are fields of all responses.

        Raises OSError when the directory can't be read; RequestError 400 for a format that is
        not known, 503 when too many are at work.
        """
        if view.archive not in _FORMATS:
            raise RequestError(400, "archives are tar or zip")
        Folder(self._root, target.path, hidden=self._hidden).close()
        new_format, media_type = _FORMATS[view.archive]
        top = target.path.rpartition(b"/")[2] or _TOP
        fields: list[Field] = [
            *general,
            (b"Content-Type", media_type),
            (b"Content-Disposition", disposition(top + b"." + view.archive)),
            (b"Cache-Control", b"no-cache"),
            NOSNIFF,
        ]
        if request.method == b"HEAD":
            return Response(200, fields)
        if self.at_work >= MAX_ARCHIVES:
            raise RequestError(503, "too many archives at work", (RETRY_AFTER,))
        tree = Tree(
            self._root,
            target.path,
            top,
            self._budget,
            hidden=self._hidden,
            unserved=self._unserved,
        )
        self.at_work += 1
        body = ArchiveBody(tree.members(), new_format(), self._reader, self._ended)
        return Response(200, fields, body=body)

    def _ended(self) -> None:
        self.at_work -= 1


def disposition(name: bytes) -> bytes:
    """Return the Content-Disposition of a file to be saved as *name* (RFC 6266).

    The plain form has an underscore for each character that is not printable ASCII, or that
    some programs take for an escape; the other one is that of RFC 8187, in UTF-8.
    """
    text = name.decode("utf-8", "replace")
    plain = "".join(each if " " <= each <= "~" and each not in '"\\%/' else "_" for each in text)
    if plain == text:
        return f'attachment; filename="{plain}"'.encode()
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(text, safe='')}".encode()
