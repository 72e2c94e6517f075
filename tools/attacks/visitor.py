"""The well-behaved client whose patience is what an attack is measured by."""

import socket
import statistics
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from attacks.target import Address

_PAUSE = 0.005  # seconds between two requests
_PATIENCE = 10.0


class Latency(NamedTuple):
    """Seconds that answers took, from the request (or the connect) to the last byte."""

    p50: float
    p99: float
    maximum: float
    requests: int

    def __str__(self) -> str:
        times = (f"{seconds * 1000:.2f}" for seconds in (self.p50, self.p99, self.maximum))
        return "p50 {} ms, p99 {} ms, max {} ms".format(*times) + f" ({self.requests} requests)"


def latency_of(samples: Sequence[float]) -> Latency:
    """Return the figures of *samples*, which are not empty."""
    ordered = sorted(samples)
    p99 = ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]
    return Latency(statistics.median(ordered), p99, ordered[-1], len(ordered))


def median_of(rounds: Sequence[Latency]) -> Latency:
    """Return the medians of several measurements, field by field."""
    columns = [statistics.median(column) for column in zip(*rounds, strict=True)]
    return Latency(columns[0], columns[1], columns[2], int(columns[3]))


class Visitor:
    """Asks for a small file, by turns on a connection that it keeps and on a new one.

    Raises AssertionError when an answer is not *content* with status 200, RuntimeError when there
    is none in time.
    """

    def __init__(self, address: Address, target: str, content: bytes) -> None:
        self._address = address
        self._request = f"GET {target} HTTP/1.1\r\nHost: localhost\r\n".encode()
        self._content = content
        self._kept = socket.create_connection(address, _PATIENCE)

    def close(self) -> None:
        self._kept.close()

    def measure(self, seconds: float) -> Latency:
        """Ask for *seconds* and return how long the answers took."""
        return latency_of(self.sample(seconds))

    def sample(self, seconds: float) -> list[float]:
        """Like measure(), each request by itself."""
        samples = []
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            samples += [self._ask(self._on_kept), self._ask(self._on_new)]
            time.sleep(_PAUSE)
        return samples

    def _ask(self, how: Callable[[], bytes]) -> float:
        began = time.perf_counter()
        answer = how()
        took = time.perf_counter() - began
        head, _, body = answer.partition(b"\r\n\r\n")
        status = head.partition(b"\r\n")[0]
        assert b" 200 " in status, f"the good client got {status or 'nothing'!r}"
        assert body == self._content, "these are not the bytes of the file"
        return took

    def _on_kept(self) -> bytes:
        self._kept.sendall(self._request + b"\r\n")
        answer = self._receive(self._kept)
        if b"connection: close" in answer.partition(b"\r\n\r\n")[0].lower():
            self._kept.close()  # some servers do so after a number of requests
            self._kept = socket.create_connection(self._address, _PATIENCE)
        return answer

    def _on_new(self) -> bytes:
        with socket.create_connection(self._address, _PATIENCE) as sock:
            sock.sendall(self._request + b"Connection: close\r\n\r\n")
            return self._receive(sock)

    def _receive(self, sock: socket.socket) -> bytes:
        answer = b""
        while len(answer.partition(b"\r\n\r\n")[2]) < len(self._content):
            try:
                piece = sock.recv(256 * 1024)
            except TimeoutError as error:
                raise RuntimeError(f"the good client waits for {_PATIENCE:g} s") from error
            if not piece:
                break
            answer += piece
        return answer
