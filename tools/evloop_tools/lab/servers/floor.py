"""The floor: small C programs, compiled when there is a compiler."""

import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from evloop_tools.lab.errors import VoidError
from evloop_tools.lab.servers.base import Kind, Launch, Server, Setup, Transfer, first_line

SOURCES = Path(__file__).resolve().parent.parent / "floor"
COMPILER = "cc"
FLAGS = ("-O2", "-std=gnu11", "-Wall", "-Wextra", "-Werror")

# How long one program may take to compile, in seconds.
COMPILE_DEADLINE = 60.0


def compile_floor(name: str, directory: Path) -> Path:
    """Return the program compiled from floor/*name*.c into *directory*, made when it's not there.

    Raises VoidError with what the compiler said when it fails.
    """
    program = directory / name
    if program.exists():
        return program
    command = [COMPILER, *FLAGS, "-o", str(program), str(SOURCES / f"{name}.c")]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=COMPILE_DEADLINE, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise VoidError(f"{COMPILER} failed on {name}.c: {error}") from error
    if done.returncode:
        raise VoidError(f"{COMPILER} failed on {name}.c: {done.stderr.strip().splitlines()[-1]}")
    return program


@dataclass(frozen=True, slots=True)
class Floor(Server):
    """The C program that a row names, built into *directory*; *bounds* go behind its arguments."""

    directory: Path
    bounds: tuple[str, ...] = ()
    name: str = field(default="floor", kw_only=True)
    kind: Kind = field(default=Kind.FLOOR, kw_only=True)
    choices: frozenset[Transfer] = field(default=frozenset(Transfer), kw_only=True)

    def missing(self) -> str | None:
        return None if shutil.which(COMPILER) else f"no C compiler ({COMPILER}) for the floor"

    def version(self) -> str:
        return f"{first_line([COMPILER, '--version'])} {' '.join(FLAGS)}"

    def launch(self, setup: Setup) -> Launch:
        """Return how it is started; raise VoidError when it does not compile."""
        name, *arguments = setup.floor
        program = compile_floor(name, self.directory)
        return Launch((str(program), str(setup.port), *arguments, *self.bounds))
