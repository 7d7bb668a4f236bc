"""What a provider says of its response."""

from gateway.protocol.commands import JsonObject
from gateway.upstreams.formats.response_facts import MAX_FACT_BYTES, response_facts


def test_facts_with_a_value_pass() -> None:
    facts: JsonObject = {
        "service_tier": "flex",
        "stop_sequence": None,
        "stop_details": {},
        "container": {"id": "c_1"},
        "empty": "",
    }
    assert response_facts(facts) == {"service_tier": "flex", "container": {"id": "c_1"}}


def test_a_fact_is_small() -> None:
    assert response_facts({"stop_sequence": "x" * (MAX_FACT_BYTES - 2)}) != {}
    assert response_facts({"stop_sequence": "x" * MAX_FACT_BYTES, "service_tier": "\ud800"}) == {
        "service_tier": "\ufffd"
    }
