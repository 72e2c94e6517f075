"""Whom the tools watch, and what they start: with real processes."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from evloop_tools.lab import launch, processes, sample
from evloop_tools.lab.errors import (
    AmbiguousTargetError,
    NoRightError,
    NoSuchTargetError,
    TargetEndedError,
)
from evloop_tools.lab.launch import Launched
from evloop_tools.lab.processes import Tree, find_listeners, name_of
from evloop_tools.lab.sample import Sampler

MIB = 1024 * 1024
WAIT = 20.0  # seconds until a test gives up

linux = pytest.mark.skipif(sys.platform != "linux", reason="needs Linux")

LISTEN = """
import os, socket, sys, time
listener = socket.create_server(("127.0.0.1", 0))
for worker in range(int(sys.argv[1])):
    if os.fork() == 0:
        break
else:
    print(listener.getsockname()[1], flush=True)
time.sleep(600)
"""


def until(condition: Callable[[], bool]) -> None:
    """Wait until *condition* holds; fail after WAIT."""
    deadline = time.monotonic() + WAIT
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


@pytest.fixture
def start() -> Iterator[Callable[..., "subprocess.Popen[str]"]]:
    """Start Python programs in groups of their own, and end them after the test."""
    started: list[subprocess.Popen[str]] = []

    def run(source: str, *arguments: str) -> "subprocess.Popen[str]":
        child = subprocess.Popen(
            [sys.executable, "-c", source, *arguments],
            stdout=subprocess.PIPE,
            text=True,
            process_group=0,
        )
        started.append(child)
        return child

    yield run
    for child in started:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        child.communicate()


def first_line(child: "subprocess.Popen[str]") -> str:
    assert child.stdout is not None
    return child.stdout.readline().strip()


def unused_pid() -> int:
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    return child.pid


def test_who_listens_on_a_port_is_found_with_all_workers(
    start: Callable[..., "subprocess.Popen[str]"],
) -> None:
    child = start(LISTEN, "2")
    tree = Tree.of_port(int(first_line(child)))
    assert tree.pid == child.pid
    assert len(tree.processes()) == 3
    assert tree.processes()[0].pid == child.pid
    assert Sampler(tree).sample().processes == 3


def test_workers_that_share_a_port_stand_for_their_supervisor(
    start: Callable[..., "subprocess.Popen[str]"],
) -> None:
    child = start(
        """
import os, socket, time
port = socket.socket()  # holds the port, but does not listen
port.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
port.bind(("127.0.0.1", 0))
address = port.getsockname()
for worker in range(2):
    if os.fork() == 0:
        listener = socket.create_server(address, reuse_port=True)
        os.write(1, b"%d\\n" % address[1])  # whole lines, though two write at once
        time.sleep(600)
time.sleep(600)
"""
    )
    number = int(first_line(child))
    assert int(first_line(child)) == number
    until(lambda: len(find_listeners(number)) == 2)
    assert Tree.of_port(number).pid == child.pid


def test_a_worker_is_not_taken_for_a_server_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    ours = psutil.Process()
    parent = psutil.Process(ours.ppid())
    monkeypatch.setattr(processes, "find_listeners", lambda port: [parent, ours])
    assert [process.pid for process in processes.Tree.of_port(80).roots] == [parent.pid]


def test_nobody_on_the_port_is_said() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))  # taken, but nobody listens
        number = bound.getsockname()[1]
        with pytest.raises(NoSuchTargetError, match=f"nobody listens on TCP port {number}"):
            Tree.of_port(number)


def test_two_programs_on_one_port_are_not_added_up(
    start: Callable[..., "subprocess.Popen[str]"], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = start(LISTEN, "0"), start(LISTEN, "0")
    first_line(one), first_line(other)
    found = [psutil.Process(one.pid), psutil.Process(other.pid)]
    monkeypatch.setattr(processes, "find_listeners", lambda port: found)
    monkeypatch.setattr(processes, "_program", lambda process: str(process.pid))
    with pytest.raises(AmbiguousTargetError, match=f"{one.pid} .*{other.pid} .*--pid"):
        Tree.of_port(80)


def test_a_pid_that_nobody_has_is_said() -> None:
    pid = unused_pid()
    with pytest.raises(NoSuchTargetError, match=f"no process has the pid {pid}"):
        Tree.of_pid(pid)


def test_children_come_and_go_and_the_end_is_seen(
    start: Callable[..., "subprocess.Popen[str]"],
) -> None:
    child = start(LISTEN, "1")
    first_line(child)
    tree = Tree.of_pid(child.pid)
    sampler = Sampler(tree)
    assert sampler.sample().processes == 2
    tree.processes()[1].kill()
    until(lambda: sampler.sample().processes == 1)
    child.kill()  # and it stays a zombie, since we don't wait for it
    until(lambda: tree.processes() == [])
    with pytest.raises(TargetEndedError, match="has ended"):
        sampler.sample()
    with pytest.raises(NoSuchTargetError, match="has ended"):
        Tree.of_pid(child.pid)


@linux
def test_a_look_without_detail_counts_the_descriptors_only() -> None:
    sampler = Sampler(Tree.of_pid(os.getpid()), detail=False)
    before = sampler.sample().descriptors
    with socket.socket():
        look = sampler.sample()
    assert before is not None
    assert look.descriptors == before + 1
    assert look.connections is None
    assert look.downloads is None
    assert look.memory.rss > MIB


def test_cpu_time_is_counted_between_the_looks() -> None:
    sampler = Sampler(Tree.of_pid(os.getpid()), detail=False)
    assert sampler.sample().cpu == 0
    spent = time.process_time()
    while time.process_time() < spent + 0.2:
        pass
    assert sampler.sample().cpu > 0


@pytest.fixture
def somebody_else() -> Iterator[int]:
    """The pid of a process that we may not read, as another user if need be."""
    if sys.platform != "linux":
        pytest.skip("needs Linux")
    if os.geteuid() != 0:
        if psutil.Process(1).username() == psutil.Process().username():
            pytest.skip("every process here is ours")
        yield 1
        return
    os.seteuid(65534)
    try:
        yield 1
    finally:
        os.seteuid(0)


def test_a_zombie_that_denies_a_look_has_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    class Dying:
        """Alive when the target was asked, a zombie when its memory was."""

        name = "server"
        child = subprocess.Popen([sys.executable, "-c", ""])

        def processes(self) -> list[psutil.Process]:
            return [psutil.Process(self.child.pid)]

        def epitaph(self) -> str:
            return "by itself"

    def deny(process: psutil.Process) -> None:
        raise PermissionError

    os.waitid(os.P_PID, Dying.child.pid, os.WEXITED | os.WNOWAIT)
    monkeypatch.setattr(sample, "read_memory", deny)
    with pytest.raises(TargetEndedError, match="server has ended: by itself"):
        Sampler(Dying()).sample()
    Dying.child.wait()


def test_a_process_of_somebody_else_is_said(somebody_else: int) -> None:
    tree = Tree.of_pid(somebody_else)
    with pytest.raises(NoRightError, match="belongs to another user"):
        Sampler(tree).sample()


@linux
@pytest.mark.skipif(sys.platform == "linux" and os.geteuid() != 0, reason="needs root")
def test_a_port_of_somebody_else_is_said(start: Callable[..., "subprocess.Popen[str]"]) -> None:
    number = int(first_line(start(LISTEN, "0")))
    os.seteuid(65534)
    try:
        with pytest.raises(NoRightError, match=f"{number} belongs to another user"):
            Tree.of_port(number)
    finally:
        os.seteuid(0)


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        (["-m", "http.server", "0"], "http.server"),
        (["-X", "dev", "-um", "http.server", "0"], "http.server"),
        (["SCRIPT", "-m", "x"], "double.py"),
        (["-c", "import time; time.sleep(60)"], "python"),
    ],
)
def test_a_python_program_is_called_by_its_module_or_script(
    tmp_path: Path, arguments: list[str], name: str
) -> None:
    script = tmp_path / "double.py"
    script.write_text("import time; time.sleep(60)")
    words = [str(script) if word == "SCRIPT" else word for word in arguments]
    child = subprocess.Popen([sys.executable, *words], stderr=subprocess.DEVNULL,
                             stdout=subprocess.DEVNULL)  # fmt: skip
    try:
        # For a moment after exec a process has no arguments yet.
        until(lambda: name_of(psutil.Process(child.pid)).startswith(name))
    finally:
        child.kill()
        child.wait()


def python(source: str) -> list[str]:
    return [sys.executable, "-c", source]


def test_what_is_started_is_ended() -> None:
    with Launched(python("import time; time.sleep(600)")) as launched:
        assert [process.pid for process in launched.processes()] == [launched.pid]
    assert not psutil.pid_exists(launched.pid)
    assert launched.processes() == []


def test_who_ignores_sigterm_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch, "STOP_WAIT", 0.2)
    source = "import signal,time; signal.signal(15, signal.SIG_IGN); print(1); time.sleep(600)"
    launched = Launched(python(source.replace("print(1)", "print('deaf', flush=True)")), quiet=True)
    until(lambda: "deaf" in launched._last_words)
    launched.end()
    assert not psutil.pid_exists(launched.pid)
    assert launched.epitaph() == "it ended by signal 9; its last words: deaf"


def test_a_second_wish_to_end_does_not_wait() -> None:
    source = "import signal,time; signal.signal(15, signal.SIG_IGN); print('deaf', flush=True)"
    launched = Launched(python(f"{source}; time.sleep(600)"), quiet=True)
    until(lambda: "deaf" in launched._last_words)
    asked = 0

    def hurry() -> bool:
        nonlocal asked
        asked += 1
        return True

    launched.end(hurry)
    assert asked == 1
    assert not psutil.pid_exists(launched.pid)


@linux
def test_a_daemon_is_watched_and_ended_too() -> None:
    source = """
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        time.sleep(600)
"""
    with Launched(python(source)) as launched:
        until(lambda: [one.pid == launched.pid for one in launched.processes()] == [False])
        daemon = launched.processes()[0]
        assert daemon.is_running()
    until(lambda: not daemon.is_running())


@linux
def test_children_of_the_caller_are_left_alone(
    start: Callable[..., "subprocess.Popen[str]"],
) -> None:
    before = start("import time; time.sleep(600)")
    with contextlib.ExitStack() as stack:
        launched = stack.enter_context(Launched(python("import time; time.sleep(600)")))
        beside = subprocess.Popen(python("import time; time.sleep(600)"))
        stack.callback(beside.wait)
        stack.callback(beside.kill)
        with Launched(python("import time; time.sleep(600)")) as other:
            assert [process.pid for process in launched.processes()] == [launched.pid]
            assert [process.pid for process in other.processes()] == [other.pid]
        launched.end()
        assert before.poll() is None
        assert beside.poll() is None


@linux
def test_what_is_started_dies_with_us_even_when_we_are_killed(tmp_path: Path) -> None:
    tools = Path(launch.__file__).parents[1]
    root = tools.parent
    source = f"""
import sys, time
sys.path[:0] = [{str(tools)!r}, {str(root)!r}]
from evloop_tools.lab.launch import Launched
launched = Launched([sys.executable, "-c", "import time; time.sleep(600)"])
print(launched.pid, flush=True)
time.sleep(600)
"""
    us = subprocess.Popen(python(source), stdout=subprocess.PIPE, text=True)
    server = psutil.Process(int(first_line(us)))
    us.kill()
    us.communicate()
    until(lambda: not server.is_running() or server.status() == psutil.STATUS_ZOMBIE)


def test_a_command_that_can_not_be_started_is_said(tmp_path: Path) -> None:
    with pytest.raises(NoSuchTargetError, match=r"can't be started: No such file"):
        Launched([str(tmp_path / "nothing")])
    text = tmp_path / "text"
    text.write_text("no program")
    with pytest.raises(NoSuchTargetError, match=r"can't be started: Permission denied"):
        Launched([str(text)])


def test_last_words_are_kept_within_bounds() -> None:
    source = "for i in range(1000): print(i, 'x' * 5000)\nraise SystemExit(7)"
    with Launched(python(source), quiet=True) as launched:
        until(lambda: not launched.processes())
        epitaph = launched.epitaph()
    assert epitaph.startswith("it ended with code 7; its last words: ")
    assert len(epitaph) < 2000
