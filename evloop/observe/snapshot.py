"""The figures of a server at one moment."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from evloop.net.lag import LagFigures


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Sizes are in bytes; counters are since the start.

    `connections` counts them by state. `downloads` are the responses that are streamed from a
    file now; `download_sizes` are the sizes of their files. `bytes_to_send` is what responses
    still have to send, `bytes_buffered` what was received and not answered yet. `streams` are
    those of HTTP/2 that are open. `ends` counts the responses that did not complete, by reason;
    `refusals` are responses that told a client of a limit, `refused_connections` those over the
    limit of one address. `refills` counts reads of streamed files, `waits` those that found
    nothing in memory and `blocking_reads` those that went to the disk. `lag` is how long the
    turns of the loop took. `handshakes` were begun; `handshakes_resumed` of them needed no
    certificate, and `handshake_failures` counts those that did not finish, by reason.
    `tls_hellos` are clients that began TLS on a plain port.
    """

    connections: Mapping[str, int]
    downloads: int
    download_sizes: tuple[int, ...]
    bytes_to_send: int
    bytes_buffered: int
    bytes_preloaded: int
    files_preloaded: int
    streams: int
    responses: int
    bytes_sent: int
    ends: Mapping[str, int]
    refusals: int
    refused_connections: int
    refills: int
    waits: int
    blocking_reads: int
    lag: LagFigures
    handshakes: int = 0
    handshakes_resumed: int = 0
    handshake_failures: Mapping[str, int] = field(default_factory=dict)
    tls_hellos: int = 0

    @property
    def load_all(self) -> int:
        """Bytes that loading the files of all present downloads would take."""
        return sum(self.download_sizes)


NO_FIGURES = Snapshot(
    connections={},
    downloads=0,
    download_sizes=(),
    bytes_to_send=0,
    bytes_buffered=0,
    bytes_preloaded=0,
    files_preloaded=0,
    streams=0,
    responses=0,
    bytes_sent=0,
    ends={},
    refusals=0,
    refused_connections=0,
    refills=0,
    waits=0,
    blocking_reads=0,
    lag=LagFigures(0.0, 0.0, 0.0, 0),
)
"""Those of a server that has not begun."""
