"""Caddy."""

from dataclasses import dataclass

from lab.servers.base import PATIENCE, Kind, Launch, Program, Setup, Transfer, first_line

_CONFIG = """\
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


@dataclass(frozen=True, slots=True)
class Caddy(Program):
    """Caddy on one processor, which stands for one worker."""

    name: str = "caddy"
    program: str = "caddy"
    kind: Kind = Kind.NATIVE
    choices: frozenset[Transfer] = frozenset({Transfer.SENDFILE})

    def version(self) -> str:
        """Return the version that is installed here."""
        return first_line([self.program, "version"])

    def launch(self, setup: Setup) -> Launch:
        """Return how it is started."""
        config = _CONFIG.format(patience=PATIENCE, port=setup.port, root=setup.root)
        path = str(setup.scratch / "Caddyfile")
        command = (self.program, "run", "--adapter", "caddyfile", "--config", path)
        # What Caddy would write into the home directory belongs in the scratch directory.
        homes = {name: str(setup.scratch) for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME")}
        return Launch(command, {"Caddyfile": config}, {"GOMAXPROCS": "1", **homes})
