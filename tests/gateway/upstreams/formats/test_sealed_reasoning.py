"""What one provider signed, in an opaque field of another's API."""

import pytest

from gateway.protocol.commands import JsonObject
from gateway.upstreams.formats.sealed_reasoning import PREFIX, is_sealed, seal, seal_call, seal_redacted, unseal


def test_a_value_is_read_as_it_was_written() -> None:
    value = seal({"format": "gemini", "signature": "ü"})
    assert is_sealed(value)
    assert unseal(value) == {"format": "gemini", "signature": "ü"}


def test_redacted_reasoning_keeps_its_id_and_a_call_is_named() -> None:
    part: JsonObject = {"format": "openai", "data": "d", "id": "rs_1", "index": 0}
    assert unseal(seal_redacted(part)) == {"format": "openai", "data": "d", "id": "rs_1"}
    assert unseal(seal_redacted({"format": None, "data": "d"})) == {"data": "d"}
    assert unseal(seal_call("c", "s")) == {"format": "gemini", "call": "c", "signature": "s"}


@pytest.mark.parametrize("text", [PREFIX, PREFIX + "!", PREFIX + "MQ==", PREFIX + "eyJhIjoxfQ=="])
def test_a_damaged_value_carries_nothing(text: str) -> None:
    assert unseal(text) == {}


@pytest.mark.parametrize("value", ["", "c2ln", "gAAAAAB", None, 1])
def test_values_of_providers_are_not_ours(value: object) -> None:
    assert not is_sealed(value)
