"""What several gateways show together."""

from dataclasses import replace

import pytest

from gateway.api.console.view import MAX_ROWS, Part, combine, decode_part, encode_part, unreached
from tests.gateway.api.console.views import GATEWAY, row


def test_the_newest_generations_of_all_gateways_are_listed() -> None:
    first = Part(replace(GATEWAY, running=2), [row("a", 3), row("b", 1)])
    second = Part(replace(GATEWAY, name="r_2", running=1), [row("c", 2)])
    view = combine(5.0, [first, second], {})
    assert list(view.running) == ["a", "c", "b"]
    assert [gateway.name for gateway in view.gateways] == ["r_1", "r_2"]
    assert view.omitted == 0


def test_of_those_that_are_too_many_the_number_is_told() -> None:
    rows = [row(f"g{number}", number) for number in range(MAX_ROWS)]
    first = Part(replace(GATEWAY, running=MAX_ROWS + 10), rows)
    second = Part(replace(GATEWAY, name="r_2", running=1), [row("new", MAX_ROWS)])
    view = combine(5.0, [first, second], {})
    assert len(view.running) == MAX_ROWS
    assert next(iter(view.running)) == "new"
    assert view.omitted == 11


def test_a_part_is_the_same_on_another_gateway_but_for_where_it_is() -> None:
    part = Part(replace(GATEWAY, here=True), [row("a", viewers={"sse": 1})], 3, [{"id": "g"}])
    assert decode_part(encode_part(part)) == replace(part, gateway=replace(part.gateway, here=False))


def test_what_another_version_answers_is_no_part() -> None:
    with pytest.raises(ValueError, match="gateway"):
        decode_part({"rows": []})


def test_of_a_gateway_that_does_not_answer_the_last_part_is_shown() -> None:
    last = Part(GATEWAY, [row("a")], 3, [{"id": "g"}])
    shown = unreached(last)
    assert not shown.gateway.reached
    assert (shown.running, shown.number, shown.ended) == (last.running, 3, ())
