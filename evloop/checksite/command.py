"""The command line of `evloop check-site`."""

import argparse
import sys
from collections.abc import Iterator, Sequence

from evloop.checksite.links import broken_links
from evloop.checksite.rulechecks import check_rules
from evloop.checksite.sidecars import broken_sidecars
from evloop.checksite.tree import Finding, Tree
from evloop.settings.printable import printable
from evloop.site.rules.dialect import DIALECTS

EXIT_OK = 0
EXIT_FOUND = 1
EXIT_USAGE = 2


def main(arguments: Sequence[str]) -> int:
    """Print what is found, a line each, and return the exit code: 1 when there is something."""
    given = parser().parse_args(arguments)
    try:
        tree = Tree(given.root, given.index or ["index.html"], clean_urls=given.clean_urls == "on")
    except OSError as error:
        print(f"evloop: ROOT {printable(given.root)}: {error.strerror}", file=sys.stderr)
        return EXIT_USAGE
    code = EXIT_OK
    for finding in findings(tree, given.rules, links=given.links):
        code = EXIT_FOUND
        print(finding)
    return code


def findings(tree: Tree, dialect: str, *, links: bool) -> Iterator[Finding]:
    """Yield all that is wrong with *tree*."""
    rules = check_rules(tree, DIALECTS.get(dialect))
    yield from rules.findings
    yield from broken_sidecars(tree)
    yield from tree.names_that_differ_in_case()
    if links:
        yield from broken_links(tree, rules.redirects)


def parser() -> argparse.ArgumentParser:
    """Return the parser of its options, which are those of `evloop serve` where they are there."""
    made = argparse.ArgumentParser(
        prog="evloop check-site",
        description="Print what is wrong with the site in ROOT: lines of _headers and _redirects"
        " that are ignored, rules that never match and files that hide them, compressed files"
        " that are stale or broken, and names that differ only in case.",
        epilog="Exit codes: 0 nothing was found, 1 something was, 2 wrong usage.",
        allow_abbrev=False,
    )
    made.add_argument("root", metavar="ROOT", nargs="?", default=".", help="default: here")
    made.add_argument(
        "--rules", choices=[*DIALECTS, "off"], default="netlify", help="default: netlify"
    )
    made.add_argument("--clean-urls", choices=["on", "off"], default="off", help="default: off")
    made.add_argument(
        "--index", metavar="NAME", action="append", help="may be repeated (default: index.html)"
    )
    made.add_argument(
        "--links", action="store_true", help="look for the files that HTML pages lead to, too"
    )
    return made
