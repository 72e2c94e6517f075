"""Counters, and who gets to see a finished exchange."""

import logging
from typing import Any

import pytest

from evloop.observe.exchange import EndReason, Exchange
from evloop.observe.metrics import LOG_INTERVAL, Metrics
from evloop.observe.snapshot import Snapshot


class Log:
    def __init__(self) -> None:
        self.written: list[tuple[str, Exchange, EndReason, float]] = []

    def write(self, peer: str, exchange: Exchange, end: EndReason, now: float) -> None:
        self.written.append((peer, exchange, end, now))


def test_nobody_logs_unless_there_is_a_log() -> None:
    assert not Metrics().logs
    assert Metrics(Log()).logs


def test_ends_that_are_none_are_counted_by_reason() -> None:
    metrics = Metrics()
    for end in (EndReason.COMPLETE, EndReason.STALLED, EndReason.STALLED, EndReason.CLIENT_RESET):
        metrics.ended("192.0.2.1", None, end, 0.0, "")
    assert metrics.ends == {EndReason.STALLED: 2, EndReason.CLIENT_RESET: 1}


def test_an_exchange_is_handed_on() -> None:
    log = Log()
    metrics = Metrics(log)
    exchange = Exchange(b"", 200, 0, 0.0, "")
    metrics.ended("192.0.2.1", exchange, EndReason.COMPLETE, 5.0, "")
    metrics.ended("192.0.2.1", None, EndReason.COMPLETE, 6.0, "")
    assert log.written == [("192.0.2.1", exchange, EndReason.COMPLETE, 5.0)]


def test_files_that_change_are_told_once_an_interval(caplog: pytest.LogCaptureFixture) -> None:
    metrics = Metrics()
    with caplog.at_level(logging.WARNING, "evloop"):
        for now in (0.0, 1.0, LOG_INTERVAL - 0.1, LOG_INTERVAL, LOG_INTERVAL + 1):
            metrics.ended("", None, EndReason.FILE_CHANGED, now, "the file ends at 5 bytes")
            metrics.ended("", None, EndReason.STALLED, now, "")
    assert len(caplog.records) == 2
    first, second = (record.message for record in caplog.records)
    assert first.endswith("the file ends at 5 bytes")
    assert second.endswith("the file ends at 5 bytes (2 more before it)")


def test_a_snapshot_knows_what_loading_everything_would_take() -> None:
    values: dict[str, Any] = dict.fromkeys(Snapshot.__dataclass_fields__, 0)
    snapshot = Snapshot(**{**values, "download_sizes": (5, 7)})
    assert snapshot.load_all == 12
