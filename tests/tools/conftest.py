"""Tests of whole programs of tools/ are slow: they start servers, load them, and wait."""

from pathlib import Path

import pytest

SLOW_MODULES = (
    "test_attack",
    "test_bench_client",
    "test_bench_load",
    "test_bench_run",
    "test_measure_history",
    "test_monitor",
    "test_soak",
    "test_soak_clients",
    "test_strategies",
    "test_strategies_client",
)
"""Modules that take 4 to 40 seconds each; the others take that together."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if item.path.parent == here and item.path.stem in SLOW_MODULES:
            item.add_marker(pytest.mark.slow)
