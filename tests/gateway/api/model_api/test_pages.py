"""The size of a page."""

import pytest

from gateway.api.model_api.pages import page_size
from gateway.protocol.errors import Refused


@pytest.mark.parametrize(
    ("query", "size"), [({}, 20), ({"limit": ""}, 20), ({"limit": "1"}, 1), ({"limit": "0100"}, 100)]
)
def test_a_size_within_bounds(query: dict[str, str], size: int) -> None:
    assert page_size(query, "limit", 20, 100) == size


@pytest.mark.parametrize("text", ["0", "101", "-1", "x", "²", "1.0", "00000000110000", "000000001" + "0" * 5000])
def test_another_size_is_refused(text: str) -> None:
    with pytest.raises(Refused, match="limit: must be a number from 1 to 100") as refused:
        page_size({"limit": text}, "limit", 20, 100)
    assert refused.value.param == "limit"
