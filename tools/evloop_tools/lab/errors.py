"""Why a server can't be watched or measured; each message is one line for the user."""


class VoidError(Exception):
    """A measurement that must not be counted."""


class TargetError(Exception):
    """The server to watch can't be watched; the message is one line for the user."""


class NoSuchTargetError(TargetError):
    """Nobody listens on the port, or there is no such process."""


class AmbiguousTargetError(TargetError):
    """Several servers listen on the port, on different addresses."""


class NoRightError(TargetError):
    """The process belongs to somebody else and may not be read."""


class TargetEndedError(TargetError):
    """The server ended."""
