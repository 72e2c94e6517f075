"""The servers that are programs of their own: nginx, lighttpd, Caddy and h2o."""

from dataclasses import dataclass

from evloop_tools.lab.servers.base import (
    PATIENCE,
    Launch,
    Program,
    Setup,
    Transfer,
)

_BOTH = frozenset({Transfer.COPY, Transfer.SENDFILE})

_NGINX = """\
daemon off;
pid {scratch}/nginx.pid;
error_log stderr crit;
worker_processes 1;
worker_rlimit_nofile {descriptors};
events {{
    worker_connections {connections};
}}
http {{
    include /etc/nginx/mime.types;
    default_type application/octet-stream;
    access_log off;
    sendfile {sendfile};
    tcp_nopush on;
    keepalive_requests 1000000000;
    keepalive_timeout {patience}s;
    send_timeout {patience}s;
    client_body_temp_path {scratch}/body;
    proxy_temp_path {scratch}/proxy;
    fastcgi_temp_path {scratch}/fastcgi;
    uwsgi_temp_path {scratch}/uwsgi;
    scgi_temp_path {scratch}/scgi;
{cache}    server {{
        listen 127.0.0.1:{port} backlog=4096;
        root {root};
    }}
}}
"""

_NGINX_CACHE = """\
    open_file_cache max=10000 inactive=60s;
    open_file_cache_valid 1s;
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Nginx(Program):
    """nginx; *caches_files* keeps descriptors and sizes for a second, as evloop does.

    *never_sendfile* has it copy file contents in every row.
    """

    name: str = "nginx"
    program: str = "nginx"
    choices: frozenset[Transfer] = _BOTH
    caches_files: bool = False
    never_sendfile: bool = False

    def launch(self, setup: Setup) -> Launch:
        """Return how it is started: sendfile on, as it is installed, unless COPY is asked."""
        copies = self.never_sendfile or setup.transfer is Transfer.COPY
        config = _NGINX.format(
            scratch=setup.scratch,
            connections=setup.connections,
            descriptors=setup.connections + 1024,
            sendfile="off" if copies else "on",
            patience=PATIENCE,
            cache=_NGINX_CACHE if self.caches_files else "",
            port=setup.port,
            root=setup.root,
        )
        path = str(setup.scratch / "nginx.conf")
        command = (self.command, "-e", "stderr", "-p", str(setup.scratch), "-c", path)
        return Launch(command, {"nginx.conf": config})


# 65535 requests per connection is the most it can be told; the load reconnects then. It
# takes half as many connections as it may open descriptors.
_LIGHTTPD = """\
server.document-root = "{root}"
server.bind = "127.0.0.1"
server.port = {port}
server.listen-backlog = 4096
server.max-connections = {connections}
server.max-fds = {descriptors}
server.max-keep-alive-requests = 65535
server.max-keep-alive-idle = {patience}
server.max-read-idle = {patience}
server.max-write-idle = {patience}
server.errorlog = "/dev/null"
{backend}mimetype.assign = (".html" => "text/html", ".bin" => "application/octet-stream")
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lighttpd(Program):
    """lighttpd in one process, with the stat cache that it has by default."""

    name: str = "lighttpd"
    choices: frozenset[Transfer] = _BOTH

    def launch(self, setup: Setup) -> Launch:
        """Return how it is started: with sendfile, its default, unless COPY is asked."""
        copies = setup.transfer is Transfer.COPY
        config = _LIGHTTPD.format(
            root=setup.root,
            port=setup.port,
            connections=setup.connections,
            descriptors=2 * setup.connections + 64,
            patience=PATIENCE,
            backend='server.network-backend = "writev"\n' if copies else "",
        )
        command = (self.command, "-D", "-f", str(setup.scratch / "lighttpd.conf"))
        return Launch(command, {"lighttpd.conf": config})


_CADDY = """\
{{
    admin off
    auto_https off
    log {{
        output discard
    }}
    servers {{
        protocols h1
        timeouts {{
            idle {patience}s
        }}
    }}
}}
http://127.0.0.1:{port} {{
    bind 127.0.0.1
    root * {root}
    file_server
}}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Caddy(Program):
    """Caddy on one processor, which stands for one worker."""

    name: str = "caddy"
    tells: str = "version"
    choices: frozenset[Transfer] = frozenset({Transfer.SENDFILE})

    def launch(self, setup: Setup) -> Launch:
        config = _CADDY.format(patience=PATIENCE, port=setup.port, root=setup.root)
        path = str(setup.scratch / "Caddyfile")
        command = (self.command, "run", "--adapter", "caddyfile", "--config", path)
        # What Caddy would write into the home directory belongs in the scratch directory.
        homes = {name: str(setup.scratch) for name in ("XDG_CADDY_HOME", "XDG_DATA_HOME")}
        return Launch(command, {"Caddyfile": config}, {"GOMAXPROCS": "1", **homes})


_H2O = """\
num-threads: 1
max-connections: {connections}
http1-request-timeout: {patience}
error-log: /dev/null
listen:
  host: 127.0.0.1
  port: {port}
hosts:
  default:
    paths:
      /:
        file.dir: {root}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class H2o(Program):
    """h2o in one thread."""

    name: str = "h2o"

    def launch(self, setup: Setup) -> Launch:
        config = _H2O.format(
            connections=setup.connections,
            patience=PATIENCE,
            port=setup.port,
            root=setup.root,
        )
        command = (self.command, "-m", "worker", "-c", str(setup.scratch / "h2o.conf"))
        return Launch(command, {"h2o.conf": config})
