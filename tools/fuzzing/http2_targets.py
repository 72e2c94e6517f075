"""What is fuzzed of HTTP/2: frames in any order and cut, and header blocks."""

import re
from collections.abc import Callable

from evloop.http.limits import Limits
from evloop.http.request import RequestError
from evloop.http2.context import MAX_FIELDS
from evloop.http2.heads import MalformedError, read_head, read_request
from evloop.http2.hpack import STATELESS, CompressionError, Decoder, ListTooLargeError
from fuzzing.http2_client import expect
from fuzzing.http2_walk import Http2Walk

_MAX_HEAD_SIZE = 400  # bytes: so that limits are met
_CONTROLS = re.compile(rb"[\x00-\x1f\x7f]")

# http2: a letter for each step, and behind a vertical bar what is written with `w`, `n` bytes at
# a time

_HTTP2_STEPS: dict[int, Callable[[Http2Walk], object]] = {
    ord("q"): lambda walk: walk.ask("body", 30_000),
    ord("c"): lambda walk: walk.ask("content", 300),
    ord("l"): lambda walk: walk.ask("late", 300),
    ord("k"): lambda walk: walk.ask("slow", 3000, flags=0),
    ord("r"): Http2Walk.receive,
    ord("b"): lambda walk: walk.receive(1),
    ord("h"): lambda walk: walk.receive(30),
    ord("s"): Http2Walk.send,
    ord("o"): lambda walk: walk.send(1),
    ord("p"): lambda walk: walk.send(700),
    ord("z"): lambda walk: walk.send(0),
    ord("d"): Http2Walk.drain,
    ord("e"): Http2Walk.expire,
    ord("u"): Http2Walk.resume,
    ord("x"): Http2Walk.receive_eof,
    ord("f"): Http2Walk.finish,
    ord("a"): Http2Walk.lose,
    ord("y"): Http2Walk.refuse,
    ord("i"): lambda walk: walk.change_initial(9),
    ord("g"): Http2Walk.ping,
    ord("v"): lambda walk: walk.widen(0, 100_000),
}
_MAX_WRITTEN = 40  # bytes of one step: some frames, or a part of one


def run_http2(data: bytes) -> None:
    """Bring requests and any bytes through a connection of HTTP/2, in the order of a schedule."""
    schedule, _, wire = data.partition(b"|")
    limits = Limits(max_head_size=_MAX_HEAD_SIZE, min_rate=50, min_rate_grace=60.0)
    walk = Http2Walk(limits, greets=not schedule.startswith(b"n"))
    # What any bytes ask for is not known: then its answers can't be judged.
    for letter in schedule[:200]:
        step = _HTTP2_STEPS.get(letter)
        if letter == ord("w"):
            walk.client.is_strict = False
            walk.write(wire[:_MAX_WRITTEN])
            wire = wire[_MAX_WRITTEN:]
        elif step is not None:
            step(walk)
        else:
            walk.now += letter / 10
    walk.end()


# hpack: a header block, through a decoder with a table and one without


def run_hpack(data: bytes) -> None:
    """Decode *data* twice by one decoder, and by one that keeps nothing."""
    for decoder in (Decoder(), STATELESS):
        for _ in range(2):
            try:
                fields = decoder.decode(data, _MAX_HEAD_SIZE, MAX_FIELDS)
                head = read_head(fields)
            except (CompressionError, ListTooLargeError, MalformedError):
                continue
            expect(head.text.count(b"\r\n\r\n") == 1, "a head in two")
            expect(head.text.count(b"\n") == head.text.count(b"\r\n"), "a line break in a field")
            try:
                request = read_request(head, has_body=False)
            except RequestError as refusal:
                expect(refusal.status in {400, 431, 501}, f"refused with {refusal.status}")
                continue
            expect(not _CONTROLS.search(request.target), "a control byte in the target")
