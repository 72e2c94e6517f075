"""A request as a value, and the error that is answered instead."""


class RequestError(Exception):
    """A request that is answered with an error.

    *status* says with which, *reason* is for the log, *fields* go into the response.
    """

    def __init__(
        self, status: int, reason: str, fields: tuple[tuple[bytes, bytes], ...] = ()
    ) -> None:
        super().__init__(reason)
        self.status = status
        self.fields = fields


class Request:
    """What a request head says. Made by the protocol that read it.

    `fields` maps lower-case names to values, of those names that decide about a response;
    lines of one name are joined by `, ` (RFC 9110 section 5.3). `keep_alive` is what the
    client asks for. A request with `has_body` is answered and its connection closed: nothing
    here reads a body. `peer` is the client's address, empty when nobody asks for it;
    `waited_for` is what a responder has returned for it last that had to come first.
    """

    __slots__ = (
        "fields",
        "has_body",
        "is_http_11",
        "keep_alive",
        "method",
        "peer",
        "target",
        "waited_for",
    )

    def __init__(
        self, method: bytes, target: bytes, fields: dict[bytes, bytes], *, is_http_11: bool
    ) -> None:
        self.method = method
        self.target = target
        self.fields = fields
        self.is_http_11 = is_http_11
        self.keep_alive = is_http_11
        self.has_body = False
        self.peer = ""
        self.waited_for: object = None
