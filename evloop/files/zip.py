"""The zip format, for an archive that is sent while it is made (PKWARE's APPNOTE 6.3.10).

Members are stored as they are. Their checksums are not known before their bytes were sent, so
each is followed by a data descriptor (section 4.3.9). Sizes and offsets that 32 bits do not hold
are in the fields of Zip64 (section 4.5.3). The central directory waits in a spool. The standard
library's zipfile keeps an object for each member until the end.
"""

import struct
from collections.abc import Iterator
from datetime import datetime, timedelta

from evloop.files.spool import Spool
from evloop.files.tree import Member

_LOCAL = struct.Struct("<4s5H3L2H")  # section 4.3.7
_CENTRAL = struct.Struct("<4s6H3L5H2L")  # section 4.3.12
_DESCRIPTOR = struct.Struct("<4s3L")
_DESCRIPTOR_64 = struct.Struct("<4sL2Q")
_END = struct.Struct("<4s4H2LH")  # section 4.3.16
_END_64 = struct.Struct("<4sQ2H2L4Q")  # section 4.3.14
_LOCATOR_64 = struct.Struct("<4sLQL")  # section 4.3.15

_MOST_16, _MOST_32 = 0xFFFF, 0xFFFFFFFF
_VERSION, _VERSION_64 = 20, 45  # section 4.4.3: directories, and Zip64
_MADE_BY_UNIX = 3 << 8
_HAS_DESCRIPTOR, _IS_UTF_8 = 1 << 3, 1 << 11  # section 4.4.4
_FILE_ATTRIBUTES = 0o100644 << 16  # as Unix has them in the upper half
_DIRECTORY_ATTRIBUTES = 0o040755 << 16 | 0x10  # and the bit of MS-DOS
_EPOCH = datetime(1970, 1, 1)
# Seconds: what dates of MS-DOS can tell, 1980 to 2107.
_FIRST_DOS, _LAST_DOS = 315_532_800, 4_354_819_199
_TIME_FIELD = struct.Struct("<2HBl")  # "UT" of Info-ZIP: the seconds of Unix, in 32 bits


class ZipFormat:
    """The bytes around the contents of members. Owners and modes are not told, but a fixed mode."""

    __slots__ = ("_count", "_flags", "_member", "_offset", "_spool", "_start")

    needs_checksum = True

    def __init__(self) -> None:
        self._spool = Spool()
        self._count = 0
        self._offset = 0  # bytes of the archive so far
        self._start = 0  # where the present member begins
        self._member = Member(b"", 0, 0)
        self._flags = 0

    def begin(self, member: Member) -> bytes:
        """Return what stands before the content of *member*."""
        self._member, self._start = member, self._offset
        self._flags = _IS_UTF_8 if _is_utf_8(member.name) else 0
        if not member.is_directory:
            self._flags |= _HAS_DESCRIPTOR
        extra, size = _time_field(member.mtime), 0
        if self._is_large:
            extra += struct.pack("<2H2Q", 1, 16, 0, 0)
            size = _MOST_32
        time, date = _dos_time(member.mtime)
        head = _LOCAL.pack(
            b"PK\3\4",
            self._version,
            self._flags,
            0,
            time,
            date,
            0,
            size,
            size,
            len(member.name),
            len(extra),
        )
        head += member.name + extra
        self._offset += len(head) + member.size
        return head

    def end(self, checksum: int) -> bytes:
        """Return what stands behind the content, whose CRC-32 is *checksum*."""
        size = self._member.size
        self._spool.write(self._central(checksum))
        self._count += 1
        if self._member.is_directory:
            return b""
        layout = _DESCRIPTOR_64 if self._is_large else _DESCRIPTOR
        descriptor = layout.pack(b"PK\7\10", checksum, size, size)
        self._offset += len(descriptor)
        return descriptor

    def finish(self) -> Iterator[bytes]:
        """Yield what stands behind the last member: the central directory. Raises OSError."""
        yield from self._spool.pieces()
        count, size, start = self._count, self._spool.size, self._offset
        ending = b""
        if count >= _MOST_16 or size >= _MOST_32 or start >= _MOST_32:
            made_by = _MADE_BY_UNIX | _VERSION_64
            ending = _END_64.pack(
                b"PK\6\6", 44, made_by, _VERSION_64, 0, 0, count, count, size, start
            )
            ending += _LOCATOR_64.pack(b"PK\6\7", 0, start + size, 1)
        count, size, start = min(count, _MOST_16), min(size, _MOST_32), min(start, _MOST_32)
        yield ending + _END.pack(b"PK\5\6", 0, 0, count, count, size, start, 0)

    def close(self) -> None:
        """Release what waits. May be called again."""
        self._spool.close()

    @property
    def _is_large(self) -> bool:
        return self._member.size >= _MOST_32

    @property
    def _version(self) -> int:
        return _VERSION_64 if self._is_large else _VERSION

    def _central(self, checksum: int) -> bytes:
        """Return the entry of the present member in the central directory."""
        member, start = self._member, self._start
        numbers = [member.size, member.size] if self._is_large else []
        if start >= _MOST_32:
            numbers.append(start)
        extra = _time_field(member.mtime)
        if numbers:
            extra += struct.pack(f"<2H{len(numbers)}Q", 1, 8 * len(numbers), *numbers)
        version = _VERSION_64 if numbers else _VERSION
        size = min(member.size, _MOST_32)
        time, date = _dos_time(member.mtime)
        attributes = _DIRECTORY_ATTRIBUTES if member.is_directory else _FILE_ATTRIBUTES
        head = _CENTRAL.pack(
            b"PK\1\2",
            _MADE_BY_UNIX | version,
            version,
            self._flags,
            0,
            time,
            date,
            checksum,
            size,
            size,
            len(member.name),
            len(extra),
            0,
            0,
            0,
            attributes,
            min(start, _MOST_32),
        )
        return head + member.name + extra


def _is_utf_8(name: bytes) -> bool:
    try:
        name.decode()
    except UnicodeDecodeError:
        return False
    return True


def _time_field(mtime: int) -> bytes:
    """Return the extra field with the time in UTC; none for what 32 bits do not hold."""
    if not -(1 << 31) <= mtime < 1 << 31:
        return b""
    return _TIME_FIELD.pack(0x5455, 5, 1, mtime)


def _dos_time(mtime: int) -> tuple[int, int]:
    """Return time and date as MS-DOS has them (section 4.4.6), in UTC."""
    at = _EPOCH + timedelta(seconds=min(max(mtime, _FIRST_DOS), _LAST_DOS))
    time = at.hour << 11 | at.minute << 5 | at.second // 2
    return time, (at.year - 1980) << 9 | at.month << 5 | at.day
