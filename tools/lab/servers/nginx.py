"""nginx: as Debian and Ubuntu install it, and with its cache of open files."""

from dataclasses import dataclass

from lab.servers.base import PATIENCE, Kind, Launch, Program, Setup, Transfer

_CONFIG = """\
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

_CACHE = """\
    open_file_cache max=10000 inactive=60s;
    open_file_cache_valid 1s;
"""


@dataclass(frozen=True, slots=True)
class Nginx(Program):
    """nginx; *caches_files* keeps descriptors and sizes for a second, as evloop does.

    *never_sendfile* has it copy file contents in every row.
    """

    name: str = "nginx"
    program: str = "nginx"
    kind: Kind = Kind.NATIVE
    choices: frozenset[Transfer] = frozenset({Transfer.COPY, Transfer.SENDFILE})
    caches_files: bool = False
    never_sendfile: bool = False

    def launch(self, setup: Setup) -> Launch:
        """Return how it is started: sendfile on, as it is installed, unless COPY is asked."""
        copies = self.never_sendfile or setup.transfer is Transfer.COPY
        config = _CONFIG.format(
            scratch=setup.scratch,
            connections=setup.connections,
            descriptors=setup.connections + 1024,
            sendfile="off" if copies else "on",
            patience=PATIENCE,
            cache=_CACHE if self.caches_files else "",
            port=setup.port,
            root=setup.root,
        )
        path = str(setup.scratch / "nginx.conf")
        command = (self.program, "-e", "stderr", "-p", str(setup.scratch), "-c", path)
        return Launch(command, {"nginx.conf": config})
