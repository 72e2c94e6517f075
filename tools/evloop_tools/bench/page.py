"""The page docs/benchmarks.md: the prose of page.md, filled with what was measured."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from string import Template

from evloop.settings.units import format_duration
from evloop_tools.bench.rows import PYTHON_PEERS, Row
from evloop_tools.bench.tables import goals_table, peers_table, row_table
from evloop_tools.bench.verdict import Verdict, against_python, peer_goal
from evloop_tools.campaign.results import Results
from evloop_tools.lab.servers.base import Kind
from evloop_tools.lab.servers.registry import SUBJECT
from evloop_tools.report.figures import digits, ratio
from evloop_tools.report.page import listed
from evloop_tools.report.verdict import Finding

_TEMPLATE = Path(__file__).with_name("page.md")


def render(
    results: Results, rows: Sequence[Row], verdicts: Sequence[Verdict], picture: str = ""
) -> str:
    """Return the page as Markdown, with the plot at the address *picture* if there is one."""
    measured = [row for row in rows if results.cells.get(row.name)]
    about = (f"{name}: {value}" for name, value in results.about.items() if name != "command")
    return Template(_TEMPLATE.read_text()).substitute(
        summary=_summary(verdicts),
        goals=goals_table(verdicts).markdown(),
        peers=_peers(results, measured),
        rounds=results.rounds,
        seconds=format_duration(results.seconds),
        picture=f"![What each server spends, beside evloop]({picture})\n\n" if picture else "",
        losses=listed(_losses(results, measured, verdicts)),
        about=listed(about),
        servers="\n".join(
            f"| {name} | {note.kind} | {note.version} |" for name, note in results.servers.items()
        ),
        missing=_missing(results),
        rows="\n\n".join(
            f"### {row.title}\n\n{row_table(results, row).markdown()}" for row in measured
        ),
        command=results.about.get("command", "evloop bench").replace("\n", "\n    "),
        configurations="\n\n".join(_configurations(results)),
    )


def _missing(results: Results) -> str:
    if not results.missing:
        return "No server that the benchmark knows is left out."
    return listed(f"{name} is left out: {why}" for name, why in results.missing.items())


def _summary(verdicts: Sequence[Verdict]) -> str:
    met, missed, unknown = (
        sum(verdict.finding is finding for verdict in verdicts)
        for finding in (Finding.KEPT, Finding.BROKEN, Finding.NOT_JUDGED)
    )
    text = f"{met} goals met, {missed} missed"
    return f"{text}, {unknown} not measured." if unknown else f"{text}."


def _peers(results: Results, rows: Sequence[Row]) -> str:
    table = peers_table(results, rows)
    if table is None:
        return "They were not run."
    _, times = against_python(results, rows)
    found = [peer_goal(each) for line in times.values() for each in line]
    met, missed = found.count(Finding.KEPT), found.count(Finding.BROKEN)
    goal = f"The goal is {PYTHON_PEERS:g} times better in every row: met {met}, missed {missed}."
    return f"{goal}\n\n{table.markdown()}"


def _losses(results: Results, rows: Sequence[Row], verdicts: Sequence[Verdict]) -> Iterator[str]:
    """Yield every goal that was missed, and every server that does better than evloop."""
    for verdict in verdicts:
        if verdict.finding is Finding.BROKEN:
            yield f"{verdict.row.title}: {verdict.goal} is missed, with {verdict.reached}."
    for row in rows:
        ahead = list(_ahead(results, row))
        if ahead:
            yield f"{row.title}: {row.primary.heading} is {', '.join(ahead)}."


def _ahead(results: Results, row: Row) -> Iterator[str]:
    """Yield each peer that does better than evloop in *row*, with how much."""
    ours = results.median(row.name, SUBJECT, row.primary)
    for server in results.row_servers(row.name):
        times = ratio(ours, results.median(row.name, server, row.primary))
        is_peer = results.servers[server].kind in (Kind.NATIVE.value, Kind.PYTHON.value)
        if is_peer and times is not None and times > 1:
            yield f"{digits(times)} x that of {server}"


def _configurations(results: Results) -> Iterator[str]:
    """Yield each configuration once, with the rows that it was used in."""
    for name, note in results.servers.items():
        uses: dict[str, list[str]] = {}
        for row, text in note.configurations.items():
            uses.setdefault(text, []).append(row)
        for text, rows in uses.items():
            yield f"### {name} ({', '.join(rows)})\n\n```\n{text}\n```"
