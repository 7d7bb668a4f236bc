"""Cases of `openai-responses`: Responses, as OpenAI, Azure, xAI and local servers send them."""

from functools import partial

from gateway.protocol.commands import JsonObject
from gateway.protocol.errors import Code
from tests.gateway.upstreams.transcripts.case import Case, citation, logprobs

_case = partial(Case, "openai-responses", usage=(9, 3))
_WEB: JsonObject = {"type": "url_citation", "url": "https://a.example", "title": "A"}
_error = partial(Case, "openai-responses", text="One ")

_LOGPROBS = (logprobs(("One ", -0.1), top=(("One ", -0.1),), utf8=False), logprobs(("two", -0.2), utf8=False))

CASES: tuple[Case, ...] = (
    _case(
        "logprobs.sse",
        "log probabilities, and the tier",
        text="One two",
        parts=_LOGPROBS,
        response={"service_tier": "flex"},
    ),
    _case(
        "logprobs-whole.sse",
        "log probabilities only in the last event",
        text="One two",
        parts=(logprobs(("One ", -0.1), ("two", -0.2), top=(("One ", -0.1),), utf8=False),),
    ),
    _case("refusal.sse", "a refusal", text="One two", parts=(("refusal", {}),)),
    _case("keep-alives.sse", "keep-alives as data, `event: ping` with `{}`", text="One two"),
    _case("usage-floats.sse", "figures as floats", text="One", usage=(9, 3, 4)),
    _case("response-done.sse", "`response.done` as the last event", text="One two"),
    _case("incomplete.sse", "out of tokens", text="One ", finish="length"),
    _case("incomplete-filter.sse", "ended by the content filter", text="One ", finish="content_filter"),
    _case("incomplete-no-reason.sse", "incomplete for no reason", text="One ", finish="incomplete"),
    _case("second-item-whole.sse", "a second item that comes only whole", text="One two"),
    _case("second-item-in-the-end.sse", "a second item only in the last event", text="One two"),
    _case("only-in-the-end.sse", "all content only in the last event", text="One two"),
    _case("whole-response.sse", "a whole response in one event", text="One two"),
    _case("json-answer.http", "a whole JSON response in place of a stream", text="One two"),
    _case("reasoning-text.sse", "reasoning as text, and its summary", text="Yes.", reasoning="Hm.Short."),
    _case(
        "reasoning-encrypted.sse",
        "encrypted reasoning",
        text="Yes.",
        parts=(("redacted_reasoning", {"data": "gAAAA", "format": "openai-responses"}),),
    ),
    _case("image-generation.sse", "an image", parts=(("image", {"media_type": "image/png", "data": "iVBOR"}),)),
    _case(
        "web-search.sse",
        "a search by the provider, and a citation",
        text="So.",
        parts=(
            (
                "server_tool",
                {
                    "name": "web_search_call",
                    "block": {"type": "web_search_call", "id": "ws_1", "status": "completed"},
                },
            ),
            citation("openai-responses", "https://a.example", "A", None, _WEB),
        ),
    ),
    _case("call-no-arguments.sse", "a call without arguments", calls=(("call_1", "now", "{}"),), finish="tool_calls"),
    _case(
        "call-object-arguments.sse",
        "arguments as an object",
        calls=(("call_1", "f", '{"a":1}'),),
        finish="tool_calls",
    ),
    _error("response-done-failed.sse", "`response.done` that failed", code=Code.RATE_LIMIT),
    _error("response-done-not-over.sse", "`response.done` in progress", code=Code.TRUNCATED),
    _error("completed-but-cancelled.sse", "`response.completed` that was cancelled", code=Code.SERVER_ERROR),
    _error("cancelled.sse", "`response.cancelled`", code=Code.SERVER_ERROR),
    _error("computer-call.sse", "a call of a computer", code=Code.UNSUPPORTED_CONTENT, says="computer_call"),
    _error("error-flat.sse", "an error in the event itself", code=Code.RATE_LIMIT),
    _error("error-nested.sse", "an error in an object", code=Code.INVALID_REQUEST, says="too long"),
    _error("error-event.sse", "`event: error` with a flat body", code=Code.RATE_LIMIT),
    _error("error-xai.sse", "an error of xAI, without a type", text="", code=Code.SERVER_ERROR),
    _error("failed-filter.sse", "failed by the content filter", text="", code=Code.CONTENT_FILTER),
    _error("no-end.sse", "`[DONE]` without a last event", code=Code.TRUNCATED),
    Case("openai-responses", "http-429-quota.http", "429 with `insufficient_quota`", code=Code.PROVIDER_QUOTA),
)
