"""The fuzzer: its corpus, a fixed number of mutations, and that it finds what there is."""

import random
from pathlib import Path

import fuzz
import pytest
from fuzzing import engines, targets
from fuzzing.engines import Finding, Report, execute, mutate, run_mutations
from fuzzing.targets import TARGETS, open_target
from fuzzing.words import WORDS

EXECUTIONS = 1500
SEED = 9110

INPUTS = [
    pytest.param(target, path, id=f"{target}-{path.name}")
    for target in TARGETS
    for path in sorted((fuzz.CORPUS / target).iterdir())
]


@pytest.mark.parametrize(("target", "path"), INPUTS)
def test_no_input_of_the_corpus_breaks_a_promise(target: str, path: Path) -> None:
    with open_target(target) as run:
        run(path.read_bytes())


@pytest.mark.parametrize("target", TARGETS)
def test_mutations_of_the_corpus_break_no_promise(target: str) -> None:
    corpus = fuzz.read_corpus(target)
    report = run_mutations(target, corpus, SEED, lambda report: report.executions >= EXECUTIONS)
    assert not report.findings, f"{report.findings[0].data!r}\n{report.findings[0].trace}"
    assert report.executions == EXECUTIONS


def test_every_corpus_has_its_target() -> None:
    assert {path.name for path in fuzz.CORPUS.iterdir()} == set(TARGETS)


def test_the_same_seed_makes_the_same_inputs() -> None:
    def inputs(seed: int) -> list[bytes]:
        chance = random.Random(seed)
        return [mutate([b"GET / HTTP/1.1\r\n\r\n", b"POST"], chance) for _ in range(100)]

    assert inputs(1) == inputs(1)
    assert inputs(1) != inputs(2)
    assert len(set(inputs(1))) > 80
    assert max(map(len, inputs(3))) <= engines.MAX_SIZE


def test_the_words_are_words() -> None:
    assert len(WORDS) == len(set(WORDS))
    assert b"\r\n\r\n" in WORDS


# What is found


def break_at_a_nul(data: bytes) -> None:
    if b"\0" in data:
        raise RecursionError("too deep")


@pytest.fixture
def broken_target(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(targets.RUNS, "head", break_at_a_nul)


@pytest.mark.usefixtures("broken_target")
def test_a_finding_is_told_and_saved(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["--engine", "mutations", "--target", "head", "--minutes", "1", "--corpus"]
    assert fuzz.main([*command, str(tmp_path)]) == fuzz.EXIT_FINDING
    output = capsys.readouterr().out
    assert "1 finding\n" in output
    assert "RecursionError: too deep" in output
    (saved,) = (tmp_path / "head").iterdir()
    assert b"\0" in saved.read_bytes()
    assert fuzz.read_corpus("head", tmp_path) == [saved.read_bytes()]


def test_nothing_found_is_a_success(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["--engine", "mutations", "--minutes", "0.001", "--seed", "2", "--corpus"]
    assert fuzz.main([*command, str(tmp_path)]) == fuzz.EXIT_OK
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == list(TARGETS)
    assert all(line.endswith(", 0 findings") for line in lines)


def test_an_input_that_holds_the_loop_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    def hold(data: bytes) -> None:
        while True:
            pass

    monkeypatch.setattr(engines, "PATIENCE", 0.01)
    monkeypatch.setitem(targets.RUNS, "head", hold)
    report = run_mutations("head", [b""], SEED, lambda report: False)
    assert "HeldError" in report.findings[0].trace


def test_any_exception_is_a_finding() -> None:
    finding = execute(break_at_a_nul, b"\0")
    assert isinstance(finding, Finding)
    assert finding.data == b"\0"
    assert execute(break_at_a_nul, b"") is None


WRONG = {
    ("--minutes", "soon"): "--minutes",
    ("--minutes", "0"): "--minutes",
    ("--minutes", "-1"): "--minutes",
    ("--minutes", "nan"): "--minutes",
    ("--target", "everything"): "--target",
    ("--engine", "luck"): "--engine",
    ("--seed", "x"): "--seed",
    ("--corpus", "no/such/directory"): "--corpus",
}


@pytest.mark.parametrize(("arguments", "option"), WRONG.items())
def test_wrong_usage_names_the_option(
    arguments: tuple[str, ...], option: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        fuzz.main(arguments)
    assert ended.value.code == fuzz.EXIT_USAGE
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("fuzz: ")
    assert option in line


def test_an_engine_that_is_not_there_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(fuzz, "has_atheris", lambda: False)
    assert fuzz.main(["--engine", "atheris"]) == fuzz.EXIT_USAGE
    assert "not installed" in capsys.readouterr().err


def test_an_interrupt_ends_it_without_a_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*arguments: object) -> Report:
        raise KeyboardInterrupt

    monkeypatch.setattr(fuzz, "run_mutations", interrupted)
    assert fuzz.main(["--engine", "mutations"]) == fuzz.EXIT_INTERRUPTED
    assert capsys.readouterr().err == "fuzz: interrupted\n"


def test_what_another_process_has_found_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    def worker(target: str, arguments: list[str], timeout: float, tick: object) -> str:
        (prefix,) = (it for it in arguments if it.startswith("-artifact_prefix="))
        Path(prefix.partition("=")[2], "crash-1").write_bytes(b"a\0b")
        return "stat::number_of_executed_units: 1234"

    monkeypatch.setattr(engines, "_run_worker", worker)
    monkeypatch.setitem(targets.RUNS, "head", break_at_a_nul)
    report = engines.run_atheris("head", [], SEED, 1.0)
    assert report.executions == 1234
    assert report.findings[0].data == b"a\0b"
    assert "RecursionError: too deep" in report.findings[0].trace


def test_what_takes_minutes_shows_how_far_it_is(tmp_path: Path) -> None:
    ticks: list[object] = []

    def tick() -> None:
        ticks.append(None)

    report = fuzz.fuzz("head", "mutations", 0.05, SEED, tmp_path, tick)
    assert len(ticks) == report.executions + 1


def test_another_process_is_waited_for_with_ticks_and_ended_when_late(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "guided.py").write_text("import time; print('begun', flush=True); time.sleep(600)")
    monkeypatch.setattr(engines, "_GUIDED", [str(tmp_path / "guided.py")])
    monkeypatch.setattr(engines, "_TICK", 0.05)
    ticks: list[float] = []
    said = engines._run_worker("head", [], 1.0, lambda: ticks.append(0.0))
    assert said.endswith("\nit did not end by itself")
    assert ticks


def test_an_engine_that_does_not_run_is_no_success(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(fuzz, "has_atheris", lambda: True)
    monkeypatch.setattr(engines, "_run_worker", lambda *arguments: "a\nno such module")
    assert fuzz.main(["--engine", "atheris"]) == fuzz.EXIT_ENVIRONMENT
    assert capsys.readouterr().err == "fuzz: atheris did not run: no such module\n"


@pytest.mark.slow
@pytest.mark.skipif(not engines.has_atheris(), reason="atheris is not installed")
def test_atheris_looks_too() -> None:
    report = engines.run_atheris("ranges", fuzz.read_corpus("ranges"), SEED, 2.0)
    assert report.findings == []
    assert report.executions > 100
