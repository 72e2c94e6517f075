"""The table of states: complete, and without a way that leads nowhere."""

from evloop.http1.states import FINAL, TRANSITIONS, State, state_diagram
from evloop.net.protocol import NOTHING, READ, WRITE, Closing


def reachable(start: State) -> set[State]:
    found = {start}
    pending = [start]
    while pending:
        for state in TRANSITIONS[pending.pop()]:
            if state not in found:
                found.add(state)
                pending.append(state)
    return found


def test_every_state_has_its_row() -> None:
    assert set(TRANSITIONS) == set(State)


def test_nothing_follows_a_final_state() -> None:
    assert {state for state in State if not TRANSITIONS[state]} == FINAL


def test_every_state_can_be_reached() -> None:
    assert reachable(State.IDLE) == set(State)


def test_every_state_leads_to_an_end() -> None:
    for state in State:
        assert reachable(state) & FINAL, state


def test_only_what_begins_anew_follows_itself() -> None:
    again = {state for state in State if state in TRANSITIONS[state]}
    assert again == {State.SENDING, State.WAITING_FILE}


def test_every_transition_says_why() -> None:
    assert all(why for successors in TRANSITIONS.values() for why in successors.values())


def test_only_a_response_under_way_can_be_aborted() -> None:
    sources = {state for state in State if State.ABORTED in TRANSITIONS[state]}
    assert sources == {State.SENDING, State.WAITING_DISK}


def test_a_final_state_waits_for_nothing_and_says_how_to_close() -> None:
    for state in State:
        assert (state.closing is not Closing.OPEN) == (state in FINAL), state
        assert state.interest == NOTHING or state not in FINAL, state


def test_a_state_reads_or_writes_but_not_both() -> None:
    assert {state.interest for state in State} == {READ, WRITE, NOTHING}


def test_a_state_is_known_by_its_name() -> None:
    names = [state.value for state in State]
    assert len(set(names)) == len(names)


def test_the_diagram_shows_the_whole_table() -> None:
    first, start, *lines = state_diagram().split("\n")
    assert (first, start) == ("stateDiagram-v2", "    [*] --> IDLE")
    edges = [
        f"    {source.name} --> {to.name}: {why}"
        for source, successors in TRANSITIONS.items()
        for to, why in successors.items()
    ]
    assert lines == [
        *edges,
        *(f"    {name} --> [*]" for name in ("LINGERING", "CLOSED", "ABORTED")),
    ]
