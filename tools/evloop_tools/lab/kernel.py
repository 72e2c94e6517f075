"""TCP memory of the whole machine, which no process figure contains.

What a slow client has not read waits in the kernel's send queue, not in the server's
pages. Under slow downloads it is the larger part by far.

Source: /proc/net/sockstat, whose "mem" counts pages over IPv4 and IPv6 together
(sockstat6 has no figure of its own) and over all network namespaces; the limits in
/proc/sys/net/ipv4/tcp_mem, in pages, see tcp(7).
"""

import resource
from dataclasses import dataclass
from pathlib import Path

_SOCKSTAT = Path("/proc/net/sockstat")
_TCP_MEM = Path("/proc/sys/net/ipv4/tcp_mem")


@dataclass(frozen=True, slots=True)
class KernelTcp:
    """Bytes of all TCP sockets of the machine; *limit* is where the kernel refuses more."""

    used: int
    limit: int | None


def read_kernel_tcp() -> KernelTcp | None:
    """Return the TCP memory of the machine; None where the platform does not say."""
    try:
        pages = parse_sockstat(_SOCKSTAT.read_text("ascii"))
    except OSError:
        return None
    if pages is None:
        return None
    size = resource.getpagesize()
    try:
        limit = int(_TCP_MEM.read_text("ascii").split()[2]) * size
    except (OSError, ValueError, IndexError):
        limit = None
    return KernelTcp(pages * size, limit)


def parse_sockstat(text: str) -> int | None:
    """Return the pages in the "TCP:" line of *text*; None without one."""
    for line in text.splitlines():
        words = line.split()
        if words[:1] == ["TCP:"] and "mem" in words:
            return int(words[words.index("mem") + 1])
    return None
