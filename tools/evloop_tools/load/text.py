"""What others have sent or are called, as it may be shown: short, and harmless to a terminal."""

LONGEST = 300
"""Characters that are shown of a text from outside, at most."""


def printable(text: str, longest: int = LONGEST) -> str:
    """Return *text* with escapes for all that moves a cursor, colours, or can't be seen."""
    cut = text[:longest]
    shown = "".join(sign if sign.isprintable() else _escape(sign) for sign in cut)
    return shown + ("..." if len(text) > longest else "")


def _escape(sign: str) -> str:
    return sign.encode("unicode_escape").decode("ascii")


def shorten(data: bytes | memoryview, size: int = 60) -> str:
    """Show the first bytes of *data*."""
    return repr(bytes(data[:size]))[1:] + ("..." if len(data) > size else "")
