"""Texts that were not made for printing: names of files, and values that are refused.

A file's name on Linux is bytes. Python keeps those that are not UTF-8 as surrogates, which no
stream takes; and a line feed in a name would make two lines of a message.
"""


def printable(text: str) -> str:
    r"""Return *text* with each character that can't be printed escaped, e.g. `\xff` or `\n`."""
    return "".join(each if each.isprintable() else _escape(each) for each in text)


def shown(value: object) -> str:
    """Return *value* as a message shows it: a text as it is, anything else as Python writes it."""
    if isinstance(value, str):
        return printable(value) or "''"
    try:
        return printable(repr(value))
    except ValueError:  # an int of more digits than Python writes (sys.set_int_max_str_digits)
        return f"<{type(value).__name__}>"


def _escape(character: str) -> str:
    if "\udc80" <= character <= "\udcff":  # a byte that is not UTF-8 (PEP 383)
        return f"\\x{ord(character) - 0xDC00:02x}"
    return character.encode("unicode_escape").decode("ascii")
