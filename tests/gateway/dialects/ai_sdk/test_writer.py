"""Chunks as JSON."""

from gateway.dialects.ai_sdk.writer import chunk, delta_prefix, own_metadata


def test_a_field_that_is_none_is_left_out() -> None:
    assert chunk("text-end", id="1", providerMetadata=None).data == b'{"type":"text-end","id":"1"}'


def test_a_delta_is_its_prefix_a_string_and_a_brace() -> None:
    assert delta_prefix("text", "1") + b'"a"}' == b'{"type":"text-delta","id":"1","delta":"a"}'


def test_own_data_has_a_name_of_its_own() -> None:
    assert own_metadata({"signature": "x", "format": None}) == {"dualstream": {"signature": "x"}}
