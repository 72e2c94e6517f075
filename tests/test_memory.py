"""The ceiling on memory, and how a limit is kept."""

import pytest

from evloop.config import Config, ConfigError
from evloop.memory import cgroup_limit, plan_memory, process_size

MIB = 1024 * 1024
START = 13 * MIB


def test_without_a_limit_the_ceiling_is_the_sum() -> None:
    plan = plan_memory(Config(), START, 1000, None)
    assert (plan.memory_budget, plan.connections) == (64 * MIB, 1000)
    assert plan.ceiling == plan.base + 64 * MIB + 1000 * plan.connection_size
    assert plan.base > START


def test_the_number_of_connections_is_the_smaller_of_two() -> None:
    assert plan_memory(Config(max_connections=7), START, 1000, None).connections == 7
    assert plan_memory(Config(max_connections=2000), START, 1000, None).connections == 1000


@pytest.mark.parametrize("limit", [40, 64, 100, 200, 1000])
def test_a_limit_is_kept(limit: int) -> None:
    plan = plan_memory(Config(memory_limit=limit * MIB), START, 10_000, None)
    assert plan.ceiling <= limit * MIB


def test_first_less_is_preloaded_then_fewer_are_accepted() -> None:
    free = plan_memory(Config(), START, 500, None)
    less = plan_memory(Config(memory_limit=free.ceiling - 10 * MIB), START, 500, None)
    assert less.connections == 500
    assert less.memory_budget == 54 * MIB
    fewer = plan_memory(Config(memory_limit=free.base + 8 * MIB), START, 500, None)
    assert fewer.connections < 500
    assert fewer.memory_budget <= 4 * MIB


def test_a_limit_that_leaves_no_room_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"^--memory-limit 14 MiB: at least"):
        plan_memory(Config(memory_limit=14 * MIB), START, 500, None)


def test_half_of_a_cgroup_is_the_default_limit() -> None:
    assert plan_memory(Config(), START, 10_000, 128 * MIB).ceiling <= 64 * MIB
    given = plan_memory(Config(memory_limit=100 * MIB), START, 10_000, 128 * MIB)
    assert 64 * MIB < given.ceiling <= 100 * MIB


def test_the_machine_answers() -> None:
    assert process_size() > MIB
    limit = cgroup_limit()
    assert limit is None or limit > 0
