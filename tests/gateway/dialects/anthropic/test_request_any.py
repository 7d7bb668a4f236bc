"""Any request is read or refused, whatever it holds; and what was read can be sent to every provider, or is refused."""

from contextlib import suppress

from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from gateway.dialects.anthropic.request import parse_call
from gateway.dialects.base import Call
from gateway.protocol.commands import JsonObject
from gateway.protocol.errors import Refused, UnsupportedOption
from gateway.upstreams.base import UpstreamRequest
from gateway.upstreams.formats.anthropic import AnthropicFormat
from gateway.upstreams.formats.base import Quirks
from gateway.upstreams.formats.gemini import GeminiFormat
from gateway.upstreams.formats.openai_chat import OpenAIChatFormat
from gateway.upstreams.formats.openai_responses import OpenAIResponsesFormat
from gateway.upstreams.formats.sealed_reasoning import seal

FORMATS = (AnthropicFormat(), GeminiFormat(), OpenAIChatFormat(Quirks()), OpenAIResponsesFormat())

junk: st.SearchStrategy[JsonValue] = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 3), st.just(""), st.just("a"), st.just([]), st.just({})
)
texts: st.SearchStrategy[JsonValue] = st.one_of(
    st.sampled_from(["a", "", seal({"format": "gemini", "call": "t", "signature": "s"})]), junk
)
blocks: st.SearchStrategy[JsonValue] = st.deferred(
    lambda: st.fixed_dictionaries(
        {
            "type": st.one_of(
                st.sampled_from(
                    [
                        *("text", "image", "document", "search_result", "thinking", "redacted_thinking", "tool_use"),
                        *("tool_result", "server_tool_use", "web_search_tool_result", "container_upload", "new"),
                    ]
                ),
                junk,
            )
        },
        optional={
            **dict.fromkeys(("text", "thinking", "signature", "data", "id", "name", "title", "tool_use_id"), texts),
            "input": junk,
            "is_error": junk,
            "content": contents,
            "source": st.one_of(
                st.fixed_dictionaries(
                    {"type": st.sampled_from(["base64", "url", "file", "text", "content"])},
                    optional={**dict.fromkeys(("data", "url", "media_type"), texts), "content": contents},
                ),
                junk,
            ),
        },
    )
)
contents: st.SearchStrategy[JsonValue] = st.one_of(texts, st.lists(st.one_of(blocks, junk), max_size=3))
messages = st.lists(
    st.fixed_dictionaries(
        {"role": st.one_of(st.sampled_from(["user", "assistant", "system", "critic"]), junk), "content": contents}
    ),
    max_size=4,
)
bodies = st.fixed_dictionaries(
    {"model": st.just("m"), "messages": st.one_of(messages, junk)},
    optional={
        **dict.fromkeys(("system", "output_format"), contents),
        **dict.fromkeys(("max_tokens", "temperature", "stop_sequences", "metadata", "top_k", "stream"), junk),
        "tools": st.one_of(st.lists(st.one_of(junk, st.just({"name": "f", "input_schema": {}})), max_size=2), junk),
        "tool_choice": st.one_of(junk, st.sampled_from([{"type": "any"}, {"type": "tool", "name": "f"}, {"type": 1}])),
        "thinking": st.one_of(junk, st.just({"type": "enabled", "budget_tokens": 1024})),
        "output_config": st.one_of(junk, st.fixed_dictionaries({"effort": texts, "format": junk})),
    },
)


@given(bodies)
def test_any_request_is_read_or_refused(body: JsonObject) -> None:
    try:
        start = parse_call(Call(body))
    except Refused as refused:
        assert refused.message
        return
    options = start.request.options.for_provider()
    for wire_format in FORMATS:
        with suppress(UnsupportedOption):
            wire_format.body(UpstreamRequest("m", start.request.messages, options))
