"""All cases, and how one is put to a server."""

from tests.http2.conformance.expectations import Case
from tests.http2.conformance.section_3_4 import SECTION_3, SECTION_4
from tests.http2.conformance.section_5 import SECTION_5
from tests.http2.conformance.section_6 import SECTION_6
from tests.http2.conformance.section_7_8 import SECTION_7, SECTION_8
from tests.http2.raw import RawClient

CASES: list[Case] = [*SECTION_3, *SECTION_4, *SECTION_5, *SECTION_6, *SECTION_7, *SECTION_8]
_TIDY_ENDS = frozenset({"closed without GOAWAY", "closed without a word"})


def run(case: Case, address: tuple[str, int], *, patience: float = 5.0, strict: bool = True) -> str:
    """Return what the server at *address* does wrong; empty: nothing.

    Unless *strict*, one that ends the connection without a word has made an error of it, too.
    """
    try:
        with RawClient(address, greets=case.greets, patience=patience) as client:
            wrong = case.act(client)
    except TimeoutError:
        wrong = "nothing happened"
    except (OSError, AssertionError) as error:
        wrong = str(error) or type(error).__name__
    return "" if not strict and wrong in _TIDY_ENDS else wrong
