"""lighttpd."""

from dataclasses import dataclass

from lab.servers.base import PATIENCE, Kind, Launch, Program, Setup, Transfer

# 65535 requests per connection is the most it can be told; the load reconnects then. It
# takes half as many connections as it may open descriptors.
_CONFIG = """\
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


@dataclass(frozen=True, slots=True)
class Lighttpd(Program):
    """lighttpd in one process, with the stat cache that it has by default."""

    name: str = "lighttpd"
    program: str = "lighttpd"
    kind: Kind = Kind.NATIVE
    choices: frozenset[Transfer] = frozenset({Transfer.COPY, Transfer.SENDFILE})

    def launch(self, setup: Setup) -> Launch:
        """Return how it is started: with sendfile, its default, unless COPY is asked."""
        copies = setup.transfer is Transfer.COPY
        config = _CONFIG.format(
            root=setup.root,
            port=setup.port,
            connections=setup.connections,
            descriptors=2 * setup.connections + 64,
            patience=PATIENCE,
            backend='server.network-backend = "writev"\n' if copies else "",
        )
        command = (self.program, "-D", "-f", str(setup.scratch / "lighttpd.conf"))
        return Launch(command, {"lighttpd.conf": config})
