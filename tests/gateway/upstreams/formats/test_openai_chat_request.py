"""Requests in OpenAI's chat format: passed on as they are, except for the quirks of a server.

The quirks of each preset are tested in `tests/gateway/config/test_presets.py`.
"""

from typing import Literal

import pytest

from gateway.protocol.commands import JsonObject, Message
from gateway.upstreams.base import UpstreamRequest
from gateway.upstreams.formats.base import Quirks
from gateway.upstreams.formats.openai_chat_request import build_request

MESSAGES = [Message(role="developer", content="Be brief."), Message(role="assistant", content="Because")]


def test_without_quirks_a_request_is_passed_on() -> None:
    options: JsonObject = {"max_tokens": 7, "seed": 1, "logit_bias": {"50256": -100}}
    assert build_request(UpstreamRequest("m", MESSAGES, options), Quirks()) == {
        **options,
        "model": "m",
        "messages": [{"role": "developer", "content": "Be brief."}, {"role": "assistant", "content": "Because"}],
        "stream": True,
        "stream_options": {"include_usage": True},
    }


def test_names_of_the_token_limit_and_of_the_role() -> None:
    quirks = Quirks(token_limit="max_completion_tokens", developer_role=False)
    body = build_request(UpstreamRequest("m", MESSAGES, {"max_tokens": 7}), quirks)
    assert (body["max_completion_tokens"], "max_tokens" in body) == (7, False)
    assert body["messages"] == [{"role": "system", "content": "Be brief."}, {"role": "assistant", "content": "Because"}]


@pytest.mark.parametrize(
    ("continuation", "fields", "mark"),
    [
        ("last_message", {}, {}),
        ("prefix", {}, {"prefix": True}),
        ("continue_final_message", {"continue_final_message": True, "add_generation_prompt": False}, {}),
    ],
)
def test_a_continuation_is_marked(
    continuation: Literal["last_message", "prefix", "continue_final_message"], fields: JsonObject, mark: JsonObject
) -> None:
    quirks = Quirks(continuation=continuation)
    plain = build_request(UpstreamRequest("m", MESSAGES, {}), quirks)
    messages: list[JsonObject] = [
        {"role": "developer", "content": "Be brief."},
        {"role": "assistant", "content": "Because", **mark},
    ]
    assert build_request(UpstreamRequest("m", MESSAGES, {}, continues=True), quirks) == {
        **plain,
        **fields,
        "messages": [*messages],
    }


def test_an_effort_is_not_sent_to_a_model_that_refused_it() -> None:
    quirks = Quirks(reasoning_effort=False)
    request = UpstreamRequest("m", MESSAGES, {"reasoning_effort": "high", "seed": 1})
    body = build_request(request, quirks)
    assert "reasoning_effort" not in body
    assert body["seed"] == 1
