"""Requests in Anthropic's Messages API: each option and message is converted or refused."""

from itertools import pairwise

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.protocol.commands import Message, Options
from gateway.protocol.errors import Code, Failed
from gateway.upstreams.base import UpstreamRequest
from gateway.upstreams.endpoint import Endpoint
from gateway.upstreams.formats.anthropic import AnthropicFormat
from gateway.upstreams.formats.anthropic_limits import UNKNOWN_MODEL, default_max_tokens
from gateway.upstreams.formats.anthropic_request import EFFORTS
from tests.start_requests import user_message

Json = dict[str, object]


def body(*messages: Message, **fields: object) -> Json:
    """Return the body of a request whose options were validated by the API."""
    model = str(fields.pop("model", "claude-sonnet-4-5"))
    options = Options.model_validate(fields).for_provider()
    built: Json = dict(AnthropicFormat().body(UpstreamRequest(model, messages or [user_message("Hello")], options)))
    orjson.dumps(built)
    return built


def refusal(*messages: Message, **options: object) -> str:
    with pytest.raises(Failed) as failure:
        body(*messages, **options)
    assert (failure.value.code, failure.value.retryable) == (Code.INVALID_REQUEST, False)
    return failure.value.message


def message(role: str, content: object = None, **extra: object) -> Message:
    return Message.model_validate({"role": role, "content": content, **extra})


def text_block(text: str) -> Json:
    return {"type": "text", "text": text}


def tool_call(call_id: str, arguments: str, name: str = "go") -> Json:
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}


def test_address_headers_and_body_of_a_request() -> None:
    wire_format = AnthropicFormat()
    assert wire_format.endpoint(UpstreamRequest("m", [], {})) == Endpoint(("messages",))
    assert wire_format.headers("k") == {"x-api-key": "k", "anthropic-version": "2023-06-01"}
    assert body() == {
        "model": "claude-sonnet-4-5",
        "messages": [{"role": "user", "content": [text_block("Hello")]}],
        "max_tokens": 64_000,
        "stream": True,
    }


def test_turns_alternate_and_system_messages_are_collected() -> None:
    cached = {**text_block("Be kind."), "cache_control": {"type": "ephemeral"}}
    built = body(
        message("system", "Be brief."),
        user_message("One"),
        message("user", [text_block("Two"), text_block(" \n")], name="Ann"),
        message("assistant", "Three "),
        message("developer", [cached]),
        message("assistant", [text_block("Four"), {"type": "refusal", "refusal": "No."}]),
        user_message(""),
        user_message("Five"),
    )
    assert built["system"] == [text_block("Be brief."), cached]
    assert built["messages"] == [
        {"role": "user", "content": [text_block("One"), text_block("Two")]},
        {"role": "assistant", "content": [text_block("Three "), text_block("Four"), text_block("No.")]},
        {"role": "user", "content": [text_block("Five")]},
    ]


def test_tool_calls_and_their_results() -> None:
    built = body(
        user_message("Go"),
        message("assistant", "", tool_calls=[tool_call("a", '{"to": "Huế"}'), tool_call("b", " ")]),
        message("tool", "there", tool_call_id="a"),
        message(
            "tool", [text_block("here"), {"type": "image_url", "image_url": {"url": "https://x/y"}}], tool_call_id="b"
        ),
        message("tool", "", tool_call_id="c"),
        user_message("And?"),
    )
    image = {"type": "image", "source": {"type": "url", "url": "https://x/y"}}
    assert built["messages"] == [
        {"role": "user", "content": [text_block("Go")]},
        {
            "role": "assistant",
            "content": [
                {"type": "tool_use", "id": "a", "name": "go", "input": {"to": "Huế"}},
                {"type": "tool_use", "id": "b", "name": "go", "input": {}},
            ],
        },
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "a", "content": [text_block("there")]},
                {"type": "tool_result", "tool_use_id": "b", "content": [text_block("here"), image]},
                {"type": "tool_result", "tool_use_id": "c"},
                text_block("And?"),
            ],
        },
    ]


@pytest.mark.parametrize(
    ("part", "block"),
    [
        (
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBOR=", "detail": "low"}},
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBOR="}},
        ),
        (
            {"type": "image_url", "image_url": {"url": "data:image/webp;charset=x;base64,UklG"}},
            {"type": "image", "source": {"type": "base64", "media_type": "image/webp", "data": "UklG"}},
        ),
        (
            {"type": "image_url", "image_url": {"url": "https://example.com/a.jpg?b=1,2"}},
            {"type": "image", "source": {"type": "url", "url": "https://example.com/a.jpg?b=1,2"}},
        ),
        (
            {"type": "file", "file": {"file_data": "data:application/pdf;base64,JVBE", "filename": "a.pdf"}},
            {
                "type": "document",
                "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBE"},
                "title": "a.pdf",
            },
        ),
        (
            {"type": "file", "file": {"file_data": "https://example.com/a.pdf"}},
            {"type": "document", "source": {"type": "url", "url": "https://example.com/a.pdf"}},
        ),
        (
            {"type": "thinking", "thinking": "Hm", "signature": "E"},
            {"type": "thinking", "thinking": "Hm", "signature": "E"},
        ),
        ({"type": "search_result", "title": "t"}, {"type": "search_result", "title": "t"}),
    ],
)
def test_content_parts(part: Json, block: Json) -> None:
    assert body(message("user", [part]))["messages"] == [{"role": "user", "content": [block]}]


@pytest.mark.parametrize(
    ("case", "message_part"),
    [
        (
            message("user", [{"type": "input_audio", "input_audio": {}}]),
            "messages[0].content[0]: the provider supports",
        ),
        (
            message("user", [text_block("a"), {"type": "file", "file": {"file_id": "f"}}]),
            "content[1]: the provider supports",
        ),
        (message("user", [{"type": "image_url", "image_url": "https://x"}]), "not this image_url"),
        (message("user", [{"type": "image_url", "image_url": {"url": "ftp://x"}}]), "data:image/…;base64,"),
        (message("user", [{"type": "image_url", "image_url": {"url": "data:image/png,x"}}]), "data:image/…;base64,"),
        (message("user", [{"type": "file", "file": {"file_data": "data:text/csv;base64,x"}}]), "data:application/pdf;"),
        (
            message("system", [{"type": "image_url", "image_url": {"url": "https://x"}}]),
            "a system message may contain only text",
        ),
        (message("tool", "x"), "messages[0].tool_call_id is missing"),
        (message("tool", "x", tool_call_id=7), "messages[0].tool_call_id is missing"),
        (
            message("assistant", tool_calls=[tool_call("a", '{"to":')]),
            "messages[0].tool_calls[0].function.arguments is not",
        ),
        (message("assistant", tool_calls=[tool_call("a", "[1]")]), "is not a JSON object"),
        (message("assistant", tool_calls=[tool_call("a", '{"a":' * 252 + "1" + "}" * 252)]), "is not a JSON object"),
        (message("assistant", tool_calls=[tool_call("a", '{"a":"\\ud83d"}')]), "is not a JSON object"),
        (message("assistant", tool_calls=[tool_call("a", "{}"), {"id": "b"}]), "tool_calls[1]: a tool call needs"),
        (message("assistant", tool_calls=[7]), "tool_calls[0]: a tool call needs"),
    ],
)
def test_unsupported_messages_are_refused(case: Message, message_part: str) -> None:
    assert message_part in refusal(case)


def test_white_space_at_the_end_of_a_prefill_is_removed() -> None:
    assert body(user_message("Hi"), message("assistant", "Once upon \n"))["messages"] == [
        {"role": "user", "content": [text_block("Hi")]},
        {"role": "assistant", "content": [text_block("Once upon")]},
    ]
    assert body(user_message("Hi"), message("assistant", " "))["messages"] == [
        {"role": "user", "content": [text_block("Hi")]}
    ]
    last = body(message("assistant", "Go ", tool_calls=[tool_call("a", "{}")]))["messages"]
    assert isinstance(last, list)
    assert last[0]["content"][0] == text_block("Go ")


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"temperature": 0.5, "top_p": 0.9}, {"temperature": 0.5, "top_p": 0.9}),
        ({"temperature": 0}, {"temperature": 0}),
        ({"max_tokens": 7}, {"max_tokens": 7}),
        ({"stop": "END"}, {"stop_sequences": ["END"]}),
        ({"stop": ["A", "B"]}, {"stop_sequences": ["A", "B"]}),
        ({"user": "u-1"}, {"metadata": {"user_id": "u-1"}}),
        # What is so by itself need not be said.
        ({"temperature": 1, "presence_penalty": 0, "frequency_penalty": 0.0, "stop": [], "tools": []}, {}),
        ({"response_format": {"type": "text"}, "parallel_tool_calls": True, "user": ""}, {}),
        ({"parallel_tool_calls": False}, {}),
        (
            {"response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object"}}}},
            {"output_config": {"format": {"type": "json_schema", "schema": {"type": "object"}}}},
        ),
    ],
)
def test_options(options: Json, expected: Json) -> None:
    assert body(**options) == {**body(), **expected}


TOOL = {"type": "function", "function": {"name": "go", "description": "Go.", "parameters": {"type": "object"}}}
ANTHROPIC_TOOL = {"name": "go", "description": "Go.", "input_schema": {"type": "object"}}
NAMED = {"type": "function", "function": {"name": "go"}}
SEQUENTIAL = {"disable_parallel_tool_use": True}


@pytest.mark.parametrize(
    ("options", "choice"),
    [
        ({}, None),
        ({"parallel_tool_calls": True}, None),
        ({"tool_choice": "auto"}, {"type": "auto"}),
        ({"tool_choice": "none"}, {"type": "none"}),
        ({"tool_choice": "required"}, {"type": "any"}),
        ({"tool_choice": NAMED}, {"type": "tool", "name": "go"}),
        ({"parallel_tool_calls": False}, {"type": "auto", **SEQUENTIAL}),
        ({"parallel_tool_calls": False, "tool_choice": "required"}, {"type": "any", **SEQUENTIAL}),
        ({"parallel_tool_calls": False, "tool_choice": NAMED}, {"type": "tool", "name": "go", **SEQUENTIAL}),
        ({"parallel_tool_calls": False, "tool_choice": "none"}, {"type": "none"}),
    ],
)
def test_the_choice_of_tools(options: Json, choice: Json | None) -> None:
    chosen = {} if choice is None else {"tool_choice": choice}
    assert body(tools=[TOOL], **options) == {**body(), "tools": [ANTHROPIC_TOOL], **chosen}


def test_tools() -> None:
    bare = {"type": "function", "function": {"name": "stay", "description": None, "strict": True}}
    own = {"type": "web_search_20250305", "name": "web_search"}
    assert body(tools=[bare, own])["tools"] == [
        {"name": "stay", "strict": True, "input_schema": {"type": "object", "properties": {}}},
        own,
    ]


def test_an_option_of_this_api_that_is_none_of_ours_is_sent() -> None:
    assert AnthropicFormat().body(UpstreamRequest("m", [user_message("Hello")], {"top_k": 5}))["top_k"] == 5


@pytest.mark.parametrize(
    ("options", "message_part"),
    [
        ({"seed": 0}, "The provider does not support seed: leave it out."),
        ({"presence_penalty": 0.5}, "The provider does not support presence_penalty: leave it out."),
        ({"frequency_penalty": -1}, "does not support frequency_penalty"),
        ({"temperature": 1.5}, "temperature is from 0 to 1"),
        ({"response_format": {"type": "json_object"}}, "response_format must be text, or json_schema"),
        ({"response_format": {"type": "json_schema"}}, "response_format must be text, or json_schema"),
        ({"tools": [{"type": "function"}]}, "tools[0]: a function tool needs a function.name."),
        ({"tools": [{"type": "custom", "custom": {"name": "sql"}}]}, "tools[0]: the provider has no custom tools"),
        ({"tools": [TOOL, {"name": "go"}]}, "tools[1]: a function tool needs"),
        ({"tools": [{"type": "function", "function": {"name": 7}}]}, "tools[0]: a function tool needs"),
        ({"tool_choice": "any"}, "tool_choice must be auto, none, required or one function with its name."),
        ({"tool_choice": {"type": "allowed_tools"}}, "tool_choice must be auto"),
        (
            {"reasoning_effort": "much"},
            "reasoning_effort must be none or one of minimal, low, medium, high, xhigh, max.",
        ),
        ({"reasoning_effort": "low", "temperature": 0.5}, "With reasoning_effort, the provider's temperature is 1"),
        ({"reasoning_effort": "low", "tool_choice": "required"}, "tool_choice must be auto or none"),
        ({"reasoning_effort": "low", "tool_choice": NAMED}, "tool_choice must be auto or none"),
        ({"reasoning_effort": "low", "max_tokens": 1024}, "max_tokens must be over 1024: thinking counts, too."),
    ],
)
def test_unsupported_options_are_refused(options: Json, message_part: str) -> None:
    assert message_part in refusal(**options)


@pytest.mark.parametrize(
    "model",
    [
        *("claude-3-7-sonnet-20250219", "claude-sonnet-4-20250514", "claude-opus-4-0", "claude-opus-4-1-20250805"),
        *("claude-sonnet-4-5", "claude-haiku-4-5-20251001", "claude-opus-4", "anthropic/claude-opus-4.5", "gemma"),
    ],
)
def test_older_models_get_a_thinking_budget(model: str) -> None:
    built = body(model=model, reasoning_effort="medium", temperature=1, tools=[TOOL], tool_choice="auto")
    assert built["thinking"] == {"type": "enabled", "budget_tokens": 8192}
    assert built["max_tokens"] == (default_max_tokens(model, []) or UNKNOWN_MODEL + 8192)
    assert "temperature" not in built
    assert "output_config" not in built


@pytest.mark.parametrize(
    "model",
    [
        *("claude-opus-4-6", "claude-sonnet-4-6", "claude-opus-4-8", "claude-opus-4-10", "claude-sonnet-5"),
        *("claude-opus-5-5", "claude-fable-5-1", "claude-mythos-preview", "anthropic.claude-opus-4-6-v1"),
    ],
)
def test_newer_models_get_an_effort(model: str) -> None:
    schema = {"type": "json_schema", "json_schema": {"schema": {}}}
    built = body(model=model, reasoning_effort="minimal", max_tokens=900, response_format=schema)
    assert built["thinking"] == {"type": "adaptive", "display": "summarized"}
    assert built["output_config"] == {"effort": "low", "format": {"type": "json_schema", "schema": {}}}
    assert built["max_tokens"] == 900


@pytest.mark.parametrize("model", ["claude-sonnet-4-5", "claude-opus-5"])
def test_no_thinking(model: str) -> None:
    built = body(model=model, reasoning_effort="none", temperature=0.2)
    assert (built["thinking"], built["temperature"]) == ({"type": "disabled"}, 0.2)
    assert "output_config" not in built


@pytest.mark.parametrize(("model", "max_tokens"), [("claude-3-haiku-20240307", 4096), ("kimi-k2", UNKNOWN_MODEL)])
def test_max_tokens_of_a_request_that_sets_none(model: str, max_tokens: int) -> None:
    assert body(model=model)["max_tokens"] == max_tokens
    assert body(model=model, max_tokens=7)["max_tokens"] == 7


def test_a_budget_leaves_half_of_the_tokens_for_the_answer() -> None:
    thought = body(model="claude-3-haiku-20240307", reasoning_effort="max")
    assert (thought["max_tokens"], thought["thinking"]) == (4096, {"type": "enabled", "budget_tokens": 2048})


@given(st.sampled_from(list(EFFORTS)), st.integers(1025, 100_000))
def test_a_budget_is_always_within_the_bounds_of_the_api(effort: str, max_tokens: int) -> None:
    built = body(reasoning_effort=effort, max_tokens=max_tokens)
    thinking = built["thinking"]
    assert isinstance(thinking, dict)
    assert built["max_tokens"] == max_tokens
    assert 1024 <= thinking["budget_tokens"] < max_tokens
    assert thinking["budget_tokens"] <= EFFORTS[effort][1]


roles = st.sampled_from(["system", "developer", "user", "assistant", "tool"])


@given(st.lists(st.tuples(roles, st.text(" ab\n", max_size=4)), max_size=8))
def test_turns_always_alternate_and_lose_no_text(conversation: list[tuple[str, str]]) -> None:
    built = body(user_message("Hello"), *(message(role, content, tool_call_id="t") for role, content in conversation))
    turns = built["messages"]
    assert isinstance(turns, list)
    assert all(one["role"] != other["role"] for one, other in pairwise(turns))
    assert all(turn["content"] for turn in turns)
    last = turns[-1]["content"][-1]
    if turns[-1]["role"] == "assistant":
        assert last["text"] == last["text"].rstrip()
    encoded = orjson.dumps(built)
    assert all(orjson.dumps(content.rstrip())[1:-1] in encoded for _, content in conversation)
