"""Requests in which one value is another: a dialect refuses them by name, or they can be sent to every provider."""

from collections.abc import Coroutine, Iterator, Mapping
from copy import deepcopy
from typing import Any, Final

import orjson
import pytest
from pydantic import JsonValue

from gateway.api.model_api.responses.lookup import Asker, Lookup
from gateway.api.model_api.responses.start import prepare
from gateway.api.model_api.responses.store import ResponseStore
from gateway.dialects.base import Call, DialectStart, ResponseIdentity
from gateway.dialects.sent_request import sent_request
from gateway.protocol.commands import JsonObject
from gateway.protocol.errors import Refused, UnsupportedOption
from gateway.security.principals import anonymous
from gateway.upstreams.base import UpstreamRequest
from tests.gateway.dialects.pairs import NAMES
from tests.gateway.dialects.tables import MODEL_APIS
from tests.gateway.upstreams.transcripts.case import FORMATS

IMAGE: Final = "data:image/png;base64,iVBORw0KGgo="
SCHEMA: Final[JsonObject] = {"type": "object", "properties": {"a": {"type": "string"}}}

BODIES: Final[Mapping[str, JsonObject]] = {
    "openai_chat": {
        "model": "m",
        "messages": [
            {"role": "system", "content": "s"},
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "t"},
                    {"type": "image_url", "image_url": {"url": IMAGE, "detail": "low"}},
                ],
            },
            {
                "role": "assistant",
                "content": "x",
                "tool_calls": [
                    {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}},
                ],
                "reasoning_details": [{"type": "reasoning.text", "text": "a", "signature": "b", "format": "f"}],
                "thinking_blocks": [{"type": "thinking", "thinking": "t", "signature": "s"}],
            },
            {"role": "tool", "tool_call_id": "c", "content": [{"type": "text", "text": "r"}]},
        ],
        "tools": [
            {"type": "function", "function": {"name": "f", "parameters": SCHEMA, "strict": True}},
        ],
        "tool_choice": {"type": "function", "function": {"name": "f"}},
        "response_format": {"type": "json_schema", "json_schema": {"name": "j", "schema": SCHEMA}},
        "metadata": {"a": "b"},
        "stream": True,
        "stream_options": {"include_usage": True},
        "modalities": ["text"],
    },
    "openai_responses": {
        "model": "m",
        "instructions": "i",
        "input": [
            {
                "type": "message",
                "role": "user",
                "content": [
                    {"type": "input_text", "text": "x"},
                    {"type": "input_image", "image_url": IMAGE, "detail": "auto"},
                ],
            },
            {"type": "reasoning", "summary": [{"type": "summary_text", "text": "s"}], "encrypted_content": "ds1.e30"},
            {"role": "assistant", "content": [{"type": "output_text", "text": "x", "annotations": []}]},
            {"type": "function_call", "call_id": "c", "name": "f", "namespace": "n", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "c", "output": [{"type": "input_text", "text": "o"}]},
            {"type": "custom_tool_call", "call_id": "d", "name": "g", "input": "i"},
            {"type": "custom_tool_call_output", "call_id": "d", "output": "o"},
            {"type": "additional_tools", "tools": [{"type": "function", "name": "h"}]},
        ],
        "tools": [
            {"type": "function", "name": "f", "parameters": SCHEMA, "strict": False},
            {"type": "custom", "name": "g", "format": {"type": "grammar", "syntax": "lark", "definition": "d"}},
            {"type": "namespace", "name": "n", "tools": [{"type": "function", "name": "f"}]},
        ],
        "tool_choice": {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "f"}]},
        "text": {"format": {"type": "json_schema", "name": "j", "schema": SCHEMA}, "verbosity": "low"},
        "reasoning": {"effort": "low", "summary": "auto"},
        "include": ["reasoning.encrypted_content"],
        "metadata": {"a": "b"},
        "store": True,
        "stream": True,
        "previous_response_id": None,
    },
    "anthropic": {
        "model": "m",
        "max_tokens": 100,
        "system": [{"type": "text", "text": "s", "cache_control": {"type": "ephemeral"}}],
        "messages": [
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "a"},
                    {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AA=="}},
                    {"type": "document", "title": "t", "source": {"type": "text", "data": "d"}},
                    {"type": "search_result", "source": "u", "title": "t", "content": [{"type": "text", "text": "a"}]},
                ],
            },
            {
                "role": "assistant",
                "content": [
                    {"type": "thinking", "thinking": "t", "signature": "ds1.e30"},
                    {"type": "redacted_thinking", "data": "ds1.e30"},
                    {"type": "tool_use", "id": "c", "name": "f", "input": {"a": 1}},
                ],
            },
            {
                "role": "user",
                "content": [
                    {"type": "tool_result", "tool_use_id": "c", "content": [{"type": "text", "text": "r"}]},
                ],
            },
        ],
        "tools": [{"name": "f", "description": "d", "input_schema": SCHEMA}],
        "tool_choice": {"type": "tool", "name": "f", "disable_parallel_tool_use": True},
        "thinking": {"type": "enabled", "budget_tokens": 2000},
        "output_config": {"effort": "low", "format": {"type": "json_schema", "schema": SCHEMA}},
        "metadata": {"user_id": "u"},
        "stream": True,
    },
    "gemini": {
        "systemInstruction": {"parts": [{"text": "s"}]},
        "contents": [
            {"role": "user", "parts": [{"text": "a"}, {"inlineData": {"mimeType": "image/png", "data": "AA=="}}]},
            {
                "role": "model",
                "parts": [
                    {"text": "t", "thought": True},
                    {"functionCall": {"id": "c", "name": "f", "args": {"a": 1}}, "thoughtSignature": "ds1.e30"},
                ],
            },
            {"role": "user", "parts": [{"functionResponse": {"id": "c", "name": "f", "response": {"output": "r"}}}]},
        ],
        "tools": [
            {
                "functionDeclarations": [
                    {"name": "f", "parameters": {"type": "OBJECT", "properties": {"a": {"type": "STRING"}}}}
                ]
            }
        ],
        "toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["f"]}},
        "labels": {"a": "b"},
        "generationConfig": {
            "candidateCount": 1,
            "responseMimeType": "application/json",
            "responseSchema": {"type": "OBJECT", "properties": {"a": {"type": "ARRAY", "items": {"type": "STRING"}}}},
            "thinkingConfig": {"includeThoughts": True},
            "responseModalities": ["TEXT"],
        },
    },
}

OTHERS: Final[tuple[JsonValue, ...]] = (None, 0, "", "x\r\n", [], [{}], {}, {"type": []})
MISSING: Final = object()


def places(value: JsonValue, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Yield the paths of all values in a value."""
    if path:
        yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, inner in items:
        yield from places(inner, (*path, name))


def changed(body: JsonObject, path: tuple[str | int, ...], other: object) -> JsonObject:
    """Return a body with another value at a place, or with none."""
    copy: Any = deepcopy(body)
    parent = copy
    for name in path[:-1]:
        parent = parent[name]
    if other is MISSING:
        del parent[path[-1]]
    else:
        parent[path[-1]] = other
    return copy  # type: ignore[no-any-return]


def result_of(coroutine: Coroutine[object, None, DialectStart]) -> DialectStart:
    """Run a coroutine that waits for nothing, without the price of an event loop."""
    try:
        coroutine.send(None)
    except StopIteration as stop:
        value: DialectStart = stop.value
        return value
    raise AssertionError


def parsed(name: str, body: JsonObject) -> DialectStart | None:
    """Return a start; None if it is refused, and the refusal names a field."""
    route = "/v1beta/models/{model:model}:streamGenerateContent" if name == "gemini" else ""
    call = Call(body, {"model": "m"}, {}, {}, route)
    try:
        if name == "openai_responses":
            return result_of(prepare(Lookup(ResponseStore()), call, Asker(anonymous("a"))))
        return MODEL_APIS[name].parse(call)
    except Refused as refused:
        assert refused.param
        assert MODEL_APIS[name].refusal(refused)["error"]
        return None


def send(start: DialectStart) -> Iterator[str]:
    """Encode a request for each wire format; yield the names of those that can't express it."""
    for api, wire_format in FORMATS.items():
        options = start.request.options.for_provider()
        request = UpstreamRequest("m", start.request.messages, options, False, start.verbatim)
        try:
            assert orjson.dumps(wire_format().body(request))
        except UnsupportedOption as refused:
            assert refused.param
            yield api


@pytest.mark.parametrize("name", NAMES)
def test_a_request_with_another_value_is_refused_or_sent(name: str) -> None:
    start = parsed(name, BODIES[name])
    assert start is not None
    assert [*send(start)] == []
    for path in places(BODIES[name]):
        for other in (*OTHERS, MISSING):
            if (start := parsed(name, changed(BODIES[name], path, other))) is not None:
                assert sent_request(name, start).digest
                MODEL_APIS[name].projection(start, ResponseIdentity("g_a", "m", 1))
                assert {*send(start)} <= FORMATS.keys()
