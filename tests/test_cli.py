"""The command line: its help, and one clear line for whatever can go wrong."""

import os
import re
import socket
from pathlib import Path

import pytest

from evloop import __version__
from evloop.cli import EXIT_ENVIRONMENT, EXIT_OK, EXIT_USAGE, main
from evloop.settings.config import OPTIONS, default_text, option_name
from tests.support.serving import run_command


@pytest.fixture(autouse=True)
def _leave_the_process_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("resource.setrlimit", lambda *_: None)


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    try:
        code: object = main(arguments)
    except SystemExit as ending:
        code = ending.code
    printed = capsys.readouterr()
    assert isinstance(code, int)
    return code, printed.out, printed.err


def test_the_help_is_complete(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "serve", "--help")
    assert (code, err) == (EXIT_OK, "")
    text = _without_space(out)
    for name, option in OPTIONS.items():
        assert _without_space(f"{option_name(name)} {option.metavar} {option.help}") in text, name
        if default_text(name):
            assert _without_space(f"(default: {default_text(name)})") in text, name
    assert "EVLOOP_PORT" in text
    assert "Exitcodes:" in text


def _without_space(text: str) -> str:
    """Return *text* as if nobody had wrapped its lines."""
    return "".join(text.split())


def test_the_command_tells_what_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "--version") == (EXIT_OK, f"evloop {__version__}\n", "")
    code, out, _ = run(capsys, "--help")
    assert code == EXIT_OK
    assert "serve the files of a directory" in out


WRONG = {
    (): "the following arguments are required: COMMAND",
    ("bogus",): "invalid choice: 'bogus'",
    ("serve", "--bogus"): "--bogus",
    ("serve", "--port"): "--port: expected one argument",
    ("serve", "--por", "80"): "--por",
    ("serve", "one", "two"): "two",
    ("serve", "--port", "http"): "--port http: a whole number is wanted",
    ("serve", "--port", "99999"): "--port 99999: at most 65535 is possible",
    ("serve", "--chunk-size", "1"): "--chunk-size 1: at least 512 B is wanted",
    ("serve", "--hidden", "yes"): "--hidden yes: on or off is wanted",
    ("serve", "--symlinks", "x"): "--symlinks x: one of inside, deny, follow is wanted",
    ("serve", "--idle-timeout", "0"): "--idle-timeout 0: at least 10ms is wanted",
    ("serve", "--cache-control", "a\nb"): "printable ASCII is wanted",
    ("serve", "--memory-limit", "1K"): "--memory-limit 1 KiB: at least",
}


@pytest.mark.parametrize("arguments", WRONG)
def test_wrong_usage_is_one_line_and_2(
    arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = run(capsys, *arguments)
    assert (code, out) == (EXIT_USAGE, "")
    assert err.startswith("evloop: ")
    assert err.endswith("\n")
    assert WRONG[arguments] in err
    if arguments[-1:] != ("a\nb",):
        assert err.count("\n") == 1


def test_a_wrong_variable_is_told_by_its_name(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVLOOP_CHUNK_SIZE", "huge")
    code, _, err = run(capsys, "serve")
    assert code == EXIT_USAGE
    assert err.startswith("evloop: EVLOOP_CHUNK_SIZE huge: a size is a whole number")


def test_what_the_environment_refuses_is_one_line_and_1(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    os.mkfifo(tmp_path / "fifo")
    busy = socket.create_server(("127.0.0.1", 0))
    port = str(busy.getsockname()[1])
    here, there = str(tmp_path), str(tmp_path / "missing")
    for arguments, message in {
        (there,): f"ROOT {there}: No such file or directory",
        (here + "/fifo",): f"ROOT {here}/fifo: Not a directory",
        (here, "--port", port, "--host", "127.0.0.1"): (
            f"--port {port}: in use on 127.0.0.1 already; choose another, or 0 for a free one"
        ),
        (here, "--host", "192.0.2.1"): "--host 192.0.2.1: can't listen on port 8080",
        (here, "--host", "a..b"): "--host a..b: this is no name of a host",
        (here, "--port", "0", "--access-log", there + "/log"): (
            f"--access-log {there}/log: No such file or directory"
        ),
    }.items():
        code, out, err = run(capsys, "serve", *arguments)
        assert (code, out) == (EXIT_ENVIRONMENT, ""), arguments
        assert err.startswith(f"evloop: {message}")
        assert err.count("\n") == 1
    busy.close()


@pytest.mark.parametrize(("limits", "raised"), [((64, 512), [(512, 512)]), ((512, 512), [])])
def test_all_descriptors_that_are_allowed_are_used(
    limits: tuple[int, int],
    raised: list[tuple[int, int]],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[tuple[int, int]] = []
    monkeypatch.setattr("resource.getrlimit", lambda _: limits)
    monkeypatch.setattr("resource.setrlimit", lambda _, wanted: seen.append(wanted))
    run(capsys, "serve", "/no/such/place")
    assert seen == raised


def test_python_m_evloop_is_the_same() -> None:
    assert run_command("--version") == (EXIT_OK, f"evloop {__version__}\n", "")
    code, out, err = run_command("serve", "/no/such/place")
    assert (code, out) == (EXIT_ENVIRONMENT, "")
    assert re.fullmatch(r"evloop: ROOT /no/such/place: No such file or directory\n", err)
