"""evloop itself, from this checkout or by any command that takes its options."""

import shutil
from dataclasses import dataclass, field

from evloop_tools.lab.python import PLACE
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

_CHOICES = {Transfer.COPY: "copy", Transfer.SENDFILE: "sendfile"}


@dataclass(frozen=True, slots=True)
class Evloop(Server):
    """evloop, started by *command*; *options* come behind those that the row needs."""

    command: tuple[str, ...]
    options: tuple[str, ...] = ()
    name: str = field(default="evloop", kw_only=True)
    kind: Kind = field(default=Kind.SUBJECT, kw_only=True)
    choices: frozenset[Transfer] = field(default=frozenset(_CHOICES), kw_only=True)

    def missing(self) -> str | None:
        if shutil.which(self.command[0]) is None:
            return f"{self.command[0]} is not a program"
        has_version, said = ask_program([*self.command, "--version"], PLACE)
        complaint = said.rpartition("\n")[2] or "it fails"
        return None if has_version else f"{' '.join(self.command)} --version: {complaint}"

    def version(self) -> str:
        return first_line([*self.command, "--version"], PLACE)

    def launch(self, setup: Setup) -> Launch:
        """Return how it is started: the defaults, but no log and no deadline that could pass."""
        transfer = _CHOICES.get(setup.transfer)
        return Launch(
            (
                *self.command,
                "serve",
                str(setup.root),
                *("--host", "127.0.0.1", "--port", str(setup.port), "--access-log", "off"),
                *("--idle-timeout", f"{PATIENCE}s", "--send-timeout", f"{PATIENCE}s"),
                *(("--transfer", transfer) if transfer else ()),
                *self.options,
            ),
            directory=PLACE,
        )
