"""What there is to do, and what came of it."""

from enum import Enum
from typing import NamedTuple, Protocol

LEAST_SAVED = 20
"""What does not shrink by a twentieth is not worth another file, nor the work to decode it."""


class Verdict(Enum):
    """What is to be said of a sidecar."""

    CURRENT = "current"
    MISSING = "missing"
    STALE = "stale"
    WRITTEN = "written"
    REMOVED = "removed"
    DENSE = "left out"
    """The file does not shrink enough, and there is no sidecar."""
    FAILED = "failed"


class Job(Protocol):
    """One file that should be there, or not, beside another one."""

    @property
    def size(self) -> int:
        """Bytes of the other one."""

    @property
    def sidecar(self) -> str:
        """The path of what should be there."""

    def carry_out(self) -> "Outcome":
        """Do it. Never raises OSError: what fails is in the outcome."""


class Outcome(NamedTuple):
    """What came of a job. Sizes in bytes; `coded_size` is 0 where there is no sidecar."""

    task: Job
    verdict: Verdict
    coded_size: int = 0
    reason: str = ""


class FileChangedError(OSError):
    """The file was changed while it was read."""
