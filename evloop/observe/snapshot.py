"""What a server tells of itself at one moment."""

from collections.abc import Mapping
from dataclasses import dataclass

from evloop.net.lag import LagFigures


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Sizes in bytes; counters since the start.

    `downloads` are the responses that are being streamed from a file; `download_sizes` are
    the sizes of their files, which is what loading them whole would take. `ends` counts the
    responses that did not complete, by reason; `refusals` are responses that told a client
    of a limit, `refused_connections` those over the limit of one address. `waits` counts
    reads that found nothing in memory, `blocking_reads` those that went to the disk.
    """

    connections: Mapping[str, int]
    downloads: int
    download_sizes: tuple[int, ...]
    bytes_to_send: int
    bytes_buffered: int
    bytes_preloaded: int
    files_preloaded: int
    responses: int
    bytes_sent: int
    ends: Mapping[str, int]
    refusals: int
    refused_connections: int
    refills: int
    waits: int
    blocking_reads: int
    lag: LagFigures

    @property
    def load_all(self) -> int:
        """Bytes that loading the files of all present downloads would take."""
        return sum(self.download_sizes)
