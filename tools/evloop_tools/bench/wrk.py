"""Driving a server with wrk, through a generated Lua script.

The script fixes the request heads byte by byte, counts, and reports in the terms of
lab.conversation; what wrk itself prints is not used.
"""

import json
import math
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from evloop_tools.lab.conversation import Conversation
from evloop_tools.lab.driver import CPU, LoadReport
from evloop_tools.load.endpoint import parse_url
from evloop_tools.load.orders import Run

# A response slower than this counts as an error, in seconds.
TIMEOUT = 30

# What wrk may take beyond its duration before we give it up, in seconds.
GRACE = 15

# The same head for every request: wrk builds it once.
_FIXED = """
function wrk.init(arguments)
   wrk.request = function() return lines[1] .. fields .. ending end
end
"""

# A head for each request. The count of those sent at the moment when the load has settled,
# and at the end, bounds the requests that the server's CPU time is divided by.
_VARIED = """
sent, settled = 0, 0
local started = 0
local serial = {serial}
function request()
   sent = sent + 1
   if settled == 0 and {settle} > 0 then
      local now = os.time()
      if started == 0 then started = now end
      if now - started >= {settle} then
         settled = sent
         say('{{"event":"settled"}}')
      end
   end
   local unique = serial and tostring(sent) or ""
   return lines[sent % #lines + 1] .. fields .. unique .. ending
end
"""

_COMMON = """
local lines = {{{lines}}}
local fields = {fields}
local ending = {end}
local threads = {{}}
function setup(thread) table.insert(threads, thread) end
local function say(message)
   io.write("bench:" .. message .. "\\n")
   io.flush()
   io.read("*l")
end
{requests}
function done(summary, latency)
   local e = summary.errors
   say(string.format(
      '{{"event":"done","requests":%d,"bytes":%d,"seconds":%.6f,"sent":%d,"settled":%d,' ..
      '"latency":{{"50":%.1f,"90":%.1f,"99":%.1f}},' ..
      '"errors":{{"connect errors":%d,"read errors":%d,"write errors":%d,' ..
      '"statuses of 400 or more":%d,"timeouts":%d}}}}',
      summary.requests, summary.bytes, summary.duration / 1e6,
      threads[1]:get("sent") or 0, threads[1]:get("settled") or 0,
      latency:percentile(50), latency:percentile(90), latency:percentile(99),
      e.connect, e.read, e.write, e.status, e.timeout))
end
"""


def script(order: Run) -> str:
    """Return the Lua script with which wrk, in one thread, carries out *order*."""
    endpoint = parse_url(order.url)
    lines = [
        f"GET {endpoint.prefix}{wanted.path} HTTP/1.1\r\nHost: {endpoint.host}\r\n"
        for wanted in order.files
    ]
    fields, end = order.fields, "\r\n"
    if order.serial:
        fields, end = f"{fields}Cookie: theme=dark; visit={order.serial}-", "\r\n\r\n"
    is_varied = len(lines) > 1 or order.serial or order.settle
    settle = math.ceil(order.settle)
    return _COMMON.format(
        # JSON's escapes for printable ASCII, CR and LF are Lua's too.
        lines=", ".join(map(json.dumps, lines)),
        fields=json.dumps(fields),
        end=json.dumps(end),
        requests=_VARIED.format(serial=json.dumps(bool(order.serial)), settle=settle)
        if is_varied
        else _FIXED,
    )


@dataclass(frozen=True, slots=True)
class Wrk:
    """wrk in one thread, found at *program*."""

    program: str

    @classmethod
    def find(cls) -> "Wrk | None":
        """Return wrk when it is installed."""
        program = shutil.which("wrk")
        return cls(program) if program else None

    def drive(self, order: Run, cpu: CPU) -> LoadReport:
        """Carry out *order*; its time is rounded up to whole seconds, which wrk wants."""
        seconds = max(1, math.ceil(order.seconds + order.settle))
        with tempfile.NamedTemporaryFile("w", prefix="bench-", suffix=".lua") as lua:
            lua.write(script(order))
            lua.flush()
            before, spent_before = cpu(), 0.0
            with Conversation(self._command(order, seconds, Path(lua.name))) as wrk:
                if order.settle:
                    wrk.expect("settled", seconds + GRACE)
                    before, spent_before = cpu(), wrk.cpu_seconds()
                    wrk.say()
                event = wrk.expect("done", seconds + GRACE)
                return LoadReport.of(event, cpu() - before, wrk.cpu_seconds() - spent_before)

    def _command(self, order: Run, seconds: int, lua: Path) -> list[str]:
        settings = {
            "--threads": 1,
            "--connections": order.clients,
            "--duration": f"{seconds}s",
            "--timeout": f"{TIMEOUT}s",
            "--script": lua,
        }
        options = [str(part) for setting in settings.items() for part in setting]
        return [self.program, *options, parse_url(order.url).url]
