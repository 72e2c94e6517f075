"""Measure the streaming guide: whole files in memory, streams, or the hybrid of both.

python tools/strategies.py --scenarios 50x100MB
python tools/strategies.py --against nginx http.server --write docs/memory.md
"""

import argparse
import platform
import shlex
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

try:
    import psutil
    from bench.figures import VoidError
    from comparing.arguments import UsageError, chosen, known_only, parser, repeat_command
    from comparing.campaign import Campaign
    from comparing.contenders import SETTINGS, peers, strategies
    from comparing.docroot import make
    from comparing.page import PageError, check_page, write_page
    from comparing.promises import judge
    from comparing.results import Results, ResultsError, load, save
    from comparing.scenarios import SCENARIOS, Scenario
    from lab import interruption
    from lab.kernel import read_kernel_tcp
    from lab.machine import about, raise_descriptors
    from lab.servers.base import Server
    from report.figures import show_size
except ModuleNotFoundError as exc:
    sys.exit(f"strategies.py: {exc.name} is missing: pip install 'evloop-server[tools]'")

EXIT_OK, EXIT_ENVIRONMENT, EXIT_USAGE, EXIT_BROKEN = 0, 1, 2, 3

# Descriptors that a server wants beyond a connection and a file for each download.
_MORE_DESCRIPTORS = 128


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command with *arguments* (default: those of the process); return its exit code."""
    given = parser().parse_args(arguments)
    interruption.listen()
    try:
        with tempfile.TemporaryDirectory(prefix="strategies-", ignore_cleanup_errors=True) as path:
            return _run(given, Path(path))
    except (UsageError, PageError, ResultsError) as error:
        return _fail(str(error), EXIT_USAGE)
    except OSError as error:
        return _fail(f"{error.filename or 'the system'}: {error.strerror}", EXIT_ENVIRONMENT)
    except VoidError as error:
        return _fail(str(error), EXIT_ENVIRONMENT)
    except interruption.StopRequestError as request:
        return request.exit_code


def _fail(message: str, code: int) -> int:
    print(f"strategies.py: {message}", file=sys.stderr)
    return code


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _run(given: argparse.Namespace, scratch: Path) -> int:
    scenarios = chosen(given.scenarios)
    servers = _servers(given, scratch)
    if given.list:
        return _list(servers)
    for path in filter(None, (given.json, given.write)):
        if not path.resolve().parent.is_dir():
            raise UsageError(f"{path}: there is no directory {path.resolve().parent}")
    if given.write:
        check_page()
    if given.sources:
        return _show(given, load(given.sources), scenarios)
    _check_descriptors(scenarios)
    results = Results()
    try:
        _measure(given, scenarios, servers, scratch, results)
    finally:
        code = _show(given, results, scenarios)
    return code


def _servers(given: argparse.Namespace, scratch: Path) -> list[Server]:
    command = shlex.split(given.evloop)
    if not command:
        raise UsageError("--evloop wants a command")
    others = peers(given.peer_python, scratch)
    known_only(given.strategies or (), list(SETTINGS), "strategy")
    known_only(given.against, [server.name for server in others], "server")
    ours = [each for each in strategies(command) if each.name in (given.strategies or SETTINGS)]
    wanted = None if given.list else given.against
    return ours + [each for each in others if wanted is None or each.name in wanted]


def _list(servers: Sequence[Server]) -> int:
    for scenario in SCENARIOS:
        print(f"{scenario.table:<11} {scenario.name:<24} {scenario.title}")
    for server in servers:
        print(f"{'server':<11} {server.name:<24} {server.missing() or server.version()}")
    return EXIT_OK


def _check_descriptors(scenarios: Sequence[Scenario]) -> None:
    has = raise_descriptors()
    for scenario in scenarios:
        needs = 2 * scenario.downloads + _MORE_DESCRIPTORS
        if needs > has:
            raise UsageError(
                f"{scenario.name} needs {needs:,} descriptors per process and there may be "
                f"{has:,}: raise the limit (ulimit -n), or choose others with --scenarios"
            )


def _measure(
    given: argparse.Namespace,
    scenarios: Sequence[Scenario],
    servers: Sequence[Server],
    scratch: Path,
    results: Results,
) -> None:
    results.about = {**_machine(), "command": repeat_command(given)}
    root = scratch / "root"
    root.mkdir()
    scratch.chmod(0o755)
    campaign = Campaign(
        scenarios=scenarios,
        servers=_installed(servers, results),
        rounds=given.rounds,
        hold=given.hold,
        bound=min(given.max_memory, psutil.virtual_memory().available // 2),
        docroot=root,
        scratch=scratch,
        say=_say,
    )
    make(root, scenarios)
    campaign.run(results)


def _machine() -> dict[str, str]:
    facts = about("")
    kept = ("date", "processor", "memory", "system", "descriptors")
    machine = {**{name: facts[name] for name in kept}, "Python": platform.python_version()}
    kernel = read_kernel_tcp()
    if kernel is not None and kernel.limit is not None:
        machine["limit of all TCP memory"] = f"{show_size(kernel.limit)} (tcp_mem)"
    return machine


def _installed(servers: Sequence[Server], results: Results) -> list[Server]:
    found = []
    for server in servers:
        reason = server.missing()
        if reason is None:
            results.servers[server.name] = server.version()
            found.append(server)
        else:
            results.missing[server.name] = reason
            _say(f"{server.name} is left out: {reason}")
    return found


def _show(given: argparse.Namespace, results: Results, scenarios: Sequence[Scenario]) -> int:
    """Write what *results* hold, and judge it."""
    if given.json:
        save(results, given.json)
    if given.write:
        write_page(results, given.write)
    verdicts = list(judge(results, scenarios))
    for verdict in verdicts:
        print(f"{'kept' if verdict.is_kept else 'BROKEN'}  {verdict.line}")
    if not any(cell.rounds for cells in results.cells.values() for cell in cells.values()):
        return _fail("nothing could be measured", EXIT_ENVIRONMENT)
    return EXIT_OK if all(verdict.is_kept for verdict in verdicts) else EXIT_BROKEN


if __name__ == "__main__":
    sys.exit(main())
