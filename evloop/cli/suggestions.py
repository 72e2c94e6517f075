"""Did you mean: the name that comes closest to one that does not exist."""

from collections.abc import Iterable

_CUTOFF = 0.7
"""Similarity (difflib) from which a name is worth to be told: --prot is 0.83 like --port, and
--cors 0.5 like --host."""


def nearest(name: str, names: Iterable[str]) -> str | None:
    """Return the one of *names* that *name* may have been meant for; None when none is near."""
    from difflib import get_close_matches  # only for mistakes

    near = get_close_matches(name, list(names), 3, _CUTOFF)
    # Letters that have changed places are the likeliest mistake: --hots is --host, not --hsts.
    letters = sorted(name)
    return next((each for each in near if sorted(each) == letters), near[0] if near else None)


def did_you_mean(name: str, names: Iterable[str], prefix: str = "") -> str:
    """Return that as the end of a message; empty when no name is near.

    A *prefix* that all have in common says nothing of how near they are.
    """
    found = nearest(name.removeprefix(prefix), [each.removeprefix(prefix) for each in names])
    return f"; did you mean {prefix}{found}?" if found else ""
