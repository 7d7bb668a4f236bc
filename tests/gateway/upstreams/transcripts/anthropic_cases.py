"""Cases of `anthropic`: Messages, as Anthropic and the servers that imitate it send them."""

from functools import partial

from gateway.protocol.commands import JsonObject
from gateway.protocol.errors import Code
from tests.gateway.upstreams.transcripts.case import Case, citation

_case = partial(Case, "anthropic", usage=(9, 3))
_error = partial(Case, "anthropic", text="One ")
_SEARCH = {"type": "server_tool_use", "id": "s1", "name": "web_search", "input": {"query": "x"}}
_WEB: JsonObject = {"type": "web_search_result_location", "url": "https://a.example", "title": "A", "cited_text": "so"}
_FOUND = {"type": "web_search_tool_result", "tool_use_id": "s1", "content": []}

CASES: tuple[Case, ...] = (
    _case("keep-alives.sse", "keep-alives as data, `event: ping` with `{}`", text="One two"),
    _case("message-content-text.sse", "a whole message with a text as its content", text="One two"),
    _case(
        "indexes-as-text.sse",
        "indexes as text",
        calls=(("t_0", "f", '{"a":0}'), ("t_1", "f", '{"a":1}')),
        finish="tool_calls",
    ),
    _case("delta-untyped.sse", "a delta of text without a type", text="One two"),
    _error(
        "delta-unknown.sse",
        "an unknown delta and nothing else",
        text="",
        code=Code.UNSUPPORTED_CONTENT,
        says="image_delta",
    ),
    _case("usage-zeros.sse", "zeros after figures", text="One", usage=(32, 15, 5)),
    _case("usage-floats.sse", "figures as floats", text="One"),
    _case("usage-late.sse", "figures that are 0 in `message_start`, and known at the end", text="One"),
    _case(
        "pause-turn.sse",
        "a search by the provider, and `pause_turn`",
        text="Found.",
        parts=(
            ("server_tool", {"name": "web_search", "block": _SEARCH}),
            ("server_tool", {"name": "web_search", "block": _FOUND}),
        ),
        finish="pause_turn",
    ),
    _case(
        "compaction.sse",
        "a block and a delta of new kinds, and `compaction`",
        parts=(("server_tool", {"name": "compaction", "block": {"type": "compaction", "content": "So far."}}),),
        finish="pause_turn",
    ),
    _case(
        "signed-thinking.sse",
        "thinking with a signature, and redacted thinking",
        text="Yes.",
        reasoning="Hm.",
        signatures=("SIG",),
        parts=(("redacted_reasoning", {"data": "EmwK", "format": "anthropic"}),),
    ),
    _case(
        "refusal.sse",
        "a refusal with its reason",
        text="One ",
        finish="content_filter",
        response={
            "stop_details": {"type": "refusal", "category": "cyber", "explanation": "It asks for harm."},
            "service_tier": "standard",
        },
    ),
    _case(
        "citations.sse",
        "a citation",
        text="It is so.",
        parts=(citation("anthropic", "https://a.example", "A", "so", _WEB),),
    ),
    _case("image.sse", "an image", parts=(("image", {"media_type": "image/png", "data": "iVBOR"}),)),
    _case("tool-no-arguments.sse", "a call without arguments", calls=(("toolu_1", "now", "{}"),), finish="tool_calls"),
    _case(
        "tool-end-turn.sse",
        "a call whose block does not end, and `end_turn`",
        calls=(("toolu_1", "f", '{"a":1}'),),
        finish="tool_calls",
    ),
    _case("tool-no-id.sse", "a call with an empty id", calls=(("call_msg_1_0", "f", '{"a":1}'),), finish="tool_calls"),
    _case("stop-reason-early.sse", "text after a first stop reason", text="One two", finish="length"),
    _case("stop-reason-null-word.sse", "the stop reason `null` as a text", text="One two"),
    _case("message-in-start.sse", "content in `message_start`", text="One two"),
    _case("message-whole.sse", "a whole message in one event", text="One two"),
    _case("json-answer.http", "a whole JSON message in place of a stream", text="One two"),
    _case("done-at-the-end.sse", "`[DONE]` in place of `message_stop`", text="One"),
    _case("no-message-stop.sse", "no `message_stop`", text="One"),
    _error("stop-reason-error.sse", "the stop reason `network_error`", code=Code.NETWORK_ERROR),
    _error("empty.sse", "an end without a word, a reason or a figure", text="", code=Code.TRUNCATED),
    _error("error-flat.sse", "`event: error` with a flat body", code=Code.RATE_LIMIT),
    _error("error-no-type.sse", "an error without a type, with a number as text", code=Code.RATE_LIMIT),
    _error("error-detail.sse", "`event: error` with `detail`", code=Code.SERVER_ERROR),
    _error("error-overloaded.sse", "`overloaded_error`", text="", code=Code.SERVER_ERROR),
    _error("error-base-resp.sse", "an error of MiniMax", text="", code=Code.RATE_LIMIT),
    Case("anthropic", "http-400-credit.http", "400 without credit", code=Code.PROVIDER_QUOTA, says="account"),
    Case("anthropic", "http-529.http", "529", code=Code.SERVER_ERROR),
    Case("anthropic", "json-error.http", "200 with an error as JSON", code=Code.RATE_LIMIT),
)
