"""The command line: what may be typed, its help, and one clear line for whatever can go wrong."""

import logging
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from evloop import Config, __version__
from evloop.cli import EXIT_ENVIRONMENT, EXIT_OK, EXIT_USAGE, main
from evloop.cli.arguments import Arguments, Question, UsageError, read_arguments
from evloop.cli.greeting import farewell
from evloop.cli.streams import with_log
from evloop.observe import messages
from evloop.process.server import Server
from evloop.settings.config import OPTIONS, default_text, option_name
from evloop.settings.groups import FIRST, sections
from tests.support.deadline import PATIENCE
from tests.support.serving import run_command


@pytest.fixture(autouse=True)
def _leave_the_process_alone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr("resource.setrlimit", lambda *_: None)
    monkeypatch.setattr(messages, "_installed", [])
    yield
    for each in messages._installed:
        each.close()


Output = pytest.CaptureFixture[str]


def run(capfd: Output, *arguments: str) -> tuple[int, str, str]:
    code = main(arguments)
    printed = capfd.readouterr()
    return code, printed.out, printed.err


# What is typed, and what it says: words, texts of options, a question.
TYPED: dict[str, tuple[list[str], dict[str, list[str]], Question | None]] = {
    "": ([], {}, None),
    "serve": (["serve"], {}, None),
    "public": (["public"], {}, None),
    "serve public": (["serve", "public"], {}, None),
    "./serve": (["./serve"], {}, None),
    "-": (["-"], {}, None),
    "-- -x --port": (["-x", "--port"], {}, None),
    "public -p 80": (["public"], {"port": ["80"]}, None),
    "-p 80 public": (["public"], {"port": ["80"]}, None),
    "serve -p 80 public": (["serve", "public"], {"port": ["80"]}, None),
    "-p80": ([], {"port": ["80"]}, None),
    "--port=80": ([], {"port": ["80"]}, None),
    "--port 1 -p 2": ([], {"port": ["1", "2"]}, None),
    "--user=": ([], {"user": [""]}, None),
    "--user=-x": ([], {"user": ["-x"]}, None),
    "--access-log -": ([], {"access_log": ["-"]}, None),
    "-b ::1 --bind a --host b": ([], {"host": ["::1", "a", "b"]}, None),
    "-b[::1]:80": ([], {"host": ["[::1]:80"]}, None),
    "--dev": ([], {"dev": ["on"]}, None),
    "--dev public": (["public"], {"dev": ["on"]}, None),
    "--dev off public": (["public"], {"dev": ["off"]}, None),
    "--dev=off": ([], {"dev": ["off"]}, None),
    "--hidden yes": ([], {"hidden": ["yes"]}, None),  # to be refused with the reason
    "--dev ./on": (["./on"], {"dev": ["on"]}, None),
    "--dev -v": ([], {"dev": ["on"], "verbose": ["on"]}, None),
    "-v": ([], {"verbose": ["on"]}, None),
    "-v off": ([], {"verbose": ["off"]}, None),
    "-vp 80": ([], {"verbose": ["on"], "port": ["80"]}, None),
    "-vp80": ([], {"verbose": ["on"], "port": ["80"]}, None),
    "-h": ([], {}, Question.HELP),
    "--help": ([], {}, Question.HELP),
    "serve --help": (["serve"], {}, Question.HELP),
    "-p 80 --help --bogus": ([], {"port": ["80"]}, Question.HELP),
    "-V": ([], {}, Question.VERSION),
    "--version": ([], {}, Question.VERSION),
}


@pytest.mark.parametrize("typed", TYPED)
def test_what_is_typed_is_understood(typed: str) -> None:
    assert read_arguments(typed.split()) == Arguments(*TYPED[typed])


@pytest.mark.parametrize(
    ("typed", "root"),
    [
        ("", "."),
        ("serve", "."),
        ("public", "public"),
        ("serve public", "public"),
        ("serve serve", "serve"),
        ("./serve", "./serve"),
        ("-p 80 serve public", "public"),
    ],
)
def test_the_command_may_be_left_out(typed: str, root: str) -> None:
    assert read_arguments(typed.split()).root == root


MISTYPED = {
    "--bogus": "no option --bogus",
    "--prot 80": "no option --prot; did you mean --port?",
    "--por 80": "no option --por; did you mean --port?",
    "--hots ::": "no option --hots; did you mean --host?",
    "--chunksize=1": "no option --chunksize; did you mean --chunk-size?",
    "--versoin": "no option --versoin; did you mean --version?",
    "-x": "no option -x",
    "-vx": "no option -x",
    "-dir": "no option -dir",
    "--port": "--port needs a value: --port N",
    "-p": "-p needs a value: -p N",
    "--port -p": "--port needs a value: --port N",
    "--access-log --dev": "--access-log needs a value: --access-log PATH",
    "one two": "one directory is served, not 2: one two",
    "serve one two": "one directory is served, not 2: one two",
    "sevre public": (
        "one directory is served, not 2: sevre public; did you mean evloop serve public?"
    ),
}


@pytest.mark.parametrize("command", ["compress", "monitor", "soak", "bench"])
def test_a_misspelled_command_is_told(command: str, tmp_path: Path, capfd: Output) -> None:
    misspelled = command[:-2] + command[-1]
    code, _, err = run(capfd, misspelled, "-p", "0")
    assert code == EXIT_ENVIRONMENT
    assert err.endswith(f"; did you mean {command}?\n")
    with pytest.raises(UsageError, match=f"did you mean evloop {command} there"):
        _ = read_arguments([misspelled, "there"]).root


def test_a_directory_is_not_taken_for_a_misspelled_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: Output
) -> None:
    monkeypatch.chdir(tmp_path)
    os.mkfifo(tmp_path / "benc")
    assert "did you mean" not in run(capfd, "benc", "-p", "0")[2]  # it is there, but a pipe
    assert "did you mean" not in run(capfd, "serve", "soa", "-p", "0")[2]


def test_compress_reads_its_own_arguments(tmp_path: Path, capfd: Output) -> None:
    code, out, err = run(capfd, "compress", "--formats", "gzip", str(tmp_path))
    assert (code, out, err) == (EXIT_OK, "0 files, sidecars: none\n", "")
    assert read_arguments(["./compress"]).root == "./compress"


@pytest.mark.parametrize("typed", MISTYPED)
def test_what_means_nothing_is_told_with_what_would(typed: str) -> None:
    with pytest.raises(UsageError) as refused:
        _ = read_arguments(typed.split()).root
    assert str(refused.value) == MISTYPED[typed]


WRONG = {
    ("--bogus",): "no option --bogus (evloop serve --help)",
    ("--prot", "80"): "did you mean --port? (evloop serve --help)",
    ("one", "two"): "(evloop serve --help)",
    ("serve", ""): "ROOT '': it is empty",
    ("serve", "--port", "http"): "--port http: a whole number is wanted",
    ("serve", "--port", "99999"): "--port 99999: at most 65535 is possible",
    ("serve", "--bind", "::1", "-p", "1", "-b", "[::1]:2"): "--port 1 says otherwise",
    ("serve", "--chunk-size", "1"): "--chunk-size 1: at least 512 B is wanted",
    ("serve", "--chunk-size", "1MB"): "MiB = 1024^2: write 1MiB",
    ("serve", "--hidden", "yes"): "--hidden yes: on or off is wanted",
    ("serve", "--symlinks", "x"): "--symlinks x: one of inside, deny, follow is wanted",
    ("serve", "--idle-timeout", "0"): "--idle-timeout 0: at least 10ms is wanted",
    ("serve", "--cache-control", "a\nb"): r"--cache-control a\nb: printable ASCII is wanted",
    ("serve", "--memory-limit", "1K"): "--memory-limit 1 KiB: at least",
}


@pytest.mark.parametrize("arguments", WRONG)
def test_wrong_usage_is_one_line_and_2(arguments: tuple[str, ...], capfd: Output) -> None:
    code, out, err = run(capfd, *arguments)
    assert (code, out) == (EXIT_USAGE, "")
    assert err.startswith("evloop: ")
    assert err.count("\n") == 1
    assert WRONG[arguments] in err


@pytest.mark.parametrize(
    "typed",
    [
        "/no/such/place",
        "/dev/null",
        "public --prot 80",
        "public -p",
        "public pages",
        "--chunk-size 32KB",
        "-b 8080",
        "-b 127.0.0.1:8080 -p 80",
        "--cache-control \x80",
        "--hidden yes",
        "-p 65536",
    ],
)
def test_a_usual_mistake_fits_a_terminal(typed: str, capfd: Output) -> None:
    code, _, err = run(capfd, *typed.split())
    assert code in {EXIT_ENVIRONMENT, EXIT_USAGE}
    assert 0 < len(err.rstrip()) <= 80


class TestHelp:
    def test_all_of_it_is_complete(self, capfd: Output) -> None:
        code, out, err = run(capfd, "serve", "--help")
        assert (code, err) == (EXIT_OK, "")
        text = _without_space(out)
        for name, option in OPTIONS.items():
            metavar = f"[{option.metavar}]" if option.is_switch else option.metavar
            assert _without_space(f"{option_name(name)} {metavar} {option.help}") in text, name
            if default_text(name):
                assert _without_space(f"(default: {default_text(name)})") in text, name
        assert "EVLOOP_PORT" in text
        assert "Exitcodes:" in text

    def test_it_begins_with_the_dozen_and_has_the_others_by_group(self, capfd: Output) -> None:
        _, out, _ = run(capfd, "serve", "-h")
        assert re.findall(r"^([A-Z][\w/]+)(?: options)?:$", out, re.M) == [
            "Examples",
            *(title for title, _ in sections()),
        ]
        shown = re.findall(r"^  (?:-\S+, )*--([a-z0-9-]+)", out, re.M)
        in_order = [name.replace("_", "-") for _, names in sections() for name in names]
        assert [name for name in shown if name not in {"help", "version"}] == in_order

    def test_a_short_one_has_three_examples_and_the_dozen(self, capfd: Output) -> None:
        code, out, err = run(capfd, "--help")
        assert (code, err) == (EXIT_OK, "")
        assert (
            len(re.findall(r"^  evloop .*(?:\n {20,}.*)?$", out, re.M)) == 3 + 3
        )  # three lines of commands
        shown = re.findall(r"^  (?:-\S+, )*--([a-z0-9-]+)", out, re.M)
        assert shown == [*(name.replace("_", "-") for name in FIRST), "version", "help"]
        assert "evloop serve --help explains all" in out
        assert out.count("\n") < 50

    @pytest.mark.parametrize("command", ["--help", "serve --help"])
    @pytest.mark.parametrize("columns", [80, 60])
    def test_it_fits_the_terminal(
        self, command: str, columns: int, capfd: Output, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("COLUMNS", str(columns))
        _, out, _ = run(capfd, *command.split())
        options = re.findall(r"^(?:  -| {26}\S).*", out, re.M)
        assert max(map(len, options)) <= columns
        assert max(map(len, out.splitlines())) <= 80


def _without_space(text: str) -> str:
    """Return *text* as if nobody had wrapped its lines."""
    return "".join(text.split())


@pytest.mark.parametrize("question", ["-V", "--version"])
def test_the_command_tells_what_it_is(question: str, capfd: Output) -> None:
    assert run(capfd, question) == (EXIT_OK, f"evloop {__version__}\n", "")


class TestVariables:
    def test_a_wrong_value_is_told_by_its_name(
        self, capfd: Output, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("EVLOOP_CHUNK_SIZE", "huge")
        code, _, err = run(capfd, "serve")
        assert code == EXIT_USAGE
        assert err.startswith("evloop: EVLOOP_CHUNK_SIZE huge: a size is a whole number")

    def test_those_that_are_no_options_are_warnings(
        self, capfd: Output, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        monkeypatch.setenv("EVLOOP_PROT", "80")
        monkeypatch.setenv("EVLOOP_QQQQ", "80")
        monkeypatch.setenv("EVLOOP_PORT", "0")
        with caplog.at_level(logging.WARNING):
            code, _, _ = run(capfd, "serve", "/no/such/place")
        assert code == EXIT_ENVIRONMENT
        assert caplog.messages == [
            "the variable EVLOOP_PROT is no option; did you mean EVLOOP_PORT?",
            "the variable EVLOOP_QQQQ is no option",
        ]


def test_what_the_environment_refuses_is_one_line_and_1(capfd: Output, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    busy = socket.create_server(("127.0.0.1", 0))
    port = str(busy.getsockname()[1])
    here, there = str(tmp_path), str(tmp_path / "missing")
    for arguments, message in {
        (there, "-p", "0"): (f"ROOT {there}: No such file or directory; name one that exists"),
        (here + "/fifo", "-p", "0"): (f"ROOT {here}/fifo: Not a directory; name one that exists"),
        (here, "--port", port, "--host", "127.0.0.1"): (
            f"--port {port}: in use on 127.0.0.1 already; take another, or 0 for any"
        ),
        (here, "--host", "192.0.2.1"): "--host 192.0.2.1: can't listen on port 8080",
        (here, "--host", "a..b"): "--host a..b: this is no name of a host",
        (here, "--port", "0", "--access-log", there + "/log"): (
            f"--access-log {there}/log: No such file or directory"
        ),
    }.items():
        code, out, err = run(capfd, "serve", *arguments)
        assert (code, out) == (EXIT_ENVIRONMENT, ""), arguments
        assert err.startswith(f"evloop: {message}")
        assert err.count("\n") == 1
    busy.close()


class StartedError(Exception):
    """Thrown in place of serving."""


class TestGreeting:
    @pytest.fixture(autouse=True)
    def _only_greet(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def end(server: Server) -> None:
            server.close()
            raise StartedError

        monkeypatch.setattr(Server, "run", end)
        monkeypatch.setattr("evloop.cli.command.harden", lambda: None)
        monkeypatch.setattr("evloop.cli.command.fix_thresholds", lambda: None)

    def greet(self, capfd: Output, root: Path, *options: str) -> list[str]:
        """Return the lines of the greeting behind the first, without the last."""
        with pytest.raises(StartedError):
            main([str(root), "-p", "0", *options])
        said = capfd.readouterr().err.splitlines()
        assert said[0] == f"evloop {__version__} serves {root}"
        assert said[-1] == "  Ctrl-C stops"
        return [re.sub(r":\d+/", ":PORT/", line.strip()) for line in said[1:-1]]

    @pytest.fixture
    def root(self, tmp_path: Path) -> Path:
        (tmp_path / "index.html").write_text("hello")
        return tmp_path

    def test_it_is_short(self, capfd: Output, root: Path) -> None:
        assert self.greet(capfd, root, "-b", "127.0.0.1") == [
            "http://127.0.0.1:PORT/",
            "browsers keep files for 1 h; --dev asks every time",
        ]

    @pytest.mark.parametrize("option", [["--cache-control", "no-store"], ["--dev", "off"]])
    def test_what_browsers_keep_is_told_of_the_default(
        self, capfd: Output, root: Path, option: list[str]
    ) -> None:
        lines = self.greet(capfd, root, "-b", "127.0.0.1", *option)
        assert ("browsers keep" in lines[-1]) == (option[0] == "--dev")

    def test_who_edits_is_told_of_it(self, capfd: Output, root: Path) -> None:
        lines = self.greet(capfd, root, "-b", "127.0.0.1", "--dev")
        assert lines[1:] == ["dev: browsers ask for each file every time"]

    def test_a_root_without_an_index_is_told(self, capfd: Output, root: Path) -> None:
        options = ("-b", "127.0.0.1", "--index", "home.html", "--index", ".hidden.html")
        (root / ".hidden.html").touch()
        lines = self.greet(capfd, root, *options)
        assert f"no home.html or .hidden.html in {root}: / is a listing" in lines
        (root / "home.html").touch()
        assert not [line for line in self.greet(capfd, root, *options) if "404" in line]

    def test_an_open_address_comes_with_its_urls_and_a_warning(
        self, capfd: Output, root: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(
            "evloop.cli.greeting.own_addresses",
            lambda family: ["10.1.2.3"] if family == socket.AF_INET else ["fd00::1"],
        )
        lines = self.greet(capfd, root, "-b", "0.0.0.0")
        assert lines[:3] == [
            "http://localhost:PORT/",
            "http://10.1.2.3:PORT/  from elsewhere",
            "others can reach it; -b 127.0.0.1 keeps it on this machine",
        ]
        if socket.has_ipv6 and _has_ipv6_loopback():
            assert self.greet(capfd, root, "-b", "::")[1:3] == [
                "http://10.1.2.3:PORT/  from elsewhere",
                "http://[fd00::1]:PORT/  from elsewhere",
            ]
            assert self.greet(capfd, root, "-b", "::", "-b", "127.0.0.1")[1] == (
                "http://[fd00::1]:PORT/  from elsewhere"
            )

    def test_a_machine_without_another_address_has_none_to_tell(
        self, capfd: Output, root: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("evloop.cli.greeting.own_addresses", lambda family: [])
        assert self.greet(capfd, root, "-b", "0.0.0.0")[1].startswith("others can reach it")


def _has_ipv6_loopback() -> bool:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


@pytest.mark.parametrize(
    ("responses", "size", "seconds", "text"),
    [
        (0, 0, 0.04, "0 responses, 0 B in 0.0 s; peak memory 14 MiB"),
        (1, 500, 9.94, "1 response, 500 B in 9.9 s; peak memory 14 MiB"),
        (1234, 5 * 1024**3, 59.4, "1,234 responses, 5 GiB in 59 s; peak memory 14 MiB"),
        (2, 1024, 59.6, "2 responses, 1 KiB in 1 min 0 s; peak memory 14 MiB"),
        (2, 1024, 3599.0, "2 responses, 1 KiB in 59 min 59 s; peak memory 14 MiB"),
        (2, 1024, 90_060.0, "2 responses, 1 KiB in 25 h 1 min; peak memory 14 MiB"),
    ],
)
def test_the_end_is_one_line(responses: int, size: int, seconds: float, text: str) -> None:
    assert farewell(responses, size, seconds, 14 * 1024**2) == f"evloop: {text}"


@pytest.mark.parametrize(
    ("asked", "output", "where"),
    [
        ("auto", "file", "-"),
        ("auto", os.devnull, "off"),
        ("auto", "/dev/full", "-"),  # a device, and not that one
        ("-", os.devnull, "-"),
        ("off", "file", "off"),
        ("/var/log/x", "file", "/var/log/x"),
    ],
)
def test_a_log_is_on_unless_nobody_can_read_it(
    asked: str, output: str, where: str, tmp_path: Path
) -> None:
    before = os.dup(1)
    with (tmp_path / output).open("wb") as file:
        os.dup2(file.fileno(), 1)
        try:
            log = with_log(Config(access_log=asked)).access_log
        finally:
            os.dup2(before, 1)
            os.close(before)
    assert log == where


@pytest.mark.parametrize(("limits", "raised"), [((64, 512), [(512, 512)]), ((512, 512), [])])
def test_all_descriptors_that_are_allowed_are_used(
    limits: tuple[int, int],
    raised: list[tuple[int, int]],
    capfd: Output,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[tuple[int, int]] = []
    monkeypatch.setattr("resource.getrlimit", lambda _: limits)
    monkeypatch.setattr("resource.setrlimit", lambda _, wanted: seen.append(wanted))
    run(capfd, "serve", "/no/such/place")
    assert seen == raised


def test_python_m_evloop_is_the_same() -> None:
    assert run_command("--version") == (EXIT_OK, f"evloop {__version__}\n", "")
    for words in (["/no/such/place"], ["serve", "/no/such/place"]):
        code, out, err = run_command(*words, "-p", "0")
        assert (code, out) == (EXIT_ENVIRONMENT, "")
        assert re.fullmatch(r"evloop: ROOT /no/such/place: No such file or directory; .*\n", err)


@pytest.mark.parametrize("module", ["evloop.cli.command", "evloop.files.cache"])
def test_ctrl_c_while_modules_are_loaded_is_no_traceback(module: str) -> None:
    program = f"""
import sys
class Interrupt:
    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            raise KeyboardInterrupt
sys.meta_path.insert(0, Interrupt())
from evloop.cli import main
sys.exit(main(["/no/such/place"]))
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, timeout=PATIENCE, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (EXIT_OK, b"", b"")


def test_ctrl_c_before_the_server_listens_is_no_traceback(
    capfd: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Server, "open", interrupt)
    assert run(capfd, "/no/such/place") == (EXIT_OK, "", "")
