"""How much a client wants a media type."""

import pytest

from evloop.http.accept import media_type_weight

PIP = (
    b"application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html; q=0.1, "
    b"text/html; q=0.01"
)

# The field, and the weights of text/html and of application/json.
WEIGHTS: dict[bytes | None, tuple[float, float]] = {
    None: (1, 1),
    b"": (0, 0),
    b"*/*": (1, 1),
    b"*/*;q=0.3": (0.3, 0.3),
    b"text/html": (1, 0),
    b"Application/JSON": (0, 1),
    b"application/json, text/html;q=0.9": (0.9, 1),
    b"application/*;q=0.2, */*;q=0.1": (0.1, 0.2),
    b"application/json;q=0, */*": (1, 0),
    b"*/*, application/json;q=0.5": (1, 0.5),
    b"text/html;level=1;q=0.7": (0.7, 0),
    b"text/html ; q=0.5 , application/json": (0.5, 1),
    b"text/html;q=2": (1, 0),
    b"text/html;q=x": (1, 0),
    b"text/html;q=1.0000": (1, 0),
    b"text/html;q=1.5": (1, 0),
    b"*/json": (0, 0),
    b"json, /, ,;": (0, 0),
    PIP: (0.01, 0),
    b"x/" + b"y" * 2000 + b", text/html": (0, 0),
}


@pytest.mark.parametrize("accept", WEIGHTS)
def test_the_most_specific_range_decides(accept: bytes | None) -> None:
    weights = (
        media_type_weight(accept, b"text/html"),
        media_type_weight(accept, b"application/json"),
    )
    assert weights == WEIGHTS[accept]
