"""The servers in Python that people choose for files, each as its manual says.

They run in an interpreter of their own choice (`--peer-python`), which need not have what
the benchmark itself wants. Each is one process; uvicorn gets uvloop and httptools when they
are there, as `uvicorn[standard]` installs them.
"""

from dataclasses import dataclass, field
from typing import Any

from evloop_tools.lab.servers.base import (
    PATIENCE,
    Kind,
    Launch,
    Server,
    Setup,
    Transfer,
    ask_program,
    first_line,
)

_HTTP_SERVER = """\
import functools, http.server

class Handler(http.server.SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments):
        pass

handler = functools.partial(Handler, directory={root!r})
http.server.ThreadingHTTPServer.request_queue_size = 4096
http.server.ThreadingHTTPServer(("127.0.0.1", {port}), handler).serve_forever()
"""

_STARLETTE = """\
import uvicorn
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

app = Starlette(routes=[Mount("/", StaticFiles(directory={root!r}))])
uvicorn.run(app, host="127.0.0.1", port={port}, access_log=False, log_level="critical",
            backlog=4096, timeout_keep_alive={patience})
"""

_AIOHTTP = """\
import os
if not {sendfile}:
    os.environ["AIOHTTP_NOSENDFILE"] = "1"
from aiohttp import web

app = web.Application()
app.router.add_static("/", {root!r})
web.run_app(app, host="127.0.0.1", port={port}, access_log=None, print=None, backlog=4096,
            keepalive_timeout={patience})
"""

_TORNADO = """\
import asyncio
from tornado.httpserver import HTTPServer
from tornado.log import access_log
from tornado.web import Application, StaticFileHandler

async def main():
    access_log.disabled = True
    app = Application([("/(.*)", StaticFileHandler, {{"path": {root!r}}})],
                      log_function=lambda handler: None)
    server = HTTPServer(app, idle_connection_timeout={patience})
    server.listen({port}, "127.0.0.1", backlog=4096)
    await asyncio.Event().wait()

asyncio.run(main())
"""

_TWISTED = """\
from twisted.internet import reactor
from twisted.web.server import Site
from twisted.web.static import File

class Quiet(Site):
    def log(self, request):
        pass

reactor.listenTCP({port}, Quiet(File({root!r}), timeout={patience}), backlog=4096,
                  interface="127.0.0.1")
reactor.run()
"""

_WHITENOISE = """\
from gunicorn.app.base import BaseApplication
from whitenoise import WhiteNoise

def not_found(environ, start_response):
    start_response("404 Not Found", [("Content-Length", "0")])
    return [b""]

class Gunicorn(BaseApplication):
    def load_config(self):
        settings = dict(bind="127.0.0.1:{port}", workers=1, worker_class="gthread", threads=4,
                        worker_connections={connections}, keepalive={patience}, backlog=4096,
                        timeout={patience}, loglevel="critical", control_socket_disable=True,
                        sendfile=None if {sendfile} else False)  # any value switches it off
        for name, value in settings.items():  # older versions have no control socket
            if name in self.cfg.settings:
                self.cfg.set(name, value)

    def load(self):
        return WhiteNoise(not_found, root={root!r})

Gunicorn().run()
"""

_GRANIAN = """\
from granian import Granian
from granian.constants import Interfaces
from pathlib import Path

Granian("bench_application:app", address="127.0.0.1", port={port}, interface=Interfaces.ASGI,
        workers=1, runtime_threads=1, log_enabled=False, backlog=4096, backpressure={connections},
        static_path_route=["/static"], static_path_mount=[Path({root!r})]).serve()
"""

_GRANIAN_APPLICATION = """\
async def app(scope, receive, send):
    await send({"type": "http.response.start", "status": 404, "headers": []})
    await send({"type": "http.response.body", "body": b""})
"""

_SCRIPT = "server.py"

# Prints the version of the first module, and fails when one of them can't be imported.
_PROBE = """\
import importlib, importlib.metadata, platform, sys
for module in sys.argv[2:]:
    try:
        importlib.import_module(module)
    except ImportError:
        sys.exit(module + " is not there")
version = importlib.metadata.version
print(" ".join(f"{name} {version(name)}" for name in sys.argv[1].split(",") if name),
      "Python", platform.python_version())
"""


@dataclass(frozen=True, slots=True)
class PythonPeer(Server):
    """A Python server: a script, and what must be importable for it to run.

    *packages* are the distributions whose versions are shown.
    """

    python: str
    script: str
    modules: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    more_files: tuple[tuple[str, str], ...] = ()
    kind: Kind = field(default=Kind.PYTHON, kw_only=True)

    def missing(self) -> str | None:
        is_there, said = ask_program(self._probe())
        last = said.rpartition("\n")[2]
        return None if is_there else f"{last} in {self.python}"

    def version(self) -> str:
        return first_line(self._probe())

    def _probe(self) -> list[str]:
        return [self.python, "-c", _PROBE, ",".join(self.packages), *self.modules]

    def launch(self, setup: Setup) -> Launch:
        """Return how it is started: by a script in the scratch directory."""
        script = self.script.format(
            root=str(setup.root),
            port=setup.port,
            connections=setup.connections,
            patience=PATIENCE,
            sendfile=setup.transfer is not Transfer.COPY,
        )
        files = {_SCRIPT: script, **dict(self.more_files)}
        return Launch((self.python, str(setup.scratch / _SCRIPT)), files)


def python_peers(python: str) -> tuple[PythonPeer, ...]:
    """Return the servers that run in the interpreter *python*."""
    both = frozenset({Transfer.COPY, Transfer.SENDFILE})

    def peer(name: str, script: str, *packages: str, **more: Any) -> PythonPeer:
        modules = more.pop("modules", packages)
        return PythonPeer(python, script, modules, packages, name=name, **more)

    return (
        peer("http.server", _HTTP_SERVER, modules=("http.server",)),
        peer("starlette", _STARLETTE, "starlette", "uvicorn"),
        peer("aiohttp", _AIOHTTP, "aiohttp", choices=both),
        peer("tornado", _TORNADO, "tornado"),
        peer("twisted", _TWISTED, "twisted", modules=("twisted.web",)),
        peer("whitenoise", _WHITENOISE, "whitenoise", "gunicorn", choices=both),
        peer(
            "granian",
            _GRANIAN,
            "granian",
            prefix="/static",
            more_files=(("bench_application.py", _GRANIAN_APPLICATION),),
        ),
    )
