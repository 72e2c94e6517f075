"""The program that ranks heads by their cost: what it asks, and that no head costs too much."""

import pytest
import worst_heads
from worst_heads import HEAD_SIZE, HEADS, open_site, plain

# Quickest of several runs: a busy machine slows some down, a costly head slows all down.
_ATTEMPTS = 5


def test_each_head_is_as_large_as_a_server_takes() -> None:
    sizes = {name: len(head) for name, head in HEADS.items()}
    assert len(sizes) > 30
    assert max(sizes.values()) <= HEAD_SIZE
    full = [name for name, size in sizes.items() if size > HEAD_SIZE - 200]
    assert len(full) > len(sizes) - 5


def test_each_head_is_answered() -> None:
    with open_site() as ask:
        assert ask(plain(1)).status == 200
        statuses = {name: ask(head).status for name, head in HEADS.items()}
    assert set(statuses.values()) == {200, 206, 308, 400, 404, 431, 501}
    assert statuses["dot segments to a redirect"] == 404
    assert statuses["as many dot segments as are read"] == 308
    assert statuses["ranges, as many as are sent"] == 206
    assert statuses["empty lines in front"] == 200


def test_a_head_over_the_limit_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [(1.0, 1e-5, 200, "cheap"), (worst_heads.LIMIT + 1, 9e-5, 404, "dear")]
    monkeypatch.setattr(worst_heads, "costs", lambda: iter(rows))
    assert worst_heads.main() == 1
    assert [line.split()[-1] for line in capsys.readouterr().out.splitlines()] == ["dear", "cheap"]
    rows.pop()
    assert worst_heads.main() == 0


@pytest.mark.slow
def test_no_head_costs_more_than_the_limit() -> None:
    assert 0 in (worst_heads.main() for _ in range(_ATTEMPTS))
