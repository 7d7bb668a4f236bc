"""What a client sends to a provider with its own API arrives as it was sent, unknown fields too."""

import pytest

from gateway.protocol.commands import JsonObject
from tests.gateway.dialects.generated import PIXEL
from tests.gateway.dialects.pairs import start_of
from tests.gateway.dialects.recording import sent_body
from tests.gateway.upstreams.transcripts.case import FORMATS, Api

CACHED: JsonObject = {"cache_control": {"type": "ephemeral", "ttl": "1h"}}
NEW: JsonObject = {"a": [1, 2.5, None, {"b": "🙂"}]}
SCHEMA: JsonObject = {"type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": False}
DATA_URL = f"data:image/png;base64,{PIXEL}"

CHAT: JsonObject = {
    "messages": [
        {"role": "developer", "content": [{"type": "text", "text": "Be kind.", **CACHED}], "name": "d"},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "What is it?", "x_new": NEW},
                {"type": "image_url", "image_url": {"url": DATA_URL, "detail": "high"}},
                {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}},
                {"type": "file", "file": {"file_id": "file_1"}},
            ],
        },
        {
            "role": "assistant",
            "content": None,
            "reasoning_content": "Hm.",
            "tool_calls": [
                {"id": "c1", "type": "function", "function": {"name": "look", "arguments": "{}"}, "extra_content": NEW},
                {"id": "c2", "type": "custom", "custom": {"name": "patch", "input": "*** x"}},
            ],
        },
        {"role": "tool", "tool_call_id": "c1", "content": [{"type": "text", "text": "A cat."}]},
        {"role": "tool", "tool_call_id": "c2", "content": "Done."},
        {"role": "assistant", "content": "", "refusal": "No.", "annotations": [], "x_new": NEW},
        {"role": "user", "content": "And now?"},
    ],
    "tools": [
        {"type": "function", "function": {"name": "look", "parameters": SCHEMA, "strict": True}, **CACHED},
        {"type": "custom", "custom": {"name": "patch", "format": {"type": "text"}}},
    ],
    "tool_choice": {"type": "function", "function": {"name": "look"}},
    "response_format": {"type": "json_schema", "json_schema": {"name": "s", "schema": SCHEMA, "strict": True}},
    "logit_bias": {"50256": -100},
    "logprobs": True,
    "top_logprobs": 3,
    "prediction": {"type": "content", "content": "x"},
    "verbosity": "low",
    "web_search_options": {"search_context_size": "low"},
    "prompt_cache_key": "k",
    "safety_identifier": "u",
    "x_new": NEW,
}
RESPONSES: JsonObject = {
    "instructions": "Be kind.",
    "input": [
        {
            "role": "user",
            "content": [
                {"type": "input_text", "text": "What is it?", "x_new": NEW},
                {"type": "input_image", "image_url": DATA_URL, "detail": "high"},
                {"type": "input_file", "file_id": "file_1"},
            ],
        },
        {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "c2ln"},
        {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"type": "search", "query": "x"}},
        {"type": "function_call", "id": "fc_1", "call_id": "c1", "name": "look", "arguments": "{}", "namespace": "n"},
        {"type": "function_call_output", "call_id": "c1", "output": [{"type": "input_text", "text": "A cat."}]},
        {"type": "custom_tool_call", "call_id": "c2", "name": "patch", "input": "*** x"},
        {"type": "custom_tool_call_output", "call_id": "c2", "output": "Done."},
        {
            "type": "message",
            "id": "msg_1",
            "role": "assistant",
            "status": "completed",
            "phase": "final",
            "content": [{"type": "output_text", "text": "A cat.", "annotations": [], "logprobs": []}],
        },
        {"role": "user", "content": "And now?"},
    ],
    "tools": [
        {"type": "function", "name": "look", "parameters": SCHEMA, "strict": False, "x_new": NEW},
        {"type": "namespace", "name": "agents", "tools": [{"type": "function", "name": "spawn", "parameters": SCHEMA}]},
        {"type": "web_search", "external_web_access": False},
    ],
    "include": ["reasoning.encrypted_content"],
    "reasoning": {"effort": "low", "summary": "auto"},
    "text": {"verbosity": "low", "format": {"type": "text"}},
    "parallel_tool_calls": False,
    "prompt_cache_key": "k",
    "client_metadata": {"a": "b"},
    "truncation": "auto",
    "x_new": NEW,
}
MESSAGES: JsonObject = {
    "system": [{"type": "text", "text": "Be kind.", **CACHED}, {"type": "text", "text": "Be brief."}],
    "messages": [
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "What is it?", **CACHED},
                {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}},
                {
                    "type": "document",
                    "source": {"type": "text", "media_type": "text/plain", "data": "A cat is an animal."},
                    "citations": {"enabled": True},
                },
                {"type": "container_upload", "file_id": "file_1"},
            ],
        },
        {"role": "system", "content": [{"type": "text", "text": "Now.", **CACHED}]},
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "Hm.", "signature": "c2ln"},
                {"type": "redacted_thinking", "data": "c2ln"},
                {"type": "server_tool_use", "id": "s1", "name": "web_search", "input": {"query": "x"}},
                {"type": "web_search_tool_result", "tool_use_id": "s1", "content": []},
                {"type": "text", "text": "I see.", "citations": [{"type": "char_location", "cited_text": "A cat"}]},
                {"type": "tool_use", "id": "t1", "name": "look", "input": {"a": "b"}, **CACHED},
                {"type": "new_block", "x_new": NEW},
            ],
        },
        {
            "role": "user",
            "content": [
                {
                    "type": "tool_result",
                    "tool_use_id": "t1",
                    "content": [{"type": "image", "source": {"type": "url", "url": "https://a.example/x.png"}}],
                    "is_error": False,
                }
            ],
        },
    ],
    "tools": [
        {"name": "look", "input_schema": SCHEMA, "defer_loading": True, **CACHED},
        {"type": "web_search_20250305", "name": "web_search", "max_uses": 5},
    ],
    "tool_choice": {"type": "auto", "disable_parallel_tool_use": True},
    "thinking": {"type": "enabled", "budget_tokens": 1024, "display": "summarized"},
    "mcp_servers": [{"type": "url", "url": "https://a.example", "name": "m"}],
    "context_management": {"edits": []},
    "output_config": {"effort": "low"},
    "metadata": {"user_id": "u"},
    "container": "c_1",
    "top_k": 5,
    "x_new": NEW,
}
GEMINI: JsonObject = {
    "systemInstruction": {"parts": [{"text": "Be kind."}]},
    "contents": [
        {
            "role": "user",
            "parts": [
                {"text": "What is it?", "x_new": NEW},
                {"inlineData": {"mimeType": "image/png", "data": PIXEL}, "mediaResolution": {"level": "HIGH"}},
                {"fileData": {"mimeType": "video/mp4", "fileUri": "https://a.example/v"}, "videoMetadata": {"fps": 1}},
            ],
        },
        {
            "role": "model",
            "parts": [
                {"text": "Hm.", "thought": True},
                {"functionCall": {"name": "look", "args": {"a": "b"}}, "thoughtSignature": "c2ln"},
                {"executableCode": {"language": "PYTHON", "code": "1"}},
            ],
        },
        {"role": "user", "parts": [{"functionResponse": {"name": "look", "response": {"result": 1, "x": [2]}}}]},
    ],
    "tools": [{"functionDeclarations": [{"name": "look", "parameters": {"type": "OBJECT"}}]}, {"googleSearch": {}}],
    "toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["look"]}},
    "safetySettings": [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"}],
    "cachedContent": "cachedContents/1",
    "generationConfig": {"topK": 5, "responseModalities": ["TEXT", "IMAGE"], "imageConfig": {}, "x_new": NEW},
    "xNew": NEW,
}

REQUESTS: dict[str, tuple[Api, JsonObject]] = {
    "openai_chat": ("openai", CHAT),
    "openai_responses": ("openai-responses", RESPONSES),
    "anthropic": ("anthropic", MESSAGES),
    "gemini": ("gemini", GEMINI),
}


@pytest.mark.parametrize("dialect", REQUESTS)
async def test_a_request_arrives_field_for_field(dialect: str) -> None:
    api, fields = REQUESTS[dialect]
    body = await sent_body(FORMATS[api](), start_of(dialect, fields))
    assert {name: body.get(name) for name in fields} == fields
