"""Attack a server on this machine, and tell what it makes of it.

python tools/attack.py siege
python tools/attack.py crowd --port 8080
"""

import argparse
import contextlib
import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

try:
    from attacks.churn import Counts, churn
    from attacks.cold import LARGE as COLD
    from attacks.cold import cold_disk
    from attacks.costly import cost
    from attacks.crowding import crowd
    from attacks.docroot import make_docroot, make_many, make_real
    from attacks.fleet import storm
    from attacks.greed import greed
    from attacks.patience import patience
    from attacks.probing import probe
    from attacks.siege import Forces, duration, siege
    from attacks.target import Attacked, Victim
    from attacks.telling import entry
    from evloop_tools.lab import waiting
    from evloop_tools.lab.errors import TargetError, VoidError
    from evloop_tools.lab.machine import raise_descriptors
    from evloop_tools.report.arguments import Parser, port, positive, value
    from evloop_tools.report.progress import Progress

    from evloop.settings.units import format_duration, format_size, parse_duration, parse_size
except ModuleNotFoundError as error:
    print(f"attack: {error.name} is missing: pip install 'evloop-server[tools]'", file=sys.stderr)
    sys.exit(3)  # 1 would be a server that failed

_Attack = Callable[[argparse.Namespace, Path], Iterator[str]]
_Seconds = Callable[[argparse.Namespace], float]

EXIT_OK, EXIT_FAILED, EXIT_ENVIRONMENT = 0, 1, 3

_HELP = f"""\
Without --port an evloop is started for the attack, in a process of its own. With it, the
server has to serve a directory that `attack.py docroot` made. Everything stays on 127.0.0.1,
and ends after the time or the number that is given.
Exit codes: 0 done, {EXIT_FAILED} the server failed, 2 wrong usage, {EXIT_ENVIRONMENT} the \
environment refused."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one attack and return the exit code."""
    options = _parser().parse_args(arguments)
    raise_descriptors()
    progress = Progress(sys.stderr)
    waiting.listen(progress.tick)
    told: list[str] = []
    try:
        with tempfile.TemporaryDirectory(prefix="attack-") as directory, progress:
            progress.begin(seconds=options.seconds_expected(options))
            for line in options.run(options, Path(directory)):
                progress.clear()
                print(line, flush=True)
                told.append(line)
    except (AssertionError, RuntimeError, VoidError) as error:
        return _complain(error, EXIT_FAILED)
    except (TargetError, OSError) as error:
        return _complain(error, EXIT_ENVIRONMENT)
    except waiting.StopRequestError:
        return EXIT_OK
    finally:
        if options.json is not None:
            content = {"attack": options.attack, "told": [entry(line) for line in told]}
            options.json.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    return EXIT_OK


def _complain(error: BaseException, code: int) -> int:
    print(f"attack: {error}", file=sys.stderr)
    return code


# The attacks: each yields what it has to tell, line by line


@contextlib.contextmanager
def _target(options: argparse.Namespace, directory: Path, **settings: object) -> Iterator[Attacked]:
    """Yield the server that the options name, or one of our own over a new docroot."""
    if options.port is not None:
        yield Attacked.on_port(options.port)
    else:
        with Victim(make_docroot(directory), **settings) as victim:
            yield victim


def _siege(options: argparse.Namespace, directory: Path) -> Iterator[str]:
    forces = Forces(options.heads, options.readers, options.idle)
    with _target(options, directory) as target:
        yield from siege(target, forces, options.seconds, options.rounds)


def _crowd(options: argparse.Namespace, directory: Path) -> Iterator[str]:
    with _target(options, directory, descriptors=options.descriptors) as target:
        yield from crowd(target, options.clients, options.seconds)


def _patience(options: argparse.Namespace, directory: Path) -> Iterator[str]:
    with _target(options, directory) as target:
        yield from patience(target, options.seconds)


def _probe(options: argparse.Namespace, directory: Path) -> Iterator[str]:
    with _target(options, directory) as target:
        yield from probe(target, options.quiet)


def _cost(options: argparse.Namespace, directory: Path) -> Iterator[str]:
    with _target(options, directory) as target:
        yield from cost(target, options.requests)


def _churn(options: argparse.Namespace, directory: Path) -> Iterator[str]:
    counts = Counts(options.gets, options.aborts, options.cancels)
    with _target(options, directory) as target:
        yield from churn(target, counts, options.seed)


def _greed(options: argparse.Namespace, directory: Path) -> Iterator[str]:
    names = make_many(directory, options.files, options.size)
    with _target(options, directory) as target:
        yield from greed(target, names, options.clients, options.seconds)


def _fleet(options: argparse.Namespace, directory: Path) -> Iterator[str]:
    names = make_many(directory, options.files, options.size)
    with Victim(directory, memory_limit=options.memory_limit) as target:
        yield from storm(target, names, options.clients)


def _cold(options: argparse.Namespace, directory: Path) -> Iterator[str]:
    yield f"writing a file of {format_size(options.size)}"
    make_real(directory / COLD[1:], options.size)
    make_docroot(directory)
    yield from cold_disk(directory, options.clients, options.disk_rate, options.rounds)


def _docroot(options: argparse.Namespace, directory: Path) -> Iterator[str]:
    os.mkdir(options.path)
    yield str(make_docroot(options.path))


# The command line


def _parser() -> Parser:
    parser = Parser(
        "attack", "Attack a server on this machine, and tell what it makes of it.", _HELP
    )
    commands = parser.add_subparsers(metavar="ATTACK", required=True, dest="attack")
    one = _adder(commands)
    it = one(
        "siege",
        _siege,
        "slow heads, slow readers and idle clients at once",
        lambda options: duration(options.seconds, options.rounds),
        port_too=True,
    )
    _number(it, "--heads", 2000, "clients that never end their request head")
    _number(it, "--readers", 2000, "clients that read 512 bytes a second of a large file")
    _number(it, "--idle", 2000, "clients that never ask")
    _time(it, "--seconds", 10.0, "length of each measurement")
    _number(it, "--rounds", 3, "rounds of quiet and attack, of which the medians are told")
    it = one("crowd", _crowd, "more clients than descriptors", _its_seconds, port_too=True)
    _number(it, "--clients", 400, "clients that ask once and stay")
    _number(it, "--descriptors", 256, "limit of open files of the server that is started")
    _time(it, "--seconds", 10.0, "time that they stay")
    what = "how long clients that give nothing are kept"
    it = one("patience", _patience, what, _its_seconds, port_too=True)
    _time(it, "--seconds", 150.0, "time after which it ends")
    what = "odd paths, odd ranges, and request smuggling"
    it = one("probe", _probe, what, lambda options: 30.0, port_too=True)
    it.add_argument("--quiet", action="store_true", help="tell only what is wrong, and the sum")
    it = one("cost", _cost, "small requests that cost much", port_too=True)
    _number(it, "--requests", 3000, "of each shape")
    it = one("churn", _churn, "connections that come and go, well and badly", port_too=True)
    _number(it, "--gets", 20000, "connections that ask, take the answer and close")
    _number(it, "--aborts", 20000, "connections that go away at a random point")
    _number(it, "--cancels", 5000, "downloads that are given up in the middle")
    _number(it, "--seed", 1, "of the random choices")
    what = "clients that take all they can get"
    it = one("greed", _greed, what, lambda options: 4 * (options.seconds + 2.0))
    _number(it, "--clients", 300, "that pipeline, or ask for what has to be loaded")
    _number(it, "--files", 600, "different small files")
    _size(it, "--size", 1024**2, "of each")
    _time(it, "--seconds", 5.0, "length of each measurement")
    it.set_defaults(port=None)
    it = one("fleet", _fleet, "a fleet that asks for many small files and never reads")
    _number(it, "--files", 10000, "different small files")
    _size(it, "--size", 256 * 1024, "of each")
    _number(it, "--clients", 1000, "connections that share them")
    _size(it, "--memory-limit", 96 * 1024**2, "of the server")
    it = one("cold", _cold, "downloads of a file that is not in memory")
    _size(it, "--size", 1024**3, "of the file, which is written to the temporary directory")
    _number(it, "--clients", 4, "downloads at once, each of another part")
    _size(it, "--disk-rate", 0, "bytes a second of a slowed disk, as root; 0: as it is")
    _number(it, "--rounds", 5, "rounds with and without, of which the medians are told")
    it = one("docroot", _docroot, "make the directory that a server of your own is to serve")
    it.add_argument("path", type=Path, metavar="PATH", help="a directory that does not exist yet")
    return parser


def _its_seconds(options: argparse.Namespace) -> float:
    return float(options.seconds) + 3.0


def _adder(commands: "argparse._SubParsersAction[Parser]") -> Callable[..., Parser]:
    def add(
        name: str,
        run: _Attack,
        what: str,
        seconds: _Seconds = lambda options: 0.0,
        *,
        port_too: bool = False,
    ) -> Parser:
        parser = commands.add_parser(name, help=what, description=what)
        parser.set_defaults(run=run, seconds_expected=seconds)
        if port_too:
            meaning = "attack the server that listens there (default: start an evloop)"
            parser.add_argument("--port", type=value(port), help=meaning)
        meaning = "write what is told as JSON, with figures"
        parser.add_argument("--json", type=Path, metavar="FILE", help=meaning)
        return parser

    return add


def _number(parser: Parser, name: str, default: int, what: str) -> None:
    _option(parser, name, (positive, "N", str), default, what)


def _size(parser: Parser, name: str, default: int, what: str) -> None:
    _option(parser, name, (parse_size, "SIZE", format_size), default, what)


def _time(parser: Parser, name: str, default: float, what: str) -> None:
    _option(parser, name, (parse_duration, "TIME", format_duration), default, what)


def _option(
    parser: Parser,
    name: str,
    kind: tuple[Callable[[str], float], str, Callable[[Any], str]],
    default: float,
    what: str,
) -> None:
    parse, metavar, show = kind
    meaning = f"{what} (default: {show(default)})"
    parser.add_argument(name, type=value(parse), default=default, metavar=metavar, help=meaning)


if __name__ == "__main__":
    sys.exit(main())
