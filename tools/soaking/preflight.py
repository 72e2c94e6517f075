"""Every file is asked for once before the load: what is missing, and what is warm then.

A server that preloads files or fills caches does it here, so that the base of its memory
has them; what grows afterwards grows with connections, or leaks.
"""

import os
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPResponse
from pathlib import Path

from load.content import Copy, Unknown
from load.endpoint import Endpoint
from load.faults import fault_of
from load.files import File, kind_of

_WARM = 8 * 1024 * 1024
"""Bytes that are read of a file whose content is known already."""
_KEPT = 1024 * 1024 * 1024
"""Bytes that are kept of files whose content is not known, of all together."""
_PIECE = 256 * 1024


class MissingError(Exception):
    """The server does not have a file, or hides it; one line for the user."""


class Preflight:
    """Asks one question after the other, with *timeout* seconds for each."""

    def __init__(self, endpoint: Endpoint, timeout: float) -> None:
        self._endpoint = endpoint
        self._timeout = timeout
        self._room = _KEPT

    def visit(self, files: Sequence[File], hurry: Callable[[], bool]) -> list[File]:
        """Ask for *files*; return them, with their content where it was not known before.

        When *hurry* says so, the rest is not asked for.

        What is wrong with an answer is left to the load, which counts it.

        Raises MissingError, and FaultError when the server does not answer at all.
        """
        found = []
        for file in files:
            if hurry():
                return [*files]
            try:
                found.append(self._visit(file))
            except OSError as error:
                raise fault_of(error, f"the first request to {self._endpoint.url}") from error
            except HTTPException:
                found.append(file)
        return found

    def _visit(self, file: File) -> File:
        connection = HTTPConnection(self._endpoint.address[0], self._endpoint.port)
        connection.timeout = self._timeout
        try:
            connection.request(
                "GET", self._endpoint.prefix + file.path, headers={"Host": self._endpoint.host}
            )
            response = connection.getresponse()
            status = response.status
            if HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR:
                raise MissingError(f"{file.path}: the server answers {status} {response.reason}")
            if isinstance(file.content, Unknown) and status == HTTPStatus.OK:
                return self._learn(file, response)
            self._read(response, _WARM, None)
        finally:
            connection.close()
        return file

    def _learn(self, file: File, response: HTTPResponse) -> File:
        """Keep the body as what the file is, if there is room."""
        size = response.length
        if size is not None and size > self._room:
            return replace(file, kind=kind_of(file.path, size), content=Unknown(size))
        handle, name = tempfile.mkstemp(prefix="evloop-soak-")
        try:
            count = self._read(response, self._room, handle)
            self._room -= count
            if size is not None and count < size:
                return replace(file, content=Unknown(size))
            copy = Copy(Path(name))
        finally:
            os.close(handle)
            os.unlink(name)  # the copy stays readable through its own descriptor
        return replace(file, kind=kind_of(file.path, copy.size), content=copy)

    def _read(self, response: HTTPResponse, limit: int, handle: int | None) -> int:
        """Read up to *limit* bytes, write them to *handle*, and return how many there were."""
        deadline = time.monotonic() + self._timeout
        count = 0
        while count < limit and (data := response.read1(min(_PIECE, limit - count))):
            count += len(data)
            if handle is not None:
                os.write(handle, data)
            if time.monotonic() > deadline:
                raise TimeoutError
        return count
