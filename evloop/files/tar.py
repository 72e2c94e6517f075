"""The tar format of POSIX (pax), for an archive that is sent while it is made."""

import tarfile
from collections.abc import Iterator

from evloop.files.tree import Member

_END = bytes(2 * tarfile.BLOCKSIZE)


class TarFormat:
    """The bytes around the contents of members. Owners and modes are not told, but a fixed mode."""

    __slots__ = ("_size",)

    needs_checksum = False

    def __init__(self) -> None:
        self._size = 0  # bytes of the present member

    def begin(self, member: Member) -> bytes:
        """Return what stands before the content of *member*."""
        self._size = member.size
        info = tarfile.TarInfo(member.name.decode("utf-8", "surrogateescape"))
        info.size, info.mtime = member.size, member.mtime
        info.type, info.mode = tarfile.REGTYPE, 0o644
        if member.is_directory:
            info.type, info.mode = tarfile.DIRTYPE, 0o755
        return info.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")

    def end(self, checksum: int) -> bytes:
        """Return what stands behind the content: zeros up to a whole block."""
        return bytes(-self._size % tarfile.BLOCKSIZE)

    def finish(self) -> Iterator[bytes]:
        """Yield what stands behind the last member."""
        yield _END

    def close(self) -> None:
        """Release nothing."""
