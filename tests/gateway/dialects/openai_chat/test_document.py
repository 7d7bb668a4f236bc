"""A chat completion that is not streamed."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.dialects.openai_chat.document import document
from gateway.protocol.commands import JsonObject
from gateway.protocol.events import Chunk, Part, Reasoning, Revision, SignedReasoning, ToolCall
from gateway.upstreams.formats.json_values import object_of
from tests.gateway.dialects.openai_chat.responses import (
    COMPLETE,
    INTERRUPTED,
    START,
    choice_of,
    document_of,
    projected,
    projected_joined,
    provider_chunk,
    verbatim,
)

USAGE = {
    "prompt_tokens": 21,
    "completion_tokens": 9,
    "total_tokens": 30,
    "prompt_tokens_details": {"cached_tokens": 8},
    "completion_tokens_details": {"reasoning_tokens": 2},
}


def test_a_whole_answer() -> None:
    assert document_of([START, Chunk("a"), Chunk("b"), COMPLETE]) == {
        "id": "chatcmpl-g_1",
        "object": "chat.completion",
        "created": 1_700_000_000,
        "model": "m",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "ab", "refusal": None},
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
        "usage": USAGE,
    }


def test_an_answer_without_text_has_null_beside_calls() -> None:
    events = [START, ToolCall(0, "c", "f", ""), ToolCall(0, None, None, "{}"), COMPLETE]
    choice = choice_of(document_of(events))
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    assert choice["message"] == {"role": "assistant", "content": None, "refusal": None, "tool_calls": [call]}
    choice = choice_of(document_of([START, COMPLETE]))
    assert choice["message"] == {"role": "assistant", "content": "", "refusal": None}


def test_everything_else_is_part_of_the_message() -> None:
    token: JsonObject = {"token": "b", "logprob": -0.1, "bytes": None, "top_logprobs": []}
    events = [
        START,
        Reasoning("a"),
        SignedReasoning("", "s", "anthropic"),
        Part("logprobs", {"tokens": [token]}),
        Chunk("b"),
        Part("image", {"media_type": "image/png", "data": "AA=="}),
        COMPLETE,
    ]
    choice = choice_of(document_of(events))
    assert choice["logprobs"] == {"content": [token], "refusal": None}
    assert choice["message"] == {
        "role": "assistant",
        "content": "b",
        "refusal": None,
        "reasoning_content": "a",
        "reasoning_details": [
            {"type": "reasoning.text", "text": "a", "signature": "s", "format": "anthropic", "index": 0}
        ],
        "images": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}, "index": 0}],
    }


def test_fields_that_only_the_provider_knows_are_kept() -> None:
    first = provider_chunk({"role": "assistant", "content": "", "x_delta": "a"}, service_tier="default")
    second = provider_chunk({"content": "b", "x_delta": "c"}, usage=None, obfuscation="zz")
    last = provider_chunk({}, "stop")
    figures = {"id": "theirs", "choices": [], "usage": {"prompt_tokens": 1, "x_usage": 2}}
    one, two, three, four = verbatim(first, second, last, figures)
    assert document_of([START, one, two, Chunk("b"), three, four, COMPLETE]) == {
        "id": "theirs",
        "object": "chat.completion",
        "created": 5,
        "model": "their-m",
        "x_new": 1,
        "service_tier": "default",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "b", "refusal": None, "x_delta": "ac"},
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
        "usage": {"prompt_tokens": 1, "x_usage": 2},
    }


def test_a_text_that_another_replaces_is_dropped() -> None:
    (hello,) = verbatim(provider_chunk({"content": "Hel"}))
    events = [START, hello, Chunk("Hel"), Revision(2, None, None, "failover"), START, Chunk("b"), COMPLETE]
    whole = document_of(events)
    assert whole["id"] == "chatcmpl-g_1"
    assert object_of(choice_of(whole)["message"])["content"] == "b"


def test_an_interrupt_leaves_the_calls_that_are_complete() -> None:
    events = [START, ToolCall(0, "c", "f", '{"a":1}'), ToolCall(1, "d", "f", '{"a'), INTERRUPTED]
    whole = document_of(events)
    calls = object_of(choice_of(whole)["message"])["tool_calls"]
    assert calls == [{"id": "c", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}}]
    assert whole["dualstream"] == {"interrupted": {"by": "client", "reason": "enough"}}


def test_an_interrupt_leaves_no_input_that_may_go_on() -> None:
    events = [START, ToolCall(0, "c", "sql", "delete from a"), INTERRUPTED]
    tools = [{"type": "custom", "custom": {"name": "sql"}}]
    assert "tool_calls" not in object_of(choice_of(document_of(events, tools=tools))["message"])
    assert "tool_calls" not in object_of(
        choice_of(document_of([START, ToolCall(0, "c", "f", ""), INTERRUPTED]))["message"]
    )
    functions = [{"name": "f"}]
    for arguments in ("", '{"a'):
        events = [START, ToolCall(0, "c", "f", arguments), INTERRUPTED]
        assert "function_call" not in object_of(choice_of(document_of(events, functions=functions))["message"])
    events = [START, ToolCall(0, "c", "f", "{}"), INTERRUPTED]
    assert "function_call" in object_of(choice_of(document_of(events, functions=functions))["message"])


TEXTS = st.text(max_size=5)
CONTENT = st.lists(
    st.one_of(
        st.builds(Chunk, TEXTS),
        st.builds(Reasoning, TEXTS),
        st.builds(SignedReasoning, TEXTS, st.just("s"), st.just("anthropic")),
        st.builds(ToolCall, st.integers(0, 2), st.sampled_from([None, "c"]), st.sampled_from([None, "f"]), TEXTS),
        st.builds(lambda tokens: Part("logprobs", {"tokens": tokens}), st.just([{"token": "t"}])),
        st.just(Part("refusal", {})),
        st.just(Part("image", {"media_type": "image/png", "data": "AA=="})),
    ),
    max_size=12,
)


@given(CONTENT)
def test_joined_text_makes_the_same_document(content: list[object]) -> None:
    events = [START, *content, COMPLETE]
    assert document(projected_joined(events, stream=False)) == document_of(events)


@given(CONTENT)
def test_a_stream_adds_up_to_the_document(content: list[object]) -> None:
    events = [START, *content, COMPLETE]
    _, streamed = projected(events, stream_options={"include_usage": True})
    assert document(streamed) == document_of(events)
