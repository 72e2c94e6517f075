"""The access log: one line per response, in the combined format or as JSON.

The combined line has two more fields at its end: the seconds that the response took, with six
decimals, and the reason of its end. What came from a client is escaped, so that no request can
forge a line or send an escape sequence to a terminal.
"""

import json
import re
import time
from collections.abc import Callable

from evloop.observe.exchange import EndReason, Exchange
from evloop.observe.logwriter import LogWriter
from evloop.settings.choices import LogFormat

_FIELDS = {
    name: re.compile(rb"\r\n" + name.encode() + rb":[ \t]*([^\r\n]*)", re.IGNORECASE)
    for name in ("referer", "user-agent")
}
_MAX_LINE = 2 * 1024  # bytes of a request line that are logged; escaped, each takes up to four
_ESCAPED = {code: f"\\x{code:02x}" for code in (*range(32), ord('"'), ord("\\"), *range(127, 256))}


class AccessLog:
    """Writes finished exchanges to a sink.

    *clock* is the one on which exchanges have started.
    """

    def __init__(
        self,
        sink: LogWriter,
        log_format: LogFormat,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.sink = sink
        self._clock = clock
        self._line = _combined_line
        if log_format is LogFormat.JSON:
            self._line = _json_line
            sink.lost_line = _json_lost_line

    def write(self, peer: str, exchange: Exchange, end: EndReason, now: float) -> None:
        """Write one response; *now* is when the loop's present turn began.

        The duration counts to this call, since a response may take all of its time within one
        turn.
        """
        duration = max(0.0, self._clock() - exchange.started)
        line = self._line(peer, exchange, end, duration, time.time())
        self.sink.write(line.encode() + b"\n", now)


def _combined_line(
    peer: str, exchange: Exchange, end: EndReason, duration: float, wall: float
) -> str:
    at = time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(wall))
    referer, user_agent = _field(exchange, "referer"), _field(exchange, "user-agent")
    return (
        f'{peer} - {_user(exchange)} [{at}] "{_request_line(exchange)}" {exchange.status}'
        f' {exchange.body_sent} "{referer or "-"}" "{user_agent or "-"}" {duration:.6f} {end.value}'
    )


def _json_line(peer: str, exchange: Exchange, end: EndReason, duration: float, wall: float) -> str:
    record = {
        "time": _iso_time(wall),
        "address": peer,
        "request": _request_line(exchange),
        "status": exchange.status,
        "bytes": exchange.body_sent,
        "seconds": round(duration, 6),
        "end": end.value,
        "referer": _field(exchange, "referer"),
        "user_agent": _field(exchange, "user-agent"),
    }
    if exchange.user:
        record["user"] = escape(exchange.user)
    if exchange.refusal:
        record["refusal"] = exchange.refusal
    security = exchange.security
    if security is not None:
        record["tls"], record["cipher"] = security.version, security.cipher
        if security.subject:
            record["subject"] = security.subject
    return json.dumps(record)


def _json_lost_line(count: int) -> bytes:
    return json.dumps({"time": _iso_time(time.time()), "lost": count}).encode() + b"\n"


def _iso_time(wall: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(wall))


def _request_line(exchange: Exchange) -> str:
    line, _, _ = exchange.request_head[:_MAX_LINE].lstrip(b"\r\n").partition(b"\r\n")
    return escape(line)


def _user(exchange: Exchange) -> str:
    # The third field ends at a space, and a dash says that there was none.
    user = escape(exchange.user or _subject(exchange)).replace(" ", "\\x20")
    return "\\x2d" if user == "-" else user or "-"


def _field(exchange: Exchange, name: str) -> str:
    found = _FIELDS[name].search(exchange.request_head)
    return escape(found[1]) if found is not None else ""


def _subject(exchange: Exchange) -> bytes:
    """Return the subject of the client's certificate; empty without one."""
    return exchange.security.subject.encode() if exchange.security is not None else b""


def escape(value: bytes) -> str:
    """Return *value* as printable ASCII: other bytes, quotes and backslashes become \\xHH."""
    return value.decode("latin-1").translate(_ESCAPED)
