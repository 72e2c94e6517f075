"""The command as a process: what it prints, which signals it hears, and how it ends."""

import fcntl
import grp
import json
import os
import pwd
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from evloop import Config, __version__
from evloop.process.memory import plan_memory
from evloop.process.privileges import is_root
from tests.support.bench import write
from tests.support.client import Client, request
from tests.support.deadline import PATIENCE, eventually
from tests.support.serving import Command, run_command

LARGE = os.urandom(12 * 1024 * 1024)
SMALL_BUFFER = 64 * 1024


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("root")
    write(root / "index.html", b"<h1>hello</h1>")
    write(root / "large.bin", LARGE)
    root.chmod(0o755)
    return root


@pytest.fixture
def download(root: Path) -> Iterator[Callable[[Command], Client]]:
    """Begin downloads of the large file that are far from their end."""
    clients: list[Client] = []

    def begin(command: Command) -> Client:
        client = Client(command.address, receive_buffer=SMALL_BUFFER)
        clients.append(client)
        client.send(request("/large.bin"))
        client.receive_head()
        return client

    yield begin
    for client in clients:
        client.socket.close()


AS_ROOT = b"evloop: running as root; --user gives that up after binding\n" if is_root() else b""
FAREWELL = rb"evloop: (\S+) responses?, (\S+ \S+) in \S+ (?:s|min|h)[^;]*; peak memory \S+ MiB\n"


def test_the_start_and_the_end_tell_what_one_needs(root: Path) -> None:
    with Command(root) as command, Client(command.address) as client:
        assert client.get("/").body == b"<h1>hello</h1>"
        command.signal(signal.SIGTERM)
        assert command.end() == 0
    host, port = command.address
    greeting = (
        f"evloop {__version__} serves {root}\n"
        f"  http://{host}:{port}/\n"
        "  browsers keep files for 1 h; --dev asks every time\n"
        "  Ctrl-C stops\n"
    )
    assert command.said.startswith(AS_ROOT + greeting.encode())
    farewell = re.fullmatch(FAREWELL, command.said.removeprefix(AS_ROOT + greeting.encode()))
    assert farewell is not None, command.said
    assert farewell[1] == b"1"
    assert 3 <= int(farewell[2].removesuffix(b" B")) - len(b"<h1>hello</h1>") <= 600


def test_a_second_look_tells_the_strategy_and_the_plan(root: Path) -> None:
    with Command(root, "--chunk-size", "16K", "-v") as command:
        pass
    said = command.said.decode()
    assert "\n  strategy: preload up to 1 MiB within 64 MiB, stream larger in 16 KiB" in said
    assert re.search(r"\n  memory: \d\S* [KMG]iB at most, [0-9,]+ connections at once\n", said)
    told = re.findall(r"\n    ([A-Za-z/2 ]+?)  +\S+ [KMG]?i?B(?=\n)", said)
    assert told == [term.name for term in plan_memory(Config(), 0, 1, None).terms]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_lets_downloads_end(
    root: Path, download: Callable[[Command], Client], number: signal.Signals
) -> None:
    with Command(root) as command, Client(command.address) as idle:
        assert idle.get("/").status == 200
        client = download(command)
        command.signal(number)
        assert idle.receive_end() == b""
        assert command.process.poll() is None
        with pytest.raises(ConnectionRefusedError):
            Client(command.address)
        assert client.receive_bytes(len(LARGE)) == LARGE
        assert client.receive_end() == b""
        client.socket.close()
        assert command.end() == 0


@pytest.mark.parametrize("second", [signal.SIGINT, signal.SIGTERM])
def test_a_second_signal_ends_at_once(
    root: Path, download: Callable[[Command], Client], second: signal.Signals
) -> None:
    with Command(root) as command, Client(command.address) as idle:
        client = download(command)
        assert idle.get("/").status == 200
        command.signal(signal.SIGTERM)
        assert idle.receive_end() == b""  # the first has been heard
        command.signal(second)
        assert command.end() == 0
        with pytest.raises(ConnectionResetError):
            client.receive_bytes(len(LARGE))


def test_patience_after_a_signal_has_an_end(
    root: Path, download: Callable[[Command], Client]
) -> None:
    with Command(root, "--shutdown-timeout", "100ms") as command:
        client = download(command)
        command.signal(signal.SIGTERM)
        assert command.end() == 0
        with pytest.raises(ConnectionResetError):
            client.receive_bytes(len(LARGE))


def test_a_rain_of_signals_interrupts_nothing(
    root: Path, tmp_path: Path, download: Callable[[Command], Client]
) -> None:
    with Command(root, "--access-log", str(tmp_path / "log")) as command:
        is_over = threading.Event()

        def rain() -> None:
            while not is_over.wait(0.000_2):
                command.signal(signal.SIGUSR1)

        cloud = threading.Thread(target=rain)
        cloud.start()
        try:
            for _ in range(5):
                client = download(command)
                assert client.receive_bytes(len(LARGE)) == LARGE
                client.socket.close()
        finally:
            is_over.set()
            cloud.join()
        command.signal(signal.SIGTERM)
        assert command.end() == 0


class TestLog:
    def test_it_goes_on_in_a_new_file_after_sigusr1(self, root: Path, tmp_path: Path) -> None:
        path, moved = tmp_path / "log", tmp_path / "log.1"
        with Command(root, "--access-log", str(path)) as command, Client(command.address) as client:
            client.get("/?first")
            path.rename(moved)
            client.get("/?second")  # still into the old one
            command.signal(signal.SIGUSR1)
            eventually(path.exists, "the new log")
            client.get("/?third")
            command.signal(signal.SIGTERM)
            assert command.end() == 0
        assert re.findall(r"/\?(\w+)", moved.read_text()) == ["first", "second"]
        assert re.findall(r"/\?(\w+)", path.read_text()) == ["third"]

    def test_on_a_pipe_each_line_comes_at_once(self, root: Path) -> None:
        with Command(root, "--access-log", "-") as command, Client(command.address) as client:
            client.get("/")
            command.wait_for(
                rb'127\.0\.0\.1 - - \[.*\] "GET / HTTP/1\.1" 200 14 "-" "-" .* complete\n'
            )

    def test_as_json_it_can_be_read_by_programs(
        self, root: Path, download: Callable[[Command], Client]
    ) -> None:
        with Command(root, "--access-log", "-", "--log-format", "json") as command:
            with Client(command.address) as client:
                client.get("/x\x22y", 'User-Agent: "q"')
            download(command).socket.close()
            command.wait_for(rb"client-reset")
        records = [json.loads(line) for line in command.printed.splitlines()]
        refused, cut = records
        assert (refused["status"], refused["end"]) == (404, "complete")
        assert refused["request"] == r"GET /x\x22y HTTP/1.1"
        assert refused["refusal"]
        assert refused["user_agent"] == r"\x22q\x22"
        assert (cut["request"], cut["status"]) == ("GET /large.bin HTTP/1.1", 200)
        assert 0 < cut["bytes"] < len(LARGE)

    def test_a_container_has_a_log(self, root: Path) -> None:
        """Whoever reads the standard output gets it, and nothing else."""
        with Command(root) as command, Client(command.address) as client:
            client.get("/")
            command.signal(signal.SIGTERM)
            assert command.end() == 0
        assert re.fullmatch(rb'127\.0\.0\.1 - - .*"GET / HTTP/1\.1" 200 .*\n', command.printed)

    def test_a_standard_output_that_is_closed_is_nobody_elses(self, root: Path) -> None:
        """Nothing that is opened later, such as a socket, gets its number."""
        program = "import os, sys\nfrom evloop.cli import main\nos.close(1)\nsys.exit(main())\n"
        command = [sys.executable, "-c", program, str(root), "-p", "0", "-b", "127.0.0.1"]
        with subprocess.Popen(command, stderr=subprocess.PIPE) as process:
            assert process.stderr is not None
            said = b""
            while b"Ctrl-C stops" not in said and (line := process.stderr.readline()):
                said += line
            output = os.readlink(f"/proc/{process.pid}/fd/1")
            process.terminate()
            process.stderr.read()
        assert (output, process.returncode) == (os.devnull, 0), said

    def test_json_on_standard_output_is_only_json(self, root: Path) -> None:
        with Command(root, "--log-format", "json") as command, Client(command.address) as client:
            client.get("/")
            client.get("/missing")
            command.signal(signal.SIGTERM)
            assert command.end() == 0
        assert [json.loads(line)["status"] for line in command.printed.splitlines()] == [200, 404]

    def test_a_reader_that_goes_away_is_no_reason_to_stop(self, root: Path) -> None:
        reader, writer = os.pipe()
        with launched(root, "--access-log", "-", stdout=writer) as (process, address):
            os.close(writer)
            os.close(reader)
            with Client(address) as client:
                for _ in range(3):
                    assert client.get("/").status == 200
            process.send_signal(signal.SIGTERM)
            assert process.wait(PATIENCE) == 0


def test_settings_come_from_the_environment_too(root: Path) -> None:
    environment = {"EVLOOP_VERBOSE": "on", "EVLOOP_CACHE_CONTROL": "no-store"}
    with Command(root, environment=environment) as command, Client(command.address) as client:
        assert client.get("/").fields["cache-control"] == "no-store"
    assert b"\n  strategy: " in command.said
    assert b"browsers keep files" not in command.said


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_greeting_that_nobody_can_read_is_no_reason_not_to_serve(root: Path) -> None:
    with (
        open("/dev/full", "wb") as full,
        launched(root, stderr=full.fileno()) as (process, address),
    ):
        with Client(address) as client:
            assert client.get("/").status == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0


@pytest.mark.skipif(not hasattr(fcntl, "F_GETPIPE_SZ"), reason="needs Linux's pipes")
def test_a_greeting_that_nobody_reads_keeps_nobody_waiting(root: Path) -> None:
    reader, writer = os.pipe()
    os.write(writer, b"x" * fcntl.fcntl(writer, fcntl.F_GETPIPE_SZ))  # full to the brim
    with launched(root, stderr=writer) as (process, address):
        os.close(writer)
        with Client(address, receive_buffer=SMALL_BUFFER) as client:
            client.send(request("/large.bin"))
            client.receive_head()
            process.send_signal(signal.SIGTERM)
            eventually(lambda: not _is_listening(address[1]), "the first signal to be heard")
            process.send_signal(signal.SIGTERM)
            assert process.wait(PATIENCE) == 0
    os.close(reader)


def test_sighup_opens_the_log_again_and_cuts_nothing(
    root: Path, tmp_path: Path, download: Callable[[Command], Client]
) -> None:
    path = tmp_path / "log"
    with Command(root, "--access-log", str(path)) as command:
        client = download(command)
        path.unlink()
        command.signal(signal.SIGHUP)
        eventually(path.exists, "the new log")
        assert client.receive_bytes(len(LARGE)) == LARGE


@pytest.mark.parametrize("descriptors", range(5, 12))
def test_too_few_descriptors_to_start_are_one_line(root: Path, descriptors: int) -> None:
    program = (
        "import resource, sys\n"
        "from evloop.cli import main\n"
        "import encodings.idna\n"  # which resolving a name would load
        f"resource.setrlimit(resource.RLIMIT_NOFILE, ({descriptors}, {descriptors}))\n"
        "sys.exit(main())\n"
    )
    options = ["serve", str(root), "--port", "0", "--host", "127.0.0.1"]
    process = subprocess.Popen(
        [sys.executable, "-c", program, *options],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    said: list[str] = []
    for line in process.stderr:
        said.append(line)
        if "Ctrl-C stops" in line:  # these are enough
            process.terminate()
    process.stderr.close()
    process.wait(PATIENCE)
    is_served = any("Ctrl-C stops" in line for line in said)
    assert process.returncode == (0 if is_served else 1), said
    assert is_served or [line.endswith(": Too many open files\n") for line in said] == [True]
    assert descriptors > 6 or not is_served


def test_a_root_that_is_not_utf8_is_served_and_shown(tmp_path: Path) -> None:
    root = tmp_path / os.fsdecode(b"caf\xe9")
    write(root / "index.html", b"<h1>hello</h1>")
    with Command(root, environment={"PYTHONUTF8": "1"}) as command:
        with Client(command.address) as client:
            assert client.get("/").body == b"<h1>hello</h1>"
        assert rb"/caf\xe9" in command.said.removeprefix(AS_ROOT).splitlines()[0]
    code, out, complaints = run_command("serve", f"{root}/missing", "--port", "0")
    assert (code, out) == (1, "")
    assert "/caf\\xe9/missing: No such file or directory; " in complaints


@contextmanager
def launched(
    root: Path, *options: str, stdout: int = subprocess.DEVNULL, stderr: int = subprocess.PIPE
) -> Iterator[tuple[subprocess.Popen[bytes], tuple[str, int]]]:
    """Run the command with these standard streams, on a port that is free."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        address = probe.getsockname()
    arguments = ["serve", str(root), "--host", "127.0.0.1", "--port", str(address[1]), *options]
    process = subprocess.Popen(
        [sys.executable, "-m", "evloop", *arguments], stdout=stdout, stderr=stderr
    )
    try:
        eventually(lambda: _is_listening(address[1]) or process.poll() is not None, "the server")
        yield process, address
    finally:
        process.kill()
        process.communicate()


def _is_listening(port: int) -> bool:
    try:
        Client(("127.0.0.1", port)).socket.close()
    except ConnectionRefusedError:
        return False
    return True


def test_root_becomes_somebody_else_after_binding(root: Path, tmp_path: Path) -> None:
    if not is_root():
        pytest.skip("only root can")
    account = pwd.getpwnam("nobody")
    with Command(root, "--user", "nobody") as command, Client(command.address) as client:
        client.get("/")
        status = Path(f"/proc/{command.process.pid}/status").read_text()
        assert re.search(rf"\nUid:(\t{account.pw_uid}){{4}}\n", status)
        assert re.search(rf"\nGid:(\t{account.pw_gid}){{4}}\n", status)
    assert b"running as root" not in command.said


def test_a_group_alone_leaves_root_the_user_and_says_so(root: Path) -> None:
    if not is_root():
        pytest.skip("only root can")
    gid = grp.getgrnam("nogroup").gr_gid
    with Command(root, "--group", "nogroup") as command:
        status = Path(f"/proc/{command.process.pid}/status").read_text()
        assert re.search(rf"\nGid:(\t{gid}){{4}}\n", status)
        assert re.search(rf"\nGroups:\t{gid} *\n", status)
    assert b"running as root; --user gives that up" in command.said
