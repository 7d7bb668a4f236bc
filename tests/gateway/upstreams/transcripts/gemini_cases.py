"""Cases of `gemini`: streamGenerateContent, as Google's two services and proxies send it."""

from functools import partial

from gateway.protocol.commands import JsonObject
from gateway.protocol.errors import Code
from tests.gateway.upstreams.transcripts.case import Case, citation, logprobs

_case = partial(Case, "gemini", usage=(9, 3))
_WEB: JsonObject = {"uri": "https://a.example", "title": "A"}
_error = partial(Case, "gemini", text="One ")

CASES: tuple[Case, ...] = (
    _case(
        "logprobs.sse",
        "log probabilities",
        text="One two",
        parts=(
            logprobs(("One ", -0.1), top=(("One ", -0.1), ("Two", -2.5)), utf8=False),
            logprobs(("two", -0.2), utf8=False),
        ),
    ),
    _case("keep-alives.sse", "keep-alives as data, `event: ping` with `{}`", text="One two"),
    _case("index-as-text.sse", "the index as text", text="One two"),
    _case("part-alone.sse", "a part in place of a list of parts", text="One two"),
    _error("content-text.sse", "a text in place of the content", text="", code=Code.UPSTREAM_PROTOCOL),
    _error(
        "part-unknown.sse", "an unknown part and nothing else", text="", code=Code.UNSUPPORTED_CONTENT, says="hologram"
    ),
    _case(
        "text-and-call.sse",
        "text and a call in one part",
        text="One two",
        calls=(("c1", "f", '{"a":1}'),),
        finish="tool_calls",
    ),
    _case(
        "call-nan.sse",
        "arguments with `NaN` and infinite numbers",
        calls=(("c1", "f", '{"a":null,"b":null,"c":null}'),),
        finish="tool_calls",
    ),
    _case("usage-only-last.sse", "figures only in the last event (Vertex AI)", text="One two"),
    _case("usage-zeros.sse", "zeros after figures", text="One"),
    _case("usage-floats.sse", "figures as floats", text="One"),
    _case(
        "call-signature.sse",
        "parallel calls, the first with a thought signature",
        calls=(("call_r1_0", "f", '{"a":1}'), ("call_r1_1", "g", "{}")),
        signatures=("SIG",),
        finish="tool_calls",
    ),
    _case("call-text-arguments.sse", "arguments as text", calls=(("c1", "f", '{"a":1}'),), finish="tool_calls"),
    _case(
        "images.sse",
        "an image, and a file of audio",
        text="Here: ",
        parts=(
            ("image", {"media_type": "image/png", "data": "iVBOR"}),
            ("audio", {"media_type": "audio/wav", "url": "https://a.example/b.wav"}),
        ),
    ),
    _case("thoughts.sse", "thoughts, and a signature alone", text="Yes.", reasoning="Hm.", usage=(9, 5)),
    _case(
        "grounding.sse",
        "sources of a search, without content",
        text="It is so.",
        parts=(citation("gemini", "https://a.example", "A", None, {"groundingChunk": {"web": _WEB}}),),
    ),
    _case(
        "server-tool.sse",
        "a tool that Google ran",
        text="Found.",
        parts=(("server_tool", {"name": "search", "block": {"toolCall": {"id": "1", "name": "search"}}}),),
    ),
    _case("reason-lower-case.sse", "a finish reason in lower case", text="One", finish="length"),
    _case("reason-number.sse", "a finish reason as a number", text="One"),
    _case("reason-each-event.sse", "a finish reason with each event", text="One two"),
    _error(
        "reason-each-event-error.sse",
        "a finish reason with each event, then an error",
        text="Red, green.",
        code=Code.SERVER_ERROR,
    ),
    _case("empty-candidates.sse", "empty candidates before and after", text="One"),
    _case("safety.sse", "`SAFETY` after text", text="One ", finish="content_filter"),
    _case("wrapped.sse", "the response inside `response`", text="One"),
    _case("done-at-the-end.sse", "`[DONE]` at the end", text="One"),
    _case("array.http", "a JSON array in place of a stream", text="One two"),
    _error("reason-malformed-call.sse", "`MALFORMED_FUNCTION_CALL`", text="", code=Code.UPSTREAM_PROTOCOL),
    _error("reason-too-many-calls.sse", "`TOO_MANY_TOOL_CALLS`", code=Code.UPSTREAM_PROTOCOL),
    _error("reason-error.sse", "the finish reason `ERROR`", code=Code.SERVER_ERROR),
    _error("blocked-prompt.sse", "a blocked prompt", text="", code=Code.CONTENT_FILTER, says="PROHIBITED_CONTENT"),
    _error("blocked-prompt-candidates.sse", "a blocked prompt with candidates", text="", code=Code.CONTENT_FILTER),
    _error("blocked-prompt.http", "a blocked prompt, as JSON in place of a stream", text="", code=Code.CONTENT_FILTER),
    _error("error-list.sse", "an error in a list", code=Code.SERVER_ERROR),
    _error("error-event.sse", "`event: error` with a flat body", code=Code.RATE_LIMIT),
    _error("error-flat.sse", "a flat error", text="", code=Code.INVALID_REQUEST, says="Too many parts"),
    _error("no-reason.sse", "no finish reason", code=Code.TRUNCATED),
    Case("gemini", "http-400-key.http", "400 for a wrong key", code=Code.PROVIDER_AUTH, silent="not valid"),
    Case("gemini", "http-429.http", "429 with `RetryInfo`", code=Code.RATE_LIMIT),
    Case("gemini", "json-error-list.http", "200, an error in a list", code=Code.SERVER_ERROR),
)
