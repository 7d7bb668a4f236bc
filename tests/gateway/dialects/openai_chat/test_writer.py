"""The chunks of a chat completion."""

import orjson
import pytest

from gateway.dialects.openai_chat.writer import EventWriter, response_fields, response_id
from tests.gateway.dialects.openai_chat.responses import IDENTITY, USAGE

HEAD = {"id": "chatcmpl-g_1", "object": "chat.completion.chunk", "created": 1_700_000_000, "model": "m"}


@pytest.mark.parametrize(("usage", "field"), [(True, {"usage": None}), (False, {})])
def test_a_text_is_put_between_prefix_and_suffix(usage: bool, field: dict[str, None]) -> None:
    chunks = EventWriter(IDENTITY, usage=usage)
    chunk = orjson.loads(chunks.prefix("content") + orjson.dumps('"à"') + chunks.suffix)
    choice = {"index": 0, "delta": {"content": '"à"'}, "logprobs": None, "finish_reason": None}
    assert chunk == {**HEAD, "choices": [choice], **field}
    assert orjson.loads(chunks.delta({"content": '"à"'}).data) == chunk


def test_the_figures_stand_in_a_chunk_without_a_choice() -> None:
    chunk = orjson.loads(EventWriter(IDENTITY, usage=True).usage(USAGE).data)
    assert (chunk["choices"], chunk["usage"]["total_tokens"]) == ([], 30)


def test_a_response_that_the_provider_began_keeps_its_name() -> None:
    chunks = EventWriter(IDENTITY, usage=False)
    chunks.prefix("content")
    chunks.continue_response({"id": "theirs", "created": 5, "model": "their-m", "x": 1})
    expected = {**HEAD, "id": "theirs", "created": 5, "model": "their-m"}
    chunk = orjson.loads(chunks.prefix("content") + b'"a"' + chunks.suffix)
    assert {**chunk, **expected} == chunk


def test_an_id_names_its_generation() -> None:
    assert response_id("g_1") == "chatcmpl-g_1"


def test_facts_of_the_response_that_this_api_has() -> None:
    facts = {"service_tier": "flex", "system_fingerprint": "fp", "stop_sequence": "x"}
    assert response_fields(facts) == {"service_tier": "flex", "system_fingerprint": "fp"}
    assert response_fields({"service_tier": "standard"}) == {}
