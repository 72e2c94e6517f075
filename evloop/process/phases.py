"""The life of a server: its phases, and what it may be told in each of them."""

import signal
from enum import Enum


class Phase(Enum):
    """Where a server is in its life."""

    NEW = "new"
    OPEN = "open"
    """Listens, and the loop does not run yet."""
    RUNNING = "running"
    FINISHING = "finishing"
    """Waits for the last answers, or is about to end."""
    CLOSED = "closed"


class Command(Enum):
    """What a server may be told, from any thread or by a signal."""

    FINISH = "finish"
    STOP = "stop"
    END_SIGNAL = "end signal"
    """SIGINT or SIGTERM."""
    LOG_SIGNAL = "log signal"
    """SIGUSR1 or SIGHUP."""


# How a command goes to the loop: one byte each. Signals say their number, and there are none
# as high as these.
FINISH_BYTE = 0xF0
STOP_BYTE = 0xF1
COMMANDS: dict[int, Command] = {
    FINISH_BYTE: Command.FINISH,
    STOP_BYTE: Command.STOP,
    signal.SIGINT: Command.END_SIGNAL,
    signal.SIGTERM: Command.END_SIGNAL,
    signal.SIGUSR1: Command.LOG_SIGNAL,
    signal.SIGHUP: Command.LOG_SIGNAL,
}
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGHUP)


class Effect(Enum):
    """What a command comes to."""

    WAIT = "kept until the loop runs"
    DRAIN = "accepts no more, and lets downloads end"
    END = "ends at once"
    REOPEN_LOG = "reopens the log"
    NOTHING = "nothing"


EFFECTS: dict[Phase, dict[Command, Effect]] = {
    Phase.NEW: dict.fromkeys(Command, Effect.WAIT),
    Phase.OPEN: dict.fromkeys(Command, Effect.WAIT),
    Phase.RUNNING: {
        Command.FINISH: Effect.DRAIN,
        Command.STOP: Effect.END,
        Command.END_SIGNAL: Effect.DRAIN,
        Command.LOG_SIGNAL: Effect.REOPEN_LOG,
    },
    Phase.FINISHING: {
        Command.FINISH: Effect.NOTHING,
        Command.STOP: Effect.END,
        Command.END_SIGNAL: Effect.END,
        Command.LOG_SIGNAL: Effect.REOPEN_LOG,
    },
    Phase.CLOSED: dict.fromkeys(Command, Effect.NOTHING),
}
"""What each command comes to in each phase."""

WRONG_PHASE: dict[Phase, str] = {
    Phase.NEW: "the server is not open yet",
    Phase.OPEN: "the server is open already",
    Phase.RUNNING: "the server runs already",
    Phase.FINISHING: "the server runs already",
    Phase.CLOSED: "a server runs only once",
}
"""What the RuntimeError says of a method that is not for this phase."""
