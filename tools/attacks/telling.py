"""What an attack has to tell: lines for people, with figures for programs behind them."""

from typing import Any


class Told(str):
    """A line; *data* is the same for programs."""

    data: dict[str, Any]

    def __new__(cls, text: str, data: dict[str, Any]) -> "Told":
        told = super().__new__(cls, text)
        told.data = data
        return told


def tell(text: str, **data: Any) -> Told:
    """Return a line with its figures."""
    return Told(text, data)


def entry(line: str) -> dict[str, Any]:
    """Return a line as JSON can say it."""
    data = line.data if isinstance(line, Told) else {}
    return {"text": str(line).strip(), **data}
