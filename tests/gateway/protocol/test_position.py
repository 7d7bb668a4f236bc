"""Positions: parsing and formatting."""

import pytest

from gateway.protocol.errors import Code, Refused
from gateway.protocol.position import asked_seq, format_position, parse_position


@pytest.mark.parametrize("text", ["", "g", "g:", ":3", "g:x", "g:-1", "g:1.5", "g:٣", "g:" + "9" * 40, "\0"])
def test_a_malformed_position_is_refused(text: str) -> None:
    with pytest.raises(Refused, match="is not a position") as refused:
        parse_position(text)
    assert refused.value.code is Code.INVALID_REQUEST


def test_a_formatted_position_is_parsed() -> None:
    assert parse_position(format_position("g_x", 17)) == ("g_x", 17)


@pytest.mark.parametrize(
    ("position", "seq"),
    [("g:7", 7), ("7", 7), (":7", 7), ("other:7", 0), ("g:x", 0), ("", 0), ("g:" + "1" * 16, 0), ("g:-1", 0)],
)
def test_what_a_client_asks_for_before_it_is_checked(position: str, seq: int) -> None:
    assert asked_seq("g", position) == seq
