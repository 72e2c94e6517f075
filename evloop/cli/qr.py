"""An address as a code for the cameras of phones (`--qr`)."""

from collections.abc import Sequence
from importlib.util import find_spec

from evloop.settings.config import ConfigError

_QUIET = 4  # light modules around the code (ISO/IEC 18004)
# Two rows of modules are one of text. By dark: the upper one, the lower one.
_BLOCKS = {(True, True): "\u2588", (True, False): "\u2580", (False, True): "\u2584"}
# Black on white, whatever the terminal's colours are: some cameras take nothing else.
_BLACK_ON_WHITE = "\x1b[38;5;16;48;5;231m"
_AS_BEFORE = "\x1b[0m"


def check_qr() -> None:
    """Raise ConfigError when codes can't be made here."""
    if find_spec("segno") is None:
        reason = "segno is not installed: pip install 'evloop-server[qr]'"
        raise ConfigError("--qr", "on", reason)


def qr_lines(text: str, *, is_terminal: bool) -> list[str]:
    """Return the code of *text*, line by line, in the colours of a terminal if it *is_terminal*.

    Without colours, dark is where characters have ink.
    """
    import segno  # only for those who want a code

    code = segno.make(text, error="l", micro=False)
    rows = [[bool(module) for module in row] for row in code.matrix_iter(border=_QUIET)]
    rows += [[False] * len(rows[0])] * (len(rows) % 2)
    lines = [_line(above, below) for above, below in zip(rows[::2], rows[1::2], strict=True)]
    return [f"{_BLACK_ON_WHITE}{line}{_AS_BEFORE}" for line in lines] if is_terminal else lines


def _line(above: Sequence[bool], below: Sequence[bool]) -> str:
    return "".join(_BLOCKS.get(pair, " ") for pair in zip(above, below, strict=True))
