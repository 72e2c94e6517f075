"""Every file is asked for once before the load: what is missing, and what is warm then.

A server that preloads files or fills caches does it here, so that the base of its memory
has them; what grows afterwards grows with connections, or leaks.
"""

import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from http import HTTPStatus
from pathlib import Path

from evloop_tools.load.behaviours import Visitor
from evloop_tools.load.content import Content, Copy, Unknown
from evloop_tools.load.endpoint import Endpoint
from evloop_tools.load.faults import Fault, FaultError
from evloop_tools.load.files import File, kind_of
from evloop_tools.load.requests import Request
from evloop_tools.load.single import carry_out
from evloop_tools.load.steps import Answer, Ask, Close, ReadOn, Script
from evloop_tools.report.arguments import UsageError

_WARM = 8 * 1024 * 1024
"""Bytes that are read of a file whose content is known already."""
_KEPT = 1024 * 1024 * 1024
"""Bytes that are kept of files whose content is not known, of all together."""

_ANY = frozenset(range(HTTPStatus.OK, 600))
_SILENT = (Fault.REFUSED, Fault.RESET, Fault.TIMEOUT, Fault.NO_ANSWER, Fault.NO_PORT, Fault.DEFECT)
"""Faults of a server that does not answer at all."""


class _Learning:
    """Bytes that nobody knows yet: they are written to *handle* as they come."""

    size = None

    def __init__(self, handle: int) -> None:
        self._handle = handle

    def matches(self, offset: int, data: memoryview) -> bool:
        return os.pwrite(self._handle, data, offset) == len(data)

    def expected(self, offset: int, length: int) -> bytes:
        return b""


class Preflight:
    """Asks for one file after the other, with *timeout* seconds for each, whatever comes."""

    def __init__(self, endpoint: Endpoint, timeout: float) -> None:
        self._endpoint = endpoint
        self._timeout = timeout
        self._room = _KEPT
        self._answer: Answer | None = None

    def visit(self, files: Sequence[File], hurry: Callable[[], bool]) -> list[File]:
        """Ask for *files*; return them, with their content where it was not known before.

        When *hurry* says so, the rest is not asked for. What is wrong with an answer is left
        to the load, which counts it.

        Raises UsageError when a file is missing, FaultError when there is no answer at all.
        """
        found = []
        for file in files:
            if hurry():
                return [*files]
            found.append(self._learn(file, hurry) if _is_unknown(file) else self._ask(file, hurry))
        return found

    def _learn(self, file: File, hurry: Callable[[], bool]) -> File:
        """Keep the body as what the file is, if there is room."""
        handle, name = tempfile.mkstemp(prefix="evloop-soak-")
        try:
            self._ask(replace(file, content=_Learning(handle)), hurry)
            answer = self._answer
            if answer is None or answer.status != HTTPStatus.OK or answer.length is None:
                return file
            kind = kind_of(file.path, answer.length)
            if answer.received < answer.length:
                return replace(file, kind=kind, content=Unknown(answer.length))
            self._room -= answer.length
            content: Content = Copy(Path(name))
        finally:
            os.close(handle)
            os.unlink(name)  # the copy stays readable through its own descriptor
        return replace(file, kind=kind, content=content)

    def _ask(self, file: File, hurry: Callable[[], bool]) -> File:
        """Ask for *file* and return it. Raises as visit() does."""
        self._answer = None
        tally = carry_out(
            self._endpoint, file, lambda visitor: self._script(file, visitor), self._timeout, hurry
        )
        for fault, text in tally.examples.items():
            if fault in _SILENT:
                raise FaultError(fault, f"the first request to {self._endpoint.url}: {text}")
        status = self._answer.status if self._answer is not None else 0
        if HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR:
            raise UsageError(f"{file.path}: the server answers {status}")
        return file

    def _script(self, file: File, visitor: Visitor) -> Script:
        """Look at the head, and then take as much of the body as is wanted."""
        self._answer = yield Ask((Request(file, statuses=_ANY),), body_bytes=0)
        if self._answer is not None and self._answer.received != self._answer.length:
            fits = (self._answer.length or 0) <= self._room
            if not isinstance(file.content, _Learning):
                self._answer = yield ReadOn(_WARM)
            elif fits:
                self._answer = yield ReadOn()
        yield Close()


def _is_unknown(file: File) -> bool:
    return isinstance(file.content, Unknown)
