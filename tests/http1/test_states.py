"""The table of states: complete, and without a way that leads nowhere."""

from evloop.http1.states import FINAL, READING, TRANSITIONS, State, state_diagram


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


def test_no_state_follows_itself() -> None:
    assert not [state for state in State if state in TRANSITIONS[state]]


def test_every_transition_says_why() -> None:
    assert all(why for successors in TRANSITIONS.values() for why in successors.values())


def test_only_a_response_under_way_can_be_aborted() -> None:
    sources = {state for state in State if State.ABORTED in TRANSITIONS[state]}
    assert sources == {State.SENDING, State.RESTING}


def test_a_final_state_reads_nothing() -> None:
    assert not READING & FINAL


def test_the_diagram_shows_the_whole_table() -> None:
    first, start, *lines = state_diagram().split("\n")
    assert (first, start) == ("stateDiagram-v2", "    [*] --> IDLE")
    edges = [
        f"    {source.name} --> {to.name}: {why}"
        for source, successors in TRANSITIONS.items()
        for to, why in successors.items()
    ]
    assert lines == [*edges, "    CLOSED --> [*]", "    ABORTED --> [*]"]
