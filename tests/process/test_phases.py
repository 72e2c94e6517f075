"""The table of what each command comes to, and the methods that are not for every phase."""

import threading
from pathlib import Path

import pytest

from evloop import Config, Server
from evloop.process.phases import EFFECTS, WRONG_PHASE, Command, Effect, Phase
from tests.support.deadline import PATIENCE
from tests.support.descriptors import no_leaks


@pytest.fixture
def server(tmp_path: Path) -> Server:
    return Server(Config(root=tmp_path, host=("127.0.0.1",), port=0, access_log="off"))


def ends_by_itself(server: Server) -> bool:
    """Run *server*; return whether it ended without being told again."""
    thread = threading.Thread(target=server.run)
    thread.start()
    thread.join(PATIENCE)
    is_over = not thread.is_alive()
    server.stop()
    thread.join()
    return is_over and server.phase is Phase.CLOSED


def test_every_command_comes_to_something_in_every_phase() -> None:
    for phase in Phase:
        assert set(EFFECTS[phase]) == set(Command), phase
        assert WRONG_PHASE[phase]


def test_the_table() -> None:
    effects = {phase.value: "".join(_letter(phase, it) for it in Command) for phase in Phase}
    # finish, stop, end signal, log signal
    assert effects == {
        "new": "kkkk",
        "open": "kkkk",
        "running": "aear",
        "finishing": "neer",
        "closed": "nnnn",
    }


def _letter(phase: Phase, command: Command) -> str:
    return EFFECTS[phase][command].value[0]


def test_the_letters_are_those_of_the_effects() -> None:
    assert {effect.value[0] for effect in Effect} == set("kaern")


class TestNew:
    def test_there_is_nothing_to_see(self, server: Server) -> None:
        snapshot = server.snapshot()
        assert (snapshot.connections, snapshot.responses, snapshot.lag.turns) == ({}, 0, 0)
        assert (server.addresses, server.urls) == ([], [])
        with pytest.raises(RuntimeError, match="not open yet"):
            _ = server.memory
        with pytest.raises(RuntimeError, match="not open yet"):
            _ = server.worker

    @pytest.mark.parametrize("command", ["stop", "finish"])
    def test_what_is_said_early_is_kept_for_run(self, server: Server, command: str) -> None:
        getattr(server, command)()
        with no_leaks():
            assert ends_by_itself(server)

    def test_it_may_be_closed_at_once(self, server: Server) -> None:
        server.close()
        server.close()
        with pytest.raises(RuntimeError, match="runs only once"):
            server.open()


class TestOpen:
    def test_it_opens_only_once(self, server: Server) -> None:
        with no_leaks():
            server.open()
            with no_leaks(), pytest.raises(RuntimeError, match="open already"):
                server.open()
            server.close()

    @pytest.mark.parametrize("command", ["stop", "finish"])
    def test_what_is_said_is_kept_for_run(self, server: Server, command: str) -> None:
        with no_leaks():
            server.open()
            getattr(server, command)()
            assert ends_by_itself(server)

    def test_it_may_be_closed_without_having_run(self, server: Server) -> None:
        with no_leaks():
            server.open()
            server.close()
            server.close()
        with pytest.raises(RuntimeError, match="runs only once"):
            server.run()


class TestRunning:
    def test_neither_open_nor_run_nor_close_is_for_it(self, server: Server) -> None:
        with server.in_thread():
            for method in (server.open, server.run, server.close):
                with pytest.raises(RuntimeError, match=r"the server runs"):
                    method()


class TestClosed:
    def test_nothing_opens_or_runs_again(self, server: Server) -> None:
        with server.in_thread():
            pass
        with no_leaks():
            for method in (server.open, server.run):
                with pytest.raises(RuntimeError, match="runs only once"):
                    method()

    def test_the_last_figures_stay(self, server: Server) -> None:
        with server.in_thread():
            addresses, ceiling = server.addresses, server.memory.ceiling
        assert server.snapshot().lag.turns > 0
        assert server.snapshot().connections == {}
        assert server.addresses == addresses
        assert server.memory.ceiling == ceiling
