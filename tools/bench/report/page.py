"""The page docs/benchmarks.md: the prose of page.md, filled with what was measured."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from string import Template

from lab.servers.base import Kind
from lab.servers.registry import SUBJECT

from bench.figures import PRESENTATION, digits
from bench.report.table import GOAL_HEADINGS, goal_cells, peer_cells, row_cells, row_headings
from bench.report.verdict import Outcome, Verdict, against_python, ratio
from bench.results import Results
from bench.rows import PYTHON_PEERS, Row
from evloop.settings.units import format_duration

_TEMPLATE = Path(__file__).with_name("page.md")


def render(
    results: Results, rows: Sequence[Row], verdicts: Sequence[Verdict], picture: str = ""
) -> str:
    """Return the page as Markdown, with the plot at the address *picture* if there is one."""
    measured = [row for row in rows if results.cells.get(row.name)]
    return Template(_TEMPLATE.read_text()).substitute(
        summary=_summary(verdicts),
        goals=_table(GOAL_HEADINGS, map(goal_cells, verdicts)),
        peers=_peers(results, measured),
        rounds=results.rounds,
        seconds=format_duration(results.seconds),
        picture=f"![What each server spends, beside evloop]({picture})\n\n" if picture else "",
        losses=_listed(_losses(results, measured, verdicts)),
        about=_listed(
            f"{name}: {value}" for name, value in results.about.items() if name != "command"
        ),
        servers="\n".join(
            f"| {name} | {note.kind} | {note.version} |" for name, note in results.servers.items()
        ),
        missing=_missing(results),
        rows="\n\n".join(_row_section(results, row) for row in measured),
        command=results.about.get("command", "python tools/bench").replace("\n", "\n    "),
        configurations="\n\n".join(_configurations(results)),
    )


def _missing(results: Results) -> str:
    if not results.missing:
        return "No server that the benchmark knows is left out."
    return _listed(f"{name} is left out: {why}" for name, why in results.missing.items())


def _summary(verdicts: Sequence[Verdict]) -> str:
    def number(outcome: Outcome) -> int:
        return sum(verdict.outcome is outcome for verdict in verdicts)

    text = f"{number(Outcome.MET)} goals met, {number(Outcome.MISSED)} missed"
    open_ones = number(Outcome.NOT_MEASURED)
    return f"{text}, {open_ones} not measured." if open_ones else f"{text}."


def _peers(results: Results, rows: Sequence[Row]) -> str:
    peers, table = against_python(results, rows)
    if not table:
        return "They were not run."
    outcomes = [one.outcome for line in table.values() for one in line]
    met, missed = outcomes.count(Outcome.MET), outcomes.count(Outcome.MISSED)
    titles = {row.name: row.title for row in rows}
    lines = (peer_cells(titles[name], advantages) for name, advantages in table.items())
    goal = f"The goal is {PYTHON_PEERS:g} times better in every row: met {met}, missed {missed}."
    return f"{goal}\n\n{_table(['row', *peers], lines)}"


def _losses(results: Results, rows: Sequence[Row], verdicts: Sequence[Verdict]) -> Iterator[str]:
    """Yield every goal that was missed, and every server that does better than evloop."""
    for verdict in verdicts:
        if verdict.outcome is Outcome.MISSED:
            yield f"{verdict.row.title}: {verdict.goal} is missed, with {verdict.reached}."
    for row in rows:
        ahead = list(_ahead(results, row))
        if ahead:
            heading = PRESENTATION[row.primary].heading
            yield f"{row.title}: {heading} is {', '.join(ahead)}."


def _ahead(results: Results, row: Row) -> Iterator[str]:
    """Yield each peer that does better than evloop in *row*, with how much."""
    ours = results.cell(row.name, SUBJECT).median(row.primary)
    for server in results.row_servers(row.name):
        times = ratio(ours, results.cell(row.name, server).median(row.primary))
        is_peer = results.servers[server].kind in (Kind.NATIVE.value, Kind.PYTHON.value)
        if is_peer and times is not None and times > 1:
            yield f"{digits(times)} x that of {server}"


def _row_section(results: Results, row: Row) -> str:
    cells = (row_cells(results, row, server) for server in results.row_servers(row.name))
    return f"### {row.title}\n\n{_table(row_headings(row), cells)}"


def _table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join(f"| {' | '.join(map(_escaped, line))} |" for line in lines)


def _escaped(cell: str) -> str:
    return cell.replace("|", "\\|").replace("\n", " ")


def _listed(items: Iterable[str]) -> str:
    return "\n".join(f"- {item}" for item in items) or "Nothing."


def _configurations(results: Results) -> Iterator[str]:
    """Yield each configuration once, with the rows that it was used in."""
    for name, note in results.servers.items():
        uses: dict[str, list[str]] = {}
        for row, text in note.configurations.items():
            uses.setdefault(text, []).append(row)
        for text, rows in uses.items():
            yield f"### {name} ({', '.join(rows)})\n\n```\n{text}\n```"
