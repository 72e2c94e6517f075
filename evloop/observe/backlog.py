"""Bytes that wait to be written, in little more memory than they have.

One bytearray would do, but while it grows both the old and the new allocation are there, each an
eighth larger than the content: 2.25 times its size, by measure. Here only the last segment grows.
"""

from collections import deque

SEGMENT_SIZE = 64 * 1024
"""Bytes of one segment: as many as one write to a file takes."""


class Backlog:
    """A queue of lines, which are taken off in pieces."""

    __slots__ = ("_segments", "_size")

    def __init__(self) -> None:
        self._segments: deque[bytearray] = deque()
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def append(self, line: bytes) -> None:
        """Put *line* at the end. It is in one segment, which it may exceed."""
        segments = self._segments
        if segments and len(segments[-1]) + len(line) <= SEGMENT_SIZE:
            segments[-1] += line
        elif line:
            segments.append(bytearray(line))
        self._size += len(line)

    def first(self, limit: int) -> bytes:
        """Return the first lines that fit into *limit* bytes; *limit* bytes of a longer line.

        They may be fewer, but some unless the backlog is empty. A pipe takes up to PIPE_BUF bytes
        in one piece (POSIX, write()), so that lines of several writers do not mix.
        """
        if not self._segments:
            return b""
        segment = self._segments[0]
        if len(segment) > limit:
            limit = segment.rfind(b"\n", 0, limit) + 1 or limit
        return bytes(segment[:limit])

    def remove(self, count: int) -> None:
        """Take off *count* bytes, no more than first() has returned."""
        segment = self._segments[0]
        del segment[:count]
        self._size -= count
        if not segment:
            self._segments.popleft()

    def clear(self) -> bytes:
        """Take off all bytes and return them."""
        left = b"".join(self._segments)
        self._segments.clear()
        self._size = 0
        return left
