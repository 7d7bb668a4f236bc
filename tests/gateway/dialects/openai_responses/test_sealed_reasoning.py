"""What another provider signed, in `encrypted_content`."""

from gateway.dialects.openai_responses.sealed_reasoning import is_sealed, seal, unseal
from gateway.protocol.commands import JsonObject


def test_what_is_sealed_comes_back() -> None:
    fields: JsonObject = {"format": "anthropic", "signature": "Ünal+/="}
    assert is_sealed(seal(fields))
    assert unseal(seal(fields)) == fields


def test_a_value_of_openai_is_not_ours() -> None:
    assert not is_sealed("gAAAAABo")
    assert not is_sealed(None)


def test_a_damaged_value_carries_nothing() -> None:
    assert unseal("ds1.!!!") == {}
    assert unseal("ds1.W10=") == {}
