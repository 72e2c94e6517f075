"""The memory monitor as a program, against real servers and in a real terminal."""

import contextlib
import csv
import fcntl
import json
import os
import pty
import re
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from evloop_tools import programs
from evloop_tools.monitoring.options import Exit, parse_arguments

MIB = 1024 * 1024
WAIT = 30.0  # seconds until a test gives up
MONITOR = Path(programs.__file__).parents[1] / "monitor.py"
COMMAND = [sys.executable, str(MONITOR), "--interval", "50ms"]

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs Linux")

# A server that keeps BYTES for each connection it accepts, and each connection too.
HOARDER = """
import socket, sys
kept = []
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
while True:
    connection, _ = listener.accept()
    kept.append((connection, b"x" * int(sys.argv[1])))
"""
# A server that grows by 64 MiB as soon as there is a file of that name.
LEAK = """
import os, socket, sys, time
listener = socket.create_server(("127.0.0.1", 0))
while not os.path.exists(sys.argv[1]):
    time.sleep(0.01)
kept = [b"x" * 2**20 for _ in range(64)]
time.sleep(600)
"""
IDLE = "import socket, time; s = socket.create_server(('127.0.0.1', 0)); time.sleep(600)"


def python(source: str, *arguments: object) -> list[str]:
    return [sys.executable, "-c", source, *map(str, arguments)]


def environment() -> dict[str, str]:
    """Ours, in which the package is found even if it is not installed; the window has its size."""
    ours = {name: text for name, text in os.environ.items() if name not in ("COLUMNS", "LINES")}
    return {**ours, "PYTHONPATH": str(MONITOR.parents[1]), "TERM": "xterm-256color"}


def until(condition: Callable[[], bool]) -> None:
    """Wait until *condition* holds; fail after WAIT."""
    deadline = time.monotonic() + WAIT
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


def run(*arguments: object) -> "subprocess.CompletedProcess[str]":
    """Run the monitor in a pipe to its end."""
    return subprocess.run(
        [*COMMAND, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=WAIT,
        env=environment(),
        check=False,
    )


@pytest.fixture
def start() -> Iterator[Callable[[list[str]], "subprocess.Popen[str]"]]:
    """Start programs, and end them after the test."""
    started: list[subprocess.Popen[str]] = []

    def start(command: list[str]) -> "subprocess.Popen[str]":
        started.append(
            subprocess.Popen(
                command,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                env=environment(),
            )
        )
        return started[-1]

    yield start
    for child in started:
        child.kill()
        child.communicate()


def first_line(child: "subprocess.Popen[str]") -> str:
    assert child.stdout is not None
    return child.stdout.readline().strip()


def end(child: "subprocess.Popen[str]", number: signal.Signals) -> tuple[int, str, str]:
    """Send a signal and return the exit code, stdout and stderr."""
    child.send_signal(number)
    out, err = child.communicate(timeout=WAIT)
    return child.returncode, out, err


def test_a_started_server_is_watched_and_does_not_outlive_the_run(tmp_path: Path) -> None:
    table, report = tmp_path / "run.csv", tmp_path / "run.json"
    done = run("--duration", "300ms", "--csv", table, "--json", report, "--", *python(IDLE))
    assert done.returncode == Exit.OK, done.stderr
    assert done.stderr == ""
    assert "growth of own (anonymous) pages" in done.stdout
    content = json.loads(report.read_text())
    assert len(rows(table)) == len(content["samples"]) >= 1
    assert content["exit_code"] == Exit.OK
    assert rows(table)[0]["listen"] == "1"
    assert int(rows(table)[0]["pss"]) > MIB
    pid = int(re.findall(r"\d+", content["target"])[0])
    assert not psutil.pid_exists(pid)


def test_a_leak_breaks_the_limit_on_growth(
    start: Callable[[list[str]], "subprocess.Popen[str]"], tmp_path: Path
) -> None:
    report, leak = tmp_path / "run.json", tmp_path / "leak"
    limit = ["--max-growth", "5MiB", "--json", str(report)]
    watching = start([*COMMAND, *limit, "--", *python(LEAK, leak)])
    first_line(watching)
    leak.touch()
    _, err = watching.communicate(timeout=WAIT)
    assert watching.returncode == Exit.BREACH
    assert re.fullmatch(r"monitor: growth of own .* is over --max-growth 5 MiB\n", err)
    assert "--max-growth" in json.loads(report.read_text())["verdict"]


def test_a_large_server_breaks_the_limit_on_rss() -> None:
    done = run("--max-rss", "1MiB", "--", *python(IDLE))
    assert done.returncode == Exit.BREACH
    assert re.fullmatch(r"monitor: rss [\d.]+ MiB is over --max-rss 1 MiB\n", done.stderr)


def test_growth_per_connection_is_judged_at_the_end(
    start: Callable[[list[str]], "subprocess.Popen[str]"], tmp_path: Path
) -> None:
    server = start(python(HOARDER, 200 * 1024))
    port = int(first_line(server))
    table = tmp_path / "run.csv"
    limit = ["--max-growth-per-connection", "100KiB", "--csv", str(table)]
    watching = start([*COMMAND, "--port", str(port), *limit])
    first_line(watching)
    with contextlib.ExitStack() as stack:
        for _ in range(20):
            stack.enter_context(socket.create_connection(("127.0.0.1", port)))
        # Two rows after the last connection: then its bytes have been seen too.
        until(lambda: sum(int(row["connections"]) >= 20 for row in rows(table)) >= 2)
        code, _, err = end(watching, signal.SIGINT)
    assert code == Exit.BREACH
    assert "connections is over --max-growth-per-connection 100 KiB\n" in err


def rows(table: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(table.read_text().splitlines()))


def test_a_limit_that_could_not_be_judged_is_said() -> None:
    limit = ("--max-growth-per-connection", "1KiB")
    done = run("--duration", "100ms", *limit, "--", *python(IDLE))
    assert done.returncode == Exit.OK
    assert "not judged" in done.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signals_end_the_run_and_the_server(
    start: Callable[[list[str]], "subprocess.Popen[str]"], number: signal.Signals
) -> None:
    watching = start([*COMMAND, "--", *python(IDLE)])
    assert "load-all" in first_line(watching)
    (server,) = psutil.Process(watching.pid).children()
    code, out, err = end(watching, number)
    assert (code, err) == (Exit.OK, "")
    assert "memory (PSS)" in out
    assert not server.is_running()


def test_a_server_that_ends_in_between_is_said(
    start: Callable[[list[str]], "subprocess.Popen[str]"], tmp_path: Path
) -> None:
    server = start(python(HOARDER, 1))
    first_line(server)
    report = tmp_path / "run.json"
    watching = start([*COMMAND, "--pid", str(server.pid), "--json", str(report)])
    first_line(watching)
    server.kill()
    out, err = watching.communicate(timeout=WAIT)
    assert watching.returncode == Exit.ENDED
    assert re.fullmatch(r"monitor: \S+ has ended\n", err)
    assert "memory (PSS)" in out
    assert json.loads(report.read_text())["exit_code"] == Exit.ENDED


def test_a_command_that_ends_at_once_is_said() -> None:
    done = run("--", *python("raise SystemExit('no such root')"))
    assert done.returncode == Exit.ENDED
    assert done.stderr.endswith("has ended: it ended with code 1\n")
    assert "Traceback" not in done.stderr


def test_who_reads_the_lines_may_go_away(
    start: Callable[[list[str]], "subprocess.Popen[str]"],
) -> None:
    watching = start([*COMMAND, "--", *python(IDLE)])
    first_line(watching)
    assert watching.stdout is not None
    assert watching.stderr is not None
    watching.stdout.close()
    assert watching.wait(timeout=WAIT) == Exit.OK
    assert watching.stderr.read() == ""


def unused_pid() -> int:
    child = subprocess.Popen(python(""))
    child.wait()
    return child.pid


def unused_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        number: int = probe.getsockname()[1]
        return number


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (lambda: ["--pid", unused_pid()], Exit.NO_PROCESS, "no process has the pid"),
        (lambda: ["--port", unused_port()], Exit.NO_PROCESS, "nobody listens on TCP port"),
        (lambda: ["--", "/no/such/program"], Exit.NO_PROCESS, "can't be started: No such file"),
        (lambda: ["--pid", os.getpid(), "--csv", "/no/such/run.csv"], Exit.ENVIRONMENT, "run.csv"),
        (lambda: ["--pid", os.getpid(), "--json", "/no/run.json"], Exit.ENVIRONMENT, "run.json"),
    ],
)
def test_what_can_not_be_done_is_one_line(
    capfd: pytest.CaptureFixture[str],
    arguments: Callable[[], list[object]],
    code: Exit,
    words: str,
) -> None:
    assert programs.main("monitor", [str(word) for word in arguments()]) == code
    out, err = capfd.readouterr()
    assert out == ""
    assert err.startswith("monitor: ")
    assert err.count("\n") == 1
    assert words in err


def test_a_process_of_somebody_else_is_one_line(capfd: pytest.CaptureFixture[str]) -> None:
    root = os.geteuid() == 0
    if not root and psutil.Process(1).username() == psutil.Process().username():
        pytest.skip("every process here is ours")
    if root:
        os.seteuid(65534)
    try:
        assert programs.main("monitor", ["--pid", "1"]) == Exit.NO_RIGHT
    finally:
        if root:
            os.seteuid(0)
    assert "belongs to another user" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "name one server"),
        (["--port", "80", "--pid", "1"], "name one server"),
        (["--pid", "1", "--", "x"], "name one server"),
        (["--"], "name one server"),
        (["--port", "0"], "argument --port: '0'"),
        (["--port", "65536"], "ports end at 65535"),
        (["--pid", "-5"], "--pid"),
        (["--pid", "x"], "argument --pid: 'x'"),
        (["--pid", "1", "--interval", "0"], "argument --interval: '0': at least 10ms"),
        (["--pid", "1", "--duration", "soon"], "argument --duration: 'soon'"),
        (["--pid", "1", "--max-rss", "5 apples"], "argument --max-rss: '5 apples'"),
        (["--pid", "1", "--plot", "run.pdf"], "argument --plot: 'run.pdf'"),
        (["--pid", "1", "--colour"], "unrecognized arguments: --colour"),
        (["python"], "unrecognized arguments: python"),
    ],
)
def test_a_wrong_command_line_is_one_line(
    capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    with pytest.raises(SystemExit) as caught:
        parse_arguments(arguments)
    assert caught.value.code == Exit.USAGE
    err = capsys.readouterr().err
    assert words in err
    assert err.count("\n") == 1


def test_everything_after_two_dashes_is_the_command() -> None:
    options = parse_arguments(["--interval", "2s", "--", "server", "--port", "1", "--"])
    assert options.command == ["server", "--port", "1", "--"]
    assert options.interval == 2


def test_help_tells_every_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        parse_arguments(["--help"])
    assert caught.value.code == 0
    text = capsys.readouterr().out
    assert all(re.search(rf"^  {code:d}  ", text, re.MULTILINE) for code in Exit)


def test_http_server_streams_and_the_monitor_sees_it(
    start: Callable[[list[str]], "subprocess.Popen[str]"], tmp_path: Path
) -> None:
    check_real_server(start, tmp_path, lambda root, port: [
        sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1", "-d", str(root)
    ])  # fmt: skip


NGINX = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")


@pytest.fixture
def public_path() -> Iterator[Path]:
    """A directory that nginx may read, whose workers are somebody else.

    pytest keeps what is in its own to its user: each one that starts closes the directory that
    all of them share, and tests start some.
    """
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.mark.skipif(NGINX is None, reason="needs nginx")
def test_nginx_streams_and_the_monitor_sees_it(
    start: Callable[[list[str]], "subprocess.Popen[str]"], public_path: Path
) -> None:
    def command(root: Path, port: int) -> list[str]:
        temporary = "".join(
            f"{kind}_temp_path {public_path}/{kind};"
            for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        (public_path / "nginx.conf").write_text(
            f"daemon off; worker_processes 2; pid {public_path}/pid;\n"
            f"error_log {public_path}/error;\n"
            "events { worker_connections 64; }\n"
            f"http {{ access_log off; {temporary}\n"
            f"server {{ listen 127.0.0.1:{port}; root {root}; }} }}\n"
        )
        assert NGINX is not None
        return [NGINX, "-c", str(public_path / "nginx.conf"), "-e", str(public_path / "error")]

    check_real_server(start, public_path, command)


def check_real_server(
    start: Callable[[list[str]], "subprocess.Popen[str]"],
    tmp_path: Path,
    command: Callable[[Path, int], list[str]],
) -> None:
    """Hold three downloads of 100 MiB open and look for them in the monitor's rows."""
    root, table, port = tmp_path / "root", tmp_path / "run.csv", unused_port()
    root.mkdir()
    with (root / "big").open("wb") as file:
        file.truncate(100 * MIB)
    watching = start([*COMMAND, "--csv", str(table), "--", *command(root, port)])
    first_line(watching)
    with contextlib.ExitStack() as stack:
        for _ in range(3):
            client = stack.enter_context(socket.create_connection(("127.0.0.1", port)))
            client.sendall(b"GET /big HTTP/1.0\r\n\r\n")
            assert client.recv(12, socket.MSG_WAITALL).endswith(b" 200")
        until(lambda: any(row["sending"] == "3" for row in rows(table)))
        seen = rows(table)[-1]
    code, out, _ = end(watching, signal.SIGTERM)
    assert code == Exit.OK
    assert seen["downloads"] == seen["connections"] == "3"
    assert int(seen["load_all"]) == 300 * MIB
    assert int(seen["send_queues"]) > 0
    assert "up to 300 MiB for 3 downloads" in out


class Terminal:
    """The monitor in a terminal of its own."""

    def __init__(self, *arguments: object, columns: int = 80, lines: int = 24) -> None:
        self.ours, self.theirs = pty.openpty()
        self.resize(columns, lines)
        self.before = termios.tcgetattr(self.theirs)
        self.text = ""
        self.child = subprocess.Popen(
            [*COMMAND, *map(str, arguments)],
            stdin=self.theirs,
            stdout=self.theirs,
            stderr=self.theirs,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
            env=environment(),
        )

    def resize(self, columns: int, lines: int) -> None:
        fcntl.ioctl(self.ours, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def read_until(self, words: str) -> None:
        """Read until *words* appear, and forget everything up to them."""
        deadline = time.monotonic() + WAIT
        while words not in self.text:
            left = deadline - time.monotonic()
            ready, _, _ = select.select([self.ours], [], [], max(0, left))
            assert ready, f"{words!r} never came: {self.text[-2000:]}"
            self.text += os.read(self.ours, 65536).decode(errors="replace")
        self.text = self.text.partition(words)[2]

    def type(self, keys: bytes) -> None:
        os.write(self.ours, keys)

    def __enter__(self) -> "Terminal":
        return self

    def __exit__(self, *_: object) -> None:
        self.child.kill()
        self.child.wait()
        os.close(self.ours)
        os.close(self.theirs)


ALTERNATE, NORMAL = "\x1b[?1049h", "\x1b[?1049l"


@pytest.mark.parametrize("keys", [b"q", b"\x03"])
def test_the_live_view_ends_cleanly_on_a_key(keys: bytes) -> None:
    with Terminal("--", *python(IDLE)) as terminal:
        terminal.read_until("no file is open for reading")
        (server,) = psutil.Process(terminal.child.pid).children()
        assert termios.tcgetattr(terminal.theirs) != terminal.before
        terminal.type(keys)
        terminal.read_until(NORMAL)
        terminal.read_until("growth of own (anonymous) pages")
        assert terminal.child.wait(timeout=WAIT) == Exit.OK
        assert termios.tcgetattr(terminal.theirs) == terminal.before
        assert not server.is_running()


def test_the_live_view_ends_cleanly_when_the_server_ends(
    start: Callable[[list[str]], "subprocess.Popen[str]"],
) -> None:
    server = start(python(HOARDER, 1))
    first_line(server)
    with Terminal("--pid", server.pid) as terminal:
        terminal.read_until(ALTERNATE)
        terminal.read_until("1 LISTEN")
        server.kill()
        terminal.read_until(NORMAL)
        terminal.read_until("has ended")
        assert terminal.child.wait(timeout=WAIT) == Exit.ENDED
        assert termios.tcgetattr(terminal.theirs) == terminal.before


def test_the_live_view_follows_the_window() -> None:
    with Terminal("--interval", "1h", "--", *python(IDLE)) as terminal:
        terminal.read_until("each tick is 10 times more")
        terminal.resize(140, 45)
        terminal.read_until("USS")  # there is room for it now, though no new look was taken
        terminal.resize(20, 5)
        terminal.resize(80, 24)
        terminal.read_until("each tick is 10 times more")
        terminal.type(b"q")
        assert terminal.child.wait(timeout=WAIT) == Exit.OK


def test_the_live_view_stands_aside_for_a_while() -> None:
    with Terminal("--", *python(IDLE)) as terminal:
        terminal.read_until("q ends")
        terminal.type(b"\x1a")
        terminal.read_until(NORMAL)
        until(lambda: psutil.Process(terminal.child.pid).status() == psutil.STATUS_STOPPED)
        assert termios.tcgetattr(terminal.theirs) == terminal.before
        terminal.child.send_signal(signal.SIGCONT)
        terminal.read_until(ALTERNATE)
        terminal.read_until("q ends")
        terminal.type(b"q")
        assert terminal.child.wait(timeout=WAIT) == Exit.OK
        assert termios.tcgetattr(terminal.theirs) == terminal.before


def test_the_last_words_of_a_server_survive_the_live_view(tmp_path: Path) -> None:
    end = tmp_path / "end"
    source = """
import os, socket, sys, time
listener = socket.create_server(("127.0.0.1", 0))
while not os.path.exists(sys.argv[1]):
    time.sleep(0.01)
sys.exit("out of luck")
"""
    with Terminal("--", *python(source, end)) as terminal:
        terminal.read_until("1 LISTEN")
        end.touch()
        terminal.read_until(NORMAL)
        terminal.read_until("it ended with code 1; its last words: out of luck")
        assert terminal.child.wait(timeout=WAIT) == Exit.ENDED
