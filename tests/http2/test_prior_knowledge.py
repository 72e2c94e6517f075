"""Who speaks on a plain connection, and that nothing of what was received is lost."""

from collections.abc import Callable

import pytest
from fuzzing.stage import Stage
from fuzzing.walk import Ends

from evloop.http.limits import Limits
from evloop.http1.context import Context as Http1Context
from evloop.http1.headcache import HeadCache
from evloop.http1.protocol import Http1Protocol
from evloop.http2.context import Context
from evloop.http2.frames import PREFACE, settings_frame
from evloop.http2.memo import Memo
from evloop.http2.prior_knowledge import Choice, Factories, PriorKnowledge
from evloop.http2.protocol import Http2Protocol
from evloop.net.protocol import Closing

NOW = 50.0
LIMITS = Limits()


def newcomer() -> PriorKnowledge:
    stage, ends = Stage(), Ends(logs=False)
    http1 = Http1Context(stage, ends, HeadCache(), LIMITS)
    http2 = Context(stage, ends, Memo(), LIMITS)
    factories = Factories(
        lambda peer, now: Http1Protocol(http1, peer, now),
        lambda peer, now: Http2Protocol(http2, peer, now),
    )
    return PriorKnowledge(factories, LIMITS, "192.0.2.1", NOW)


@pytest.mark.parametrize("cut", range(1, len(PREFACE)))
def test_the_preface_is_known_however_it_is_cut(cut: int) -> None:
    protocol = newcomer()
    protocol.receive_data(PREFACE[:cut], NOW)
    assert protocol.state is Choice.BEGUN
    protocol.receive_data(PREFACE[cut:] + settings_frame({}), NOW)
    assert protocol.state.closing is Closing.PASSED_ON
    assert isinstance(protocol.successor, Http2Protocol)
    assert protocol.successor.outgoing(NOW)


REQUEST = b"PROPFIND / HTTP/1.1\r\nHost: a\r\n\r\n"


@pytest.mark.parametrize("cut", range(len(REQUEST)))
def test_anything_else_is_http1_however_it_is_cut(cut: int) -> None:
    protocol = newcomer()
    if cut:
        protocol.receive_data(REQUEST[:cut], NOW)
    if protocol.state is not Choice.MADE:
        assert cut < 3
        protocol.receive_data(REQUEST[cut:], NOW)
    else:
        protocol.successor.receive_data(REQUEST[cut:], NOW)
    assert isinstance(protocol.successor, Http1Protocol)
    offered = protocol.successor.outgoing(NOW)
    assert isinstance(offered, tuple)
    assert bytes(offered[0]).startswith(b"HTTP/1.1 404 ")


STIMULI: dict[str, tuple[Callable[[PriorKnowledge], object], Closing]] = {
    # With nothing received, and how HTTP/1 then ends.
    "end of file": (lambda protocol: protocol.receive_eof(NOW), Closing.NOW),
    "expire": (lambda protocol: protocol.expire(NOW + 99.0), Closing.NOW),
    "finish": (lambda protocol: protocol.finish(NOW + 99.0), Closing.NOW),
    "shut down": (lambda protocol: protocol.shut_down(NOW), Closing.NOW),
    "fail": (lambda protocol: protocol.fail(NOW), Closing.NOW),
    "lost": (lambda protocol: protocol.lost(OSError(), NOW), Closing.NOW),
    "source lost": (lambda protocol: protocol.source_lost(OSError(), NOW), Closing.NOW),
    "refuse": (lambda protocol: protocol.refuse(NOW), Closing.OPEN),
}


@pytest.mark.parametrize("name", STIMULI)
def test_all_else_is_left_to_http1(name: str) -> None:
    stimulus, closing = STIMULI[name]
    protocol = newcomer()
    stimulus(protocol)
    assert protocol.state is Choice.MADE
    assert protocol.successor.state.closing is closing


def test_a_beginning_that_is_not_continued_is_answered_by_http1() -> None:
    protocol = newcomer()
    assert protocol.deadline == NOW + LIMITS.idle_timeout
    protocol.receive_data(b"PRI * HTTP/2", NOW + 1)
    assert protocol.deadline == NOW + 1 + LIMITS.head_timeout
    protocol.expire(protocol.deadline)
    offered = protocol.successor.outgoing(NOW)
    assert isinstance(offered, tuple)
    assert bytes(offered[0]).startswith(b"HTTP/1.1 408 ")


def test_it_waits_for_bytes_and_for_nothing_else() -> None:
    protocol = newcomer()
    assert protocol.room == LIMITS.max_head_size + 1
    assert not protocol.is_heavy
    assert not protocol.state.is_brief
    assert not protocol.state.wakes
    assert protocol.outgoing(NOW) == ()
    protocol.on_wake(lambda now: None)
    protocol.resume(NOW)
    protocol.sent(0, NOW)
    assert protocol.state is Choice.SILENT
