"""The ceiling on memory, and what is given up to stay beneath a limit."""

import io
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import evloop.process.memory
from evloop.process.memory import cgroup_limit, plan_memory, process_size
from evloop.settings.config import Config, ConfigError

KIB, MIB, GIB = 1024, 1024**2, 1024**3
START = 20 * MIB


def test_without_a_limit_all_is_as_wanted() -> None:
    plan = plan_memory(Config(), START, 1000, None)
    assert plan.memory_budget == 64 * MIB
    assert plan.connections == 1000
    assert plan.connection_size > 16 * KIB
    assert plan.base > START
    assert plan.ceiling == plan.base + plan.memory_budget + 1000 * plan.connection_size


def test_connections_are_no_more_than_there_are_descriptors_for() -> None:
    assert plan_memory(Config(max_connections=10), START, 1000, None).connections == 10
    assert plan_memory(Config(max_connections=5000), START, 1000, None).connections == 1000


def test_preloading_is_what_gives_way_first() -> None:
    free = plan_memory(Config(), START, 100, None)
    plan = plan_memory(Config(memory_limit=free.ceiling - MIB), START, 100, None)
    assert plan.memory_budget == free.memory_budget - MIB
    assert plan.connections == 100


def test_connections_give_way_when_they_would_take_more_than_half() -> None:
    free = plan_memory(Config(), START, 100_000, None)
    limit = free.base + 64 * MIB
    plan = plan_memory(Config(memory_limit=limit), START, 100_000, None)
    assert plan.memory_budget == 32 * MIB
    assert plan.connections == 32 * MIB // plan.connection_size


def test_the_last_connections_go_before_preloading() -> None:
    config = Config(max_head_size=MIB)
    free = plan_memory(config, START, 100, None)
    least = 8 * free.connection_size
    config = Config(max_head_size=MIB, memory_limit=free.base + least + 1000)
    plan = plan_memory(config, START, 100, None)
    assert (plan.connections, plan.memory_budget) == (8, 1000)


def test_half_of_a_cgroups_memory_is_ours() -> None:
    limited = plan_memory(Config(), START, 100_000, 256 * MIB)
    assert limited == plan_memory(Config(memory_limit=128 * MIB), START, 100_000, None)
    said = plan_memory(Config(memory_limit=200 * MIB), START, 100_000, 256 * MIB)
    assert said.ceiling > limited.ceiling


def test_a_limit_without_room_to_serve_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"--memory-limit 1 MiB: at least .* is wanted"):
        plan_memory(Config(memory_limit=MIB), START, 100, None)


@given(
    limit=st.integers(40 * MIB, GIB),
    connections=st.integers(8, 100_000),
    budget=st.integers(0, GIB),
    head=st.integers(256, MIB),
)
def test_the_ceiling_is_beneath_the_limit_or_the_limit_is_refused(
    limit: int, connections: int, budget: int, head: int
) -> None:
    config = Config(memory_limit=limit, memory_budget=budget, max_head_size=head)
    try:
        plan = plan_memory(config, START, connections, None)
    except ConfigError:
        return
    assert plan.ceiling <= limit
    assert 8 <= plan.connections <= connections
    assert 0 <= plan.memory_budget <= budget


def test_the_size_of_this_process_is_read() -> None:
    if not os.path.exists("/proc/self/statm"):
        pytest.skip("no /proc on this machine")
    assert MIB < process_size() < 4 * GIB


CGROUPS = {
    # /proc/self/cgroup, the files of limits, and what they come to
    "v2": ("0::/app\n", {"/sys/fs/cgroup/app/memory.max": "1000\n"}, 1000),
    "v2 in a container": ("0::/\n", {"/sys/fs/cgroup/memory.max": "2000\n"}, 2000),
    "v2, the outer one is lower": (
        "0::/app\n",
        {"/sys/fs/cgroup/app/memory.max": "1000\n", "/sys/fs/cgroup/memory.max": "500\n"},
        500,
    ),
    "v2 without": ("0::/app\n", {"/sys/fs/cgroup/app/memory.max": "max\n"}, None),
    "v1": (
        "5:cpu:/x\n4:hugetlb,memory:/app\n",
        {"/sys/fs/cgroup/memory/app/memory.limit_in_bytes": "3000\n"},
        3000,
    ),
    "v1 without": (
        "4:memory:/app\n",
        {"/sys/fs/cgroup/memory/app/memory.limit_in_bytes": "9223372036854771712\n"},
        None,
    ),
    "v1 with a path of the host": (
        "4:memory:/docker/abc\n",
        {"/sys/fs/cgroup/memory/memory.limit_in_bytes": "4000\n"},
        4000,
    ),
    "none": ("", {}, None),
    "nonsense": ("0::/app\n", {"/sys/fs/cgroup/app/memory.max": "\n"}, None),
}


@pytest.mark.parametrize("case", CGROUPS)
def test_the_limit_of_a_cgroup_is_found(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    memberships, limits, expected = CGROUPS[case]
    files = {"/proc/self/cgroup": memberships, **limits}

    def fake_open(path: str, **_: object) -> io.StringIO:
        if path not in files:
            raise FileNotFoundError(path)
        return io.StringIO(files[path])

    monkeypatch.setattr(evloop.process.memory, "open", fake_open, raising=False)
    assert cgroup_limit() == expected


def test_a_platform_without_proc_has_no_figures(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def fake_open(path: str, *_: object, **__: object) -> io.StringIO:
        raise FileNotFoundError(path)

    monkeypatch.setattr(evloop.process.memory, "open", fake_open, raising=False)
    assert process_size() == 0
    assert cgroup_limit() is None
