"""Who comes to a soak test, what they do, and how they are told to."""

import itertools
import random
import zlib
from collections.abc import Callable

import pytest
from evloop_tools.load.behaviours import BEHAVIOURS, Habits, Visitor
from evloop_tools.load.content import PERIOD, Coded
from evloop_tools.load.crowd import Group, Load, deal
from evloop_tools.load.files import Catalogue, File, Kind
from evloop_tools.load.steps import Answer, Ask, Close, Rest, Step
from evloop_tools.soaking.scenarios import SCENARIOS, Scenario, parse_mix

KIB, MIB = 1024, 1024 * 1024


def test_groups_are_dealt_by_weight_and_evenly_spread() -> None:
    groups = [Group(name, name, weight) for name, weight in (("a", 5), ("b", 1), ("c", 2))]
    dealt = "".join(group.name for group in itertools.islice(deal(groups), 80))
    assert (dealt.count("a"), dealt.count("b"), dealt.count("c")) == (50, 10, 20)
    assert "aaa" not in dealt
    assert dealt[:8] * 10 == dealt


def test_a_load_knows_its_connections() -> None:
    load = Load((Group("page", "page", 1), Group("full", "full", 3)), clients=100)
    assert load.connections == 225


FILES = [
    File(f"/{number}", kind, Coded(f"/{number}", size))
    for number, (kind, size) in enumerate(
        [(Kind.PAGE, 9), (Kind.ASSET, 9999), (Kind.ASSET, 3), (Kind.DOCUMENT, 5 * MIB)] * 2
    )
]


def steps_of(name: str, seed: int) -> list[Step]:
    """Carry out a script with answers as a good server gives them."""
    visitor = Visitor(random.Random(seed), Catalogue(FILES), Habits(), lambda _: None)
    script = BEHAVIOURS[name](visitor)
    taken: list[Step] = []
    answer = None
    while True:
        try:
            step = script.send(answer)
        except StopIteration:
            return taken
        taken.append(step)
        answer = Answer(200, '"tag"', None, 1000, 2000, True) if isinstance(step, Ask) else None
        assert len(taken) < 100


@pytest.mark.parametrize("name", BEHAVIOURS)
def test_the_same_seed_makes_the_same_visitor(name: str) -> None:
    assert steps_of(name, 7) == steps_of(name, 7)
    assert len({str(steps_of(name, seed)) for seed in range(5)}) > 1 or name == "stalled"


def asks(name: str, seed: int = 3) -> list[Ask]:
    return [step for step in steps_of(name, seed) if isinstance(step, Ask)]


TRAITS: dict[str, Callable[[], bool]] = {
    "slow": lambda: all(ask.rate == Habits().rate for ask in asks("slow")),
    "stalled": lambda: asks("stalled")[0].body_bytes == 0,
    "slow-head": lambda: all(ask.trickle > 0 for ask in asks("slow-head")),
    "resume": lambda: asks("resume")[1].requests[0].ranges[0].start == 1000,
    "ranges": lambda: all(len(ask.requests[0].ranges) > 1 for ask in asks("ranges")),
    "revalidate": lambda: "If-None-Match" in asks("revalidate")[1].requests[0].fields,
    "pipelined": lambda: len(asks("pipelined")[1].requests) > 1,
    "full": lambda: all(ask == Ask(ask.requests) for ask in asks("full")),
    "page": lambda: len(asks("page")) > 2,
}


@pytest.mark.parametrize("name", TRAITS)
def test_each_behaviour_does_what_its_name_says(name: str) -> None:
    assert TRAITS[name]()


def test_aborts_come_in_every_place_and_both_kinds() -> None:
    seen = [steps_of("abort", seed) for seed in range(40)]
    heads = {ask.head_bytes is not None for steps in seen for ask in steps if isinstance(ask, Ask)}
    endings = {step.ending for steps in seen for step in steps if isinstance(step, Close)}
    assert len(heads) == len(endings) == 2
    assert any(isinstance(step, Rest) for steps in seen for step in steps[1:2])


def test_ranges_of_a_tiny_file_are_one_range() -> None:
    tiny = File("/t", Kind.DOCUMENT, Coded("/t", 5))
    visitor = Visitor(random.Random(1), Catalogue([tiny]), Habits(), lambda _: None)
    step = next(BEHAVIOURS["ranges"](visitor))
    assert isinstance(step, Ask)
    assert step.requests[0].ranges == (range(5),)


def test_a_mix_is_read() -> None:
    assert [(group.name, group.weight) for group in parse_mix("full=5, slow, page=0")] == [
        ("full", 5),
        ("slow", 1),
    ]


@pytest.mark.parametrize("text", ["", "nobody=1", "full=x", "full=0", "full=-1", "full=²"])
def test_a_bad_mix_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        parse_mix(text)


@pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=str)
def test_every_scenario_has_files_of_the_kinds_that_its_groups_want(scenario: Scenario) -> None:
    kinds = {wanted.file.kind for wanted in scenario.files}
    assert all(set(group.kinds) <= kinds for group in scenario.groups)
    places = {zlib.crc32(wanted.path.encode()) % PERIOD for wanted in scenario.files}
    assert len(places) == len(scenario.files)
