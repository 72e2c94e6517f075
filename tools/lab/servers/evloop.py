"""evloop itself, from this checkout or by any command that takes its options."""

import shutil
from dataclasses import dataclass, field
from pathlib import Path

from lab.servers.base import PATIENCE, Kind, Launch, Setup, Transfer, ask_program, first_line

CHECKOUT = Path(__file__).resolve().parents[3]

_CHOICES = {Transfer.COPY: "copy", Transfer.SENDFILE: "sendfile"}


@dataclass(frozen=True, slots=True)
class Evloop:
    """evloop, started by *command*; *options* come behind those that the row needs."""

    command: tuple[str, ...]
    name: str = "evloop"
    options: tuple[str, ...] = ()
    kind: Kind = Kind.SUBJECT
    choices: frozenset[Transfer] = frozenset(_CHOICES)
    prefix: str = ""
    only_in: frozenset[str] = field(default_factory=frozenset)

    def missing(self) -> str | None:
        """Return why it can't be run here, or None when it can."""
        if shutil.which(self.command[0]) is None:
            return f"{self.command[0]} is not a program"
        has_version, said = ask_program([*self.command, "--version"], CHECKOUT)
        complaint = said.rpartition("\n")[2] or "it fails"
        return None if has_version else f"{' '.join(self.command)} --version: {complaint}"

    def version(self) -> str:
        """Return what it says of itself."""
        return first_line([*self.command, "--version"], CHECKOUT)

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
            directory=CHECKOUT,
        )
