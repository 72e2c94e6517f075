"""h2o."""

from dataclasses import dataclass

from lab.servers.base import PATIENCE, Kind, Launch, Program, Setup

_CONFIG = """\
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


@dataclass(frozen=True, slots=True)
class H2o(Program):
    """h2o in one thread."""

    name: str = "h2o"
    program: str = "h2o"
    kind: Kind = Kind.NATIVE

    def launch(self, setup: Setup) -> Launch:
        """Return how it is started."""
        config = _CONFIG.format(
            connections=setup.connections,
            patience=PATIENCE,
            port=setup.port,
            root=setup.root,
        )
        command = (self.program, "-m", "worker", "-c", str(setup.scratch / "h2o.conf"))
        return Launch(command, {"h2o.conf": config})
