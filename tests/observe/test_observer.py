"""Counters, and who gets to see a finished exchange."""

import logging
from typing import Any

import pytest

from evloop.http.exchange import End, Exchange
from evloop.observe.observer import LOG_INTERVAL, Observer
from evloop.observe.snapshot import Snapshot


class Log:
    def __init__(self) -> None:
        self.written: list[tuple[str, Exchange, End, float]] = []

    def write(self, peer: str, exchange: Exchange, end: End, now: float) -> None:
        self.written.append((peer, exchange, end, now))


def test_nobody_logs_unless_there_is_a_log() -> None:
    assert not Observer().logs
    assert Observer(Log()).logs


def test_ends_that_are_none_are_counted_by_reason() -> None:
    observer = Observer()
    for end in (End.COMPLETE, End.STALLED, End.STALLED, End.CLIENT_RESET):
        observer.ended("192.0.2.1", None, end, 0.0, "")
    assert observer.ends == {End.STALLED: 2, End.CLIENT_RESET: 1}


def test_an_exchange_is_handed_on() -> None:
    log = Log()
    observer = Observer(log)
    exchange = Exchange(b"", 200, 0, 0.0, "")
    observer.ended("192.0.2.1", exchange, End.COMPLETE, 5.0, "")
    observer.ended("192.0.2.1", None, End.COMPLETE, 6.0, "")
    assert log.written == [("192.0.2.1", exchange, End.COMPLETE, 5.0)]


def test_files_that_change_are_told_once_an_interval(caplog: pytest.LogCaptureFixture) -> None:
    observer = Observer()
    with caplog.at_level(logging.WARNING, "evloop"):
        for now in (0.0, 1.0, LOG_INTERVAL - 0.1, LOG_INTERVAL, LOG_INTERVAL + 1):
            observer.ended("", None, End.FILE_CHANGED, now, "the file ends at 5 bytes")
            observer.ended("", None, End.STALLED, now, "")
    assert len(caplog.records) == 2
    assert "the file ends at 5 bytes" in caplog.records[0].message


def test_a_snapshot_knows_what_loading_everything_would_take() -> None:
    values: dict[str, Any] = dict.fromkeys(Snapshot.__dataclass_fields__, 0)
    snapshot = Snapshot(**{**values, "download_sizes": (5, 7)})
    assert snapshot.load_all == 12
