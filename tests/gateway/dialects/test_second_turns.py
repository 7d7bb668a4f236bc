"""Answers of any provider that a client of any dialect gives back to any provider: what has a counterpart is there."""

import json
from typing import Any

import orjson
import pytest
from pydantic import JsonValue

from gateway.protocol.commands import JsonObject
from tests.gateway.dialects.generated import Answer, Style, Text, Thinking, ToolUse, encode
from tests.gateway.dialects.pairs import NAMES, document_of, is_verbatim, start_of
from tests.gateway.dialects.recording import record, sent_body
from tests.gateway.upstreams.transcripts.case import FORMATS, Api

SIGNATURE = "c2ln"
ANSWER = Answer(
    (
        Thinking(("I look ", "twice."), SIGNATURE),
        Text(("Here it ", "is.")),
        ToolUse("look", ('{"a": ', '"sea"}')),
        ToolUse("go", ('{"b": "sky"}',)),
    )
)
RESULTS = ("It is blue.", "It is far.")
_SCHEMA: JsonObject = {"type": "object", "properties": {}}

TOOLS: dict[str, JsonObject] = {
    "openai_chat": {
        "tools": [{"type": "function", "function": {"name": name, "parameters": _SCHEMA}} for name in ("look", "go")]
    },
    "openai_responses": {
        "tools": [
            {"type": "function", "name": name, "parameters": _SCHEMA, "strict": False} for name in ("look", "go")
        ],
        "include": ["reasoning.encrypted_content"],
        "store": False,
    },
    "anthropic": {"tools": [{"name": name, "input_schema": _SCHEMA} for name in ("look", "go")]},
    "gemini": {"tools": [{"functionDeclarations": [{"name": name} for name in ("look", "go")]}]},
}


def next_turn(dialect: str, document: Any) -> JsonObject:  # noqa: ANN401 - as JSON has it
    """Return the fields of the request in which a client gives an answer back, with the results of its calls."""
    match dialect:
        case "openai_chat":
            message = document["choices"][0]["message"]
            ids = [call["id"] for call in message["tool_calls"]]
            results = [
                {"role": "tool", "tool_call_id": call_id, "content": text}
                for call_id, text in zip(ids, RESULTS, strict=True)
            ]
            return {"messages": [{"role": "user", "content": "Hello"}, message, *results]}
        case "openai_responses":
            ids = [item["call_id"] for item in document["output"] if item["type"] == "function_call"]
            outputs = [
                {"type": "function_call_output", "call_id": call_id, "output": text}
                for call_id, text in zip(ids, RESULTS, strict=True)
            ]
            return {"input": [{"role": "user", "content": "Hello"}, *document["output"], *outputs]}
        case "anthropic":
            ids = [block["id"] for block in document["content"] if block["type"] == "tool_use"]
            blocks: list[JsonValue] = [
                {"type": "tool_result", "tool_use_id": call_id, "content": text}
                for call_id, text in zip(ids, RESULTS, strict=True)
            ]
            answer = {"role": "assistant", "content": document["content"]}
            return {"messages": [{"role": "user", "content": "Hello"}, answer, {"role": "user", "content": blocks}]}
    content = document["candidates"][0]["content"]
    calls = [part["functionCall"] for part in content["parts"] if "functionCall" in part]
    named = [{name: call[name] for name in ("id", "name") if name in call} for call in calls]
    parts: list[JsonValue] = [
        {"functionResponse": {**call, "response": {"result": text}}} for call, text in zip(named, RESULTS, strict=True)
    ]
    return {"contents": [{"role": "user", "parts": [{"text": "Hello"}]}, content, {"role": "user", "parts": parts}]}


@pytest.mark.parametrize("target", FORMATS)
@pytest.mark.parametrize("origin", FORMATS)
@pytest.mark.parametrize("dialect", NAMES)
async def test_what_has_a_counterpart_is_given_back(dialect: str, origin: Api, target: Api) -> None:
    first = start_of(dialect, TOOLS[dialect], stream=False)
    entries = await record(FORMATS[origin](), encode(origin, ANSWER, Style()), first)
    document = document_of(dialect, first, entries)
    fields: JsonObject = {**TOOLS[dialect], **next_turn(dialect, document)}
    second = start_of(dialect, fields)
    body = await sent_body(FORMATS[target](), second)
    assert body == orjson.loads(orjson.dumps(body))
    sent = json.dumps(body)
    for text in ("Hello", "Here it is.", *RESULTS, "sea", "sky", "look", "go"):
        assert text in sent, text
    results = _results_by_call(target, body)
    assert [name for name, _ in results] == ["look", "go"]
    # Gemini's results are objects, which others get as JSON.
    assert all(text in sent_text for text, (_, sent_text) in zip(RESULTS, results, strict=True))
    if origin == target and origin != "openai" and not is_verbatim(second, target):
        # Only its own provider can read a signature, and some require it.
        assert SIGNATURE in sent


def _results_by_call(api: Api, body: Any) -> list[tuple[str, str]]:  # noqa: ANN401 - as JSON has it
    """Return the results of calls in a request, each with the name of the call that it belongs to."""
    match api:
        case "openai":
            names = {
                call["id"]: call["function"]["name"]
                for message in body["messages"]
                for call in message.get("tool_calls") or ()
            }
            results = [message for message in body["messages"] if message["role"] == "tool"]
            return [(names[result["tool_call_id"]], _text(result["content"])) for result in results]
        case "openai-responses":
            names = {item["call_id"]: item["name"] for item in body["input"] if item.get("type") == "function_call"}
            outputs = [item for item in body["input"] if item.get("type") == "function_call_output"]
            return [(names[item["call_id"]], _text(item["output"])) for item in outputs]
        case "anthropic":
            blocks = [
                block
                for message in body["messages"]
                if isinstance(message["content"], list)
                for block in message["content"]
            ]
            names = {block["id"]: block["name"] for block in blocks if block["type"] == "tool_use"}
            found = [block for block in blocks if block["type"] == "tool_result"]
            return [(names[block["tool_use_id"]], _text(block["content"])) for block in found]
    parts = [part for content in body["contents"] for part in content["parts"]]
    responses = [part["functionResponse"] for part in parts if "functionResponse" in part]
    return [(response["name"], response["response"]["result"]) for response in responses]


def _text(content: Any) -> str:  # noqa: ANN401 - as JSON has it
    return content if isinstance(content, str) else "".join(part["text"] for part in content)
