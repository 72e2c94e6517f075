"""RFC 9113, case by case, against a server on a socket."""

from collections.abc import Iterator

import pytest

from evloop import Server
from tests.http2.conformance.cases import CASES, run
from tests.http2.conformance.expectations import Case
from tests.support.bench import write
from tests.support.serving import serving


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    root = tmp_path_factory.mktemp("root")
    write(root / "small.txt", b"x" * 100)
    write(root / "large.bin", bytes(1024 * 1024))
    with serving(root, h2c=True, linger_timeout="10ms") as server:
        yield server


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_server_does_what_the_rfc_asks_for(case: Case, server: Server) -> None:
    assert run(case, server.addresses[0]) == ""


def test_there_are_enough_cases_and_each_has_its_own_name() -> None:
    names = {case.name for case in CASES}
    assert len(names) == len(CASES) >= 140
    assert {name.split(" ")[0].split(".")[0] for name in names} == set("345678")
