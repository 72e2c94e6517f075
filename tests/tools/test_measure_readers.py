"""What is read from the kernel: literals for the parsers, this very process for the rest."""

import mmap
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from evloop_tools.lab import descriptors as descriptors_module
from evloop_tools.lab.cgroup import Cgroup, CgroupPath, find_cgroup, locate, read_cgroup
from evloop_tools.lab.descriptors import (
    Downloads,
    count_descriptors,
    portable_descriptors,
    read_descriptors,
)
from evloop_tools.lab.kernel import parse_sockstat, read_kernel_tcp
from evloop_tools.lab.memory import Memory, read_memory
from evloop_tools.lab.sockets import (
    BACKLOG,
    Connections,
    Socket,
    count_connections,
    parse_table,
    portable_connections,
    read_table,
)

MIB = 1024 * 1024
SELF = psutil.Process()

linux = pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="needs Linux")


def memory_now() -> Memory:
    memory = read_memory(SELF)
    assert memory is not None
    return memory


def growth(metric: str, before: Memory) -> int:
    after = getattr(memory_now(), metric)
    assert isinstance(after, int)
    return after - int(getattr(before, metric))


@linux
def test_pages_that_a_process_makes_are_its_own() -> None:
    before = memory_now()
    pages = mmap.mmap(-1, 32 * MIB, flags=mmap.MAP_PRIVATE)
    pages.write(b"x" * (32 * MIB))
    assert 24 * MIB < growth("anonymous", before) < 48 * MIB
    # Who comes and goes beside us moves these two by what we share with them.
    assert growth("pss", before) > 16 * MIB
    assert growth("uss", before) > 16 * MIB
    pages.close()
    assert growth("anonymous", before) < 16 * MIB


@linux
def test_page_cache_that_is_mapped_is_not_taken_for_a_leak(tmp_path: Path) -> None:
    path = tmp_path / "mapped"
    path.write_bytes(b"x" * (32 * MIB))
    before = memory_now()
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as pages:
        assert sum(pages[at] == ord("x") for at in range(0, len(pages), 4096)) == 32 * MIB // 4096
        assert growth("rss", before) > 24 * MIB
        assert growth("file_backed", before) > 16 * MIB
        assert growth("anonymous", before) < 8 * MIB


@linux
def test_the_kernel_keeps_the_highest_rss() -> None:
    before = memory_now()
    pages = mmap.mmap(-1, 32 * MIB, flags=mmap.MAP_PRIVATE)
    pages.write(b"x" * (32 * MIB))
    pages.close()
    high = memory_now().rss_high
    assert high is not None
    assert high >= before.rss + 24 * MIB


@linux
def test_a_zombie_has_no_memory() -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    process = psutil.Process(child.pid)
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # it ended, and stays
    assert read_memory(process) is None
    child.wait()


def test_an_unknown_addend_makes_the_sum_unknown() -> None:
    known, unknown = Memory(rss=1, pss=2, uss=3, anonymous=4), Memory(rss=10)
    assert known + known == Memory(rss=2, pss=4, uss=6, anonymous=8)
    assert known + unknown == Memory(rss=11)


@pytest.mark.parametrize(
    ("memory", "total", "own"),
    [
        (Memory(rss=1, pss=1, uss=1, anonymous=1), "pss", "anonymous"),
        (Memory(rss=1, uss=1), "uss", "uss"),
        (Memory(rss=1), "rss", "rss"),
    ],
)
def test_the_best_figure_that_a_platform_has_stands_for_memory(
    memory: Memory, total: str, own: str
) -> None:
    assert (memory.total_metric, memory.own_metric) == (total, own)


SOCKSTAT = """\
sockets: used 12
TCP: inuse 1 orphan 0 tw 0 alloc 1 mem 206
UDP: inuse 0 mem 7
"""
OTHER_ORDER = "UDP: inuse 0 mem 7\nTCP: inuse 1 orphan 0 tw 0 alloc 1 mem 206\n"


@pytest.mark.parametrize(
    ("text", "pages"), [(SOCKSTAT, 206), (OTHER_ORDER, 206), ("", None), ("TCP: inuse 1\n", None)]
)
def test_tcp_memory_is_read_from_its_own_line(text: str, pages: int | None) -> None:
    assert parse_sockstat(text) == pages


@linux
def test_the_machine_has_tcp_memory_and_a_limit() -> None:
    kernel = read_kernel_tcp()
    assert kernel is not None
    assert kernel.limit is not None
    assert 0 <= kernel.used < kernel.limit


# Columns as in proc_net(5): local and remote address, state, queues, timer, retransmits,
# uid, timeout, inode. The inodes 10 and 11 are the server's, 99 is somebody else's.
TABLE = b"""\
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000003 00:00000000 00000000 0 0 10 1 f 100 0
   1: 0100007F:1F90 0100007F:9C40 01 00000400:00000010 00:00000000 00000000 0 0 11 1 f 100 0
   2: 0100007F:1F90 0100007F:9C41 01 00000000:00000020 00:00000000 00000000 0 0 0 1 f 100 0
   3: 0100007F:1F90 0100007F:9C42 04 00000800:00000000 00:00000000 00000000 0 0 0 1 f 100 0
   4: 0100007F:1F90 0100007F:9C43 06 00000000:00000000 03:00000000 00000000 0 0 0 3 f
   5: 0100007F:9C40 0100007F:1F90 01 00000000:00000000 00:00000000 00000000 0 0 99 1 f 100 0
   6: 0100007F:9C44 0100007F:1F90 06 00000000:00000000 03:00000000 00000000 0 0 0 3 f
   7: 0100007F:2222 00000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 99 1 f 100 0
""".splitlines()


def test_a_row_of_the_table_is_read_by_its_columns() -> None:
    rows = list(parse_table(TABLE[1:2], {11}))
    assert rows == [Socket(port=8080, state="ESTABLISHED", unsent=1024, unread=16, inode=11)]


def test_a_server_has_its_own_sockets_and_those_on_its_ports_that_nobody_holds() -> None:
    found = count_connections(parse_table(TABLE, {10, 11}))
    assert found.states == {
        "LISTEN": 1,
        "ESTABLISHED": 1,
        BACKLOG: 1,  # connected, but no process holds it yet
        "FIN_WAIT1": 1,  # closed by the process, not all of it delivered
        "TIME_WAIT": 1,
    }
    assert found.held == 1
    assert found.queues is not None
    assert found.queues.unsent == 1024 + 2048
    assert found.queues.unread == 16 + 32  # not the 3 arrivals in the listener's queue
    assert found.queues.sending == 2


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening


def connections_of_self() -> Connections:
    found = read_descriptors([os.getpid()])
    return count_connections(read_table(os.getpid(), found.sockets))


@linux
def test_real_connections_are_counted_with_what_waits_in_their_queues(
    listener: socket.socket,
) -> None:
    before = connections_of_self()
    with socket.create_connection(listener.getsockname()):
        waiting = connections_of_self()
        assert waiting.states[BACKLOG] == before.states[BACKLOG] + 1
        server, _ = listener.accept()
        with server:
            server.setblocking(False)
            sent = 0
            while True:  # until neither side's kernel takes more
                try:
                    sent += server.send(b"x" * (64 * 1024))
                except BlockingIOError:
                    break
            after = connections_of_self()
    assert before.queues is not None
    assert after.queues is not None
    assert after.states[BACKLOG] == before.states[BACKLOG]
    assert after.held == before.held + 2  # both ends are in this process
    assert after.queues.sending == 1
    # What was sent is either unsent in our queue or unread in the client's.
    assert after.queues.unsent + after.queues.unread >= sent
    assert 0 < after.queues.unsent < sent


def test_other_platforms_tell_the_states_only(listener: socket.socket) -> None:
    before = portable_connections([SELF])
    with socket.create_connection(listener.getsockname()) as client:
        server, _ = listener.accept()
        with server, client:
            after = portable_connections([SELF])
    assert after.states["ESTABLISHED"] == before.states["ESTABLISHED"] + 2
    assert after.held == before.held + 2
    assert after.queues is None


@pytest.fixture
def big(tmp_path: Path) -> Path:
    path = tmp_path / "big"
    with path.open("wb") as file:
        file.truncate(5 * 1024 * MIB)  # sparse
    return path


def downloads_of_self() -> Downloads:
    return read_descriptors([os.getpid()]).downloads


@linux
def test_a_file_that_is_open_three_times_counts_three_times(big: Path) -> None:
    before = downloads_of_self()
    with big.open("rb"), big.open("rb"), big.open("rb"):
        during = downloads_of_self()
    assert during.count - before.count == 3
    assert during.size - before.size == 15 * 1024 * MIB
    assert downloads_of_self() == before


@linux
def test_logs_empty_files_pipes_and_directories_are_no_downloads(tmp_path: Path) -> None:
    log, empty = tmp_path / "log", tmp_path / "empty"
    log.write_bytes(b"line\n")
    empty.touch()
    before = downloads_of_self()
    directory = os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY)
    ends = os.pipe()
    with log.open("ab"), log.open("r+b"), empty.open("rb"):
        assert downloads_of_self() == before
    for fd in (directory, *ends):
        os.close(fd)


@linux
def test_a_deleted_file_still_counts(big: Path) -> None:
    before = downloads_of_self()
    with big.open("rb"):
        big.unlink()
        assert downloads_of_self().size - before.size == 5 * 1024 * MIB


@linux
def test_a_pass_that_is_cut_says_so() -> None:
    whole, cut = read_descriptors([os.getpid()]), read_descriptors([os.getpid()], bound=2)
    assert whole.downloads.complete
    assert not cut.downloads.complete
    assert cut.count == whole.count > 2


@linux
def test_descriptors_are_counted_without_a_look_at_each(big: Path) -> None:
    before = count_descriptors(SELF)
    with big.open("rb"):
        assert count_descriptors(SELF) == before + 1


def test_other_platforms_see_the_open_files_too(big: Path) -> None:
    _, before = portable_descriptors([SELF])
    with big.open("rb"), big.open("rb"):
        count, during = portable_descriptors([SELF])
    assert count >= 2
    assert during.size - before.size == 10 * 1024 * MIB


@pytest.mark.parametrize(
    ("downloads", "sending", "words"),
    [
        (Downloads(50, 1), 50, None),
        (Downloads(50, 1), None, None),
        (Downloads(1, 1), 50, "50 connections have unsent bytes but 1 files are open"),
        (Downloads(0, 0), 7, "a lower bound"),
        (Downloads(9, 1, complete=False), 2, f"{descriptors_module.MAX_DESCRIPTORS:,}"),
    ],
)
def test_a_figure_that_is_a_lower_bound_says_so(
    downloads: Downloads, sending: int | None, words: str | None
) -> None:
    note = downloads.note(sending)
    assert note is None if words is None else note is not None and words in note


V1_MOUNTS = """\
31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755
32 31 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu
35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw
"""
V1_IN_CONTAINER = "35 31 0:32 /docker/abc /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
V2_MOUNTS = "30 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n"


@pytest.mark.parametrize(
    ("groups", "mounts", "folders"),
    [
        ("0::/system.slice/web.service\n", V2_MOUNTS, ["/sys/fs/cgroup/system.slice/web.service"]),
        ("0::/\n", V2_MOUNTS, ["/sys/fs/cgroup"]),
        ("0::/../..\n", V2_MOUNTS, []),  # outside of our namespace
        (
            "5:devices:/\n4:memory:/api/1\n1:cpu:/\n0::/\n",
            V1_MOUNTS,
            ["/sys/fs/cgroup/memory/api/1", "/sys/fs/cgroup/unified"],
        ),
        ("4:cpu,memory:/docker/abc/x\n", V1_IN_CONTAINER, ["/sys/fs/cgroup/memory/x"]),
        ("4:memory:/docker/other\n", V1_IN_CONTAINER, []),
        ("", V2_MOUNTS, []),
    ],
)
def test_the_group_is_found_through_the_mounts(
    groups: str, mounts: str, folders: list[str]
) -> None:
    assert [str(path.folder) for path in locate(groups, mounts)] == folders


def group(tmp_path: Path, groups: str, files: dict[str, str]) -> CgroupPath:
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    kind = "cgroup2 cgroup2 rw" if groups.startswith("0:") else "cgroup cgroup rw,memory"
    return locate(groups, f"1 1 0:1 / {tmp_path} rw - {kind}\n")[0]


def test_the_tightest_limit_above_counts(tmp_path: Path) -> None:
    files = {
        "a/b/memory.current": "5000\n",
        "a/b/memory.max": "max\n",
        "a/b/memory.stat": "anon 1000\nfile 3500\n",
        "a/memory.max": "9000\n",
    }
    path = group(tmp_path, "0::/a/b\n", files)
    assert read_cgroup(path) == Cgroup(usage=5000, cache=3500, limit=9000)


def test_the_older_version_is_read_too(tmp_path: Path) -> None:
    files = {
        "a/memory.usage_in_bytes": "5000\n",
        "a/memory.limit_in_bytes": "9223372036854771712\n",
        "a/memory.stat": "cache 1\ntotal_cache 3500\n",
    }
    path = group(tmp_path, "4:memory:/a\n", files)
    assert read_cgroup(path) == Cgroup(usage=5000, cache=3500, limit=None)


def test_a_group_that_is_gone_is_none(tmp_path: Path) -> None:
    assert read_cgroup(group(tmp_path, "0::/gone\n", {})) is None


@linux
def test_our_own_group_can_be_read_where_there_is_one() -> None:
    path = find_cgroup(os.getpid())
    if path is None:
        pytest.skip("no memory controller here")
    found = read_cgroup(path)
    assert found is not None
    assert found.usage > 0
