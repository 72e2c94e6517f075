"""What is in memory: who is evicted for whom, and that nobody is in vain."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evloop.files.content import Budget, BytesBody, Preloaded
from evloop.files.entry import Entry, Signature
from evloop.files.store import Store

SIGNATURE = Signature(1, 2, 3, 4, 5)
COST = 10


class Counted(dict[bytes, Entry]):
    """Counts how often an entry is looked at."""

    def __init__(self) -> None:
        super().__init__()
        self.looks = 0

    def __getitem__(self, path: bytes) -> Entry:
        self.looks += 1
        return super().__getitem__(path)


class Full:
    """A store with room for so many files."""

    def __init__(self, places: int) -> None:
        self.budget = Budget(places * COST)
        self.evictions = 0
        self.store = Store(self.budget, self._on_evict)
        self.entries = self.store.entries = Counted()

    def _on_evict(self) -> None:
        self.evictions += 1

    def put(self, name: bytes, cost: int = COST) -> bool:
        if not self.store.make_room(cost):
            return False
        content = Preloaded(memoryview(bytes(cost)), self.budget, cost)
        self.store.add(name, Entry(name, SIGNATURE, b'"x"', cost, checked=0.0, content=content))
        return True

    def read(self, name: bytes) -> BytesBody:
        content = self.store.entries[name].content
        assert content is not None
        return content.body(0, COST)


def test_a_file_that_can_not_fit_evicts_nothing() -> None:
    full = Full(10)
    for number in range(10):
        assert full.put(b"%d" % number)
    assert not full.put(b"too large", 11 * COST)
    bodies = [full.read(b"%d" % number) for number in range(7)]
    assert not full.put(b"large", 4 * COST)  # three could be had
    assert full.evictions == 0
    assert len(full.entries) == 10
    assert full.put(b"fits", 3 * COST)
    assert len(full.entries) == 8
    assert full.evictions == 1  # what remembers responses is told once
    for body in bodies:
        body.close()


def test_stalled_readers_are_not_looked_at_for_every_file() -> None:
    full = Full(64)
    for number in range(64):
        full.put(b"%d" % number)
    bodies = [full.read(b"%d" % number) for number in range(63)]
    full.put(b"first")  # finds them all in flight
    full.entries.looks = 0
    for number in range(100):
        assert full.put(b"more %d" % number)
    assert full.entries.looks == 100  # the one that goes, and no other
    for body in bodies:
        body.close()
    for number in range(100):
        assert full.put(b"again %d" % number)
    assert len(full.entries) == 64


def test_when_all_are_stalled_nobody_is_looked_at() -> None:
    full = Full(63)
    for number in range(63):
        full.put(b"%d" % number)
    bodies = [full.read(b"%d" % number) for number in range(63)]
    full.entries.looks = 0
    for _ in range(100):
        assert not full.put(b"more")
    assert full.entries.looks == 0
    for body in bodies:
        body.close()


def test_what_was_confirmed_goes_last() -> None:
    full = Full(3)
    for name in (b"a", b"b", b"c"):
        full.put(name)
    full.store.confirm(b"a", full.entries[b"a"], 1.0)
    full.put(b"d")
    full.put(b"e")
    assert list(full.entries) == [b"a", b"d", b"e"]
    assert full.entries[b"a"].checked == 1.0


@pytest.mark.parametrize("is_read", [False, True])
def test_an_entry_that_goes_lets_go_of_its_content(is_read: bool) -> None:
    full = Full(3)
    full.put(b"a")
    entry = full.entries[b"a"]
    entry.coded = Entry(b"of", entry.signature, b"", 1, checked=0.0)
    body = full.read(b"a") if is_read else None
    full.store.evict(b"a")
    assert entry.coded is None
    assert full.budget.used == (COST if is_read else 0)
    assert full.budget.idle == 0
    if body is not None:
        body.close()
    assert full.budget.used == 0


_actions = st.lists(
    st.tuples(st.sampled_from(["put", "read", "close", "evict", "confirm"]), st.integers(0, 5)),
    max_size=60,
)


@given(_actions, st.integers(1, 6))
def test_what_is_idle_is_what_only_the_store_holds(
    actions: list[tuple[str, int]], places: int
) -> None:
    full = Full(places)
    bodies: list[BytesBody] = []
    for action, number in actions:
        name = b"%d" % number
        known = name in full.entries
        if action == "put" and not known:
            room = full.budget.limit - full.budget.used + full.budget.idle
            assert full.put(name) is (room >= COST)
        elif action == "read" and known:
            bodies.append(full.read(name))
        elif action == "close" and bodies:
            bodies.pop(number % len(bodies)).close()
        elif action == "evict" and known:
            full.store.evict(name)
        elif action == "confirm" and known:
            full.store.confirm(name, full.entries[name], 0.0)
        contents = [entry.content for entry in full.entries.values()]
        idle = [content for content in contents if content and not content.is_in_flight]
        assert full.budget.idle == COST * len(idle)
        assert full.budget.idle <= full.budget.used <= full.budget.limit
    for body in bodies:
        body.close()
    full.store.clear()
    assert full.budget.used == full.budget.idle == 0
