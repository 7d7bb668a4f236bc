"""Cases of `openai`: chat completions, as many servers send them."""

from functools import partial

from gateway.protocol.commands import JsonObject
from gateway.protocol.errors import Code
from tests.gateway.upstreams.transcripts.case import Case, citation, logprobs

_case = partial(Case, "openai")
_COLORS = partial(_case, text="Red, green.", usage=(11, 4))
_BROKEN = partial(_case, text="Red, ")
_FOUR = partial(_case, text="Four.", reasoning="Hm, four.", usage=(11, 4))
_SEA = ("c_1", "look", '{"at":"sea"}')
_SKY = ("c_2", "look", '{"at":"sky"}')
_CALL = partial(_case, calls=(_SEA,), finish="tool_calls")
_WEB: JsonObject = {"url": "https://a.example/", "title": "A", "start_index": 0, "end_index": 4, "content": "sky"}
_IMAGE = {"media_type": "image/png", "data": "iVBORw0KGgo="}

_ENDS = (
    _case("plain.sse", "text, then the usage", text="Good day.", usage=(7, 2)),
    _COLORS("crlf.sse", "lines that end with CR LF"),
    _COLORS("finish-empty.sse", '`finish_reason: ""` in each chunk'),
    _COLORS("finish-null-word.sse", '`finish_reason: "null"` in each chunk'),
    _COLORS("finish-early.sse", "a finish reason, then more text and another reason"),
    _COLORS("finish-every-chunk.sse", "`stop` in each chunk"),
    _COLORS("finish-early-open.sse", "a finish reason, then more text up to `[DONE]`"),
    _CALL("finish-before-arguments.sse", "`tool_calls` before the arguments of the call"),
    _CALL("finish-before-arguments-ping.sse", "the same, with keep-alives before the arguments"),
    _COLORS("finish-object.sse", "a finish reason that is an object"),
    _COLORS("finish-upper-case.sse", "`MAX_TOKENS`", finish="length"),
    _COLORS("no-done.sse", "an end without `[DONE]`"),
    _COLORS("no-reason.sse", "an end without a finish reason", finish=None),
    _case("only-done.sse", "`[DONE]` alone", code=Code.TRUNCATED),
    _case("only-role.sse", "a role, then `[DONE]`", code=Code.TRUNCATED),
    _case("usage-only-zeros.sse", "a role and figures of zero, then `[DONE]`", code=Code.TRUNCATED),
    _COLORS("no-end.sse", "text without any end", code=Code.TRUNCATED),
    _BROKEN("pause.sse", "`pause_turn`: the turn goes on", finish="pause_turn", usage=(11, 4)),
    _COLORS("empty-data.sse", "keep-alives as data: nothing, a comment, a word, `null`, `event: ping`"),
)

_FAILURES = (
    _BROKEN("finish-error.sse", "`finish_reason: error`", code=Code.UPSTREAM_PROTOCOL),
    _BROKEN("finish-abort.sse", "`finish_reason: abort`", code=Code.SERVER_ERROR),
    _BROKEN("finish-network-error.sse", "`finish_reason: network_error`", code=Code.NETWORK_ERROR),
    _BROKEN("finish-no-resource.sse", "`insufficient_system_resource`", code=Code.SERVER_ERROR),
    _case("native-error.sse", "`stop`, but natively `network_error`", code=Code.NETWORK_ERROR),
    _BROKEN("native-error-after-text.sse", "text and `stop`, but natively `abort`", code=Code.SERVER_ERROR),
    _case("calls-announced.sse", "`tool_calls` and nothing else", code=Code.UPSTREAM_PROTOCOL),
    _BROKEN("error-event.sse", "`event: error`, flat", code=Code.INVALID_REQUEST, says="Failed to parse the call"),
    _BROKEN("error-event-text.sse", "`event: error` with words", code=Code.SERVER_ERROR),
    _BROKEN("error-list.sse", "an error in a list", code=Code.SERVER_ERROR),
    _BROKEN("error-in-choice.sse", "an error inside the choice", code=Code.RATE_LIMIT),
    _BROKEN("error-flat.sse", '`object: "error"`', code=Code.INVALID_REQUEST, says="max_tokens is too large"),
    _BROKEN("error-empty-fields.sse", "an error beside empty `choices`", code=Code.RATE_LIMIT),
    _case("error-detail.sse", "FastAPI's `detail`", code=Code.SERVER_ERROR),
    _BROKEN("error-text-status.sse", 'a status as text: `"429"`', code=Code.RATE_LIMIT),
    _case("error-status-flat.sse", "a status without an error object", code=Code.RATE_LIMIT),
    _case("error-groq.sse", "an error in `x_groq`", code=Code.SERVER_ERROR),
    _case("error-base-resp.sse", "`base_resp` with a code", code=Code.PROVIDER_QUOTA, silent="balance"),
    _BROKEN("error-words.sse", "an error that is a text", code=Code.SERVER_ERROR, silent="CUDA"),
    _COLORS("error-null.sse", "`error: null`"),
)

_CONTENT = (
    _case("images.sse", "an image in `images`", parts=(("image", _IMAGE),), usage=(11, 4)),
    _case(
        "images-content.sse",
        "images in parts of the content",
        text="Here: ",
        parts=(
            ("image", {"media_type": None, "url": "https://img.example/a.png"}),
            ("image", {"media_type": None, "data": "iVBORw0KGgo="}),
        ),
        usage=(11, 4),
    ),
    _case(
        "audio.sse",
        "audio with its transcript",
        text="Good day.",
        parts=(("audio", {"media_type": None, "data": "UklGRg=="}),),
        usage=(11, 4),
    ),
    _case(
        "video.sse",
        "a video",
        parts=(("file", {"media_type": None, "url": "https://v.example/a.mp4"}),),
        usage=(11, 4),
    ),
    _case("unknown-part.sse", "a part of an unknown type", code=Code.UNSUPPORTED_CONTENT, says="hologram"),
    _COLORS("progress-frames.sse", "frames of progress without an answer"),
    _COLORS("done-quoted.sse", '`"[DONE]"` in quotation marks'),
    _case("unknown-field.sse", "nothing but an unknown field", code=Code.UNSUPPORTED_CONTENT, says="hologram"),
    _case(
        "citations.sse",
        "`annotations`",
        text="Blue.",
        parts=(citation("openai", "https://a.example/", "A", "sky", {"type": "url_citation", "url_citation": _WEB}),),
        usage=(11, 4),
    ),
    _COLORS(
        "citations-top.sse",
        "`citations` in each chunk",
        parts=(citation("openai", "https://a.example/", None, None, {"url": "https://a.example/"}),),
    ),
    _COLORS(
        "logprobs.sse",
        "log probabilities, the tier and the string that matched",
        parts=(
            logprobs(("Red", -0.1), (", ", -0.01), top=(("Red", -0.1), ("Blue", -2.5))),
            logprobs(("green.", -0.2)),
        ),
        response={"service_tier": "default", "system_fingerprint": "fp_1", "stop_sequence": "END"},
    ),
    _case(
        "refusal-logprobs.sse",
        "`refusal` with log probabilities",
        text="I can't do that.",
        parts=(logprobs(("I can't ", -0.1)), ("refusal", {}), logprobs(("do that.", -0.2))),
        usage=(11, 4),
    ),
    _case("refusal.sse", "`refusal`", text="I can't do that.", parts=(("refusal", {}),), usage=(11, 4)),
    _COLORS("message-beside-delta.sse", "the whole message again in the last chunk", usage=None),
    _COLORS("message-after-deltas.sse", "the whole message again, without a delta"),
    _COLORS("message-pieces.sse", "`message` in place of `delta`"),
    _COLORS("message-alone.sse", "the whole message alone"),
    _BROKEN(
        "message-with-calls.sse",
        "calls in the whole message alone",
        calls=(("c_1", "look", "{}"),),
        finish="tool_calls",
    ),
    _COLORS("text-choice.sse", "`text`, as of the older completions", usage=None),
    _COLORS("second-choice.sse", "a second choice"),
    _case("only-other-choice.sse", "a choice whose index is 1, alone", code=Code.UPSTREAM_PROTOCOL),
    _case("delta-text.sse", "a delta that is no object", code=Code.UPSTREAM_PROTOCOL),
)

_CALLS = (
    _CALL("tools-one-index.sse", "two calls under one index", calls=(_SEA, _SKY)),
    _CALL("tools-one-index-pieces.sse", "two calls under one index, in pieces", calls=(_SEA, _SKY)),
    _CALL("indexes-as-text.sse", "indexes as text", calls=(_SEA, _SKY)),
    _CALL("tool-flat.sse", "name and arguments beside the id"),
    _CALL("tool-alone.sse", "a call in place of a list of calls", text="Look. "),
    _CALL("tools-no-index.sse", "calls without an index", calls=(_SEA, ("c_2", "hear", "{}"))),
    _CALL("tools-from-one.sse", "indexes from 1 on", calls=(("c_1", "look", "{}"), ("c_2", "hear", "{}"))),
    _CALL("tool-id-empty.sse", '`id: ""` and `name: ""` in later deltas'),
    _CALL("tool-id-changes.sse", "an id that changes within a call"),
    _CALL("tool-name-repeated.sse", "id and name in each delta"),
    _CALL("tool-all-new-each-time.sse", "a new id and the name in each delta"),
    _CALL("tool-repeated-whole.sse", "the whole call again at the end"),
    _CALL("tool-no-arguments.sse", "a call without arguments", calls=(("c_1", "now", "{}"),)),
    _CALL(
        "tools-no-arguments.sse",
        "two calls without arguments under one index",
        calls=(("c_1", "now", "{}"), ("c_2", "here", "{}")),
    ),
    _CALL("tool-null-arguments.sse", "a call whose arguments are missing", calls=(("c_1", "now", "{}"),)),
    _CALL("tool-object-arguments.sse", "arguments as an object"),
    _CALL("tool-empty-object-first.sse", "`{}` first, then the arguments"),
    _CALL("tool-no-id.sse", "a call without an id", calls=(("call_cc-1_0", "look", '{"at":"sea"}'),)),
    _CALL("tool-stop.sse", "a call that ends with `stop`", calls=(("c_1", "look", "{}"),), usage=(11, 4)),
    _CALL(
        "tool-length.sse",
        "a call that ends with `length`",
        calls=(("c_1", "look", '{"at":'),),
        finish="length",
        usage=(11, 4),
    ),
    _BROKEN("tool-calls-without.sse", "text that ends with `tool_calls`, without a call", usage=(11, 4)),
    _CALL("function-call.sse", "the older `function_call`", calls=(("call_cc-1_0", "look", '{"at":"sea"}'),)),
    _CALL("tool-signature.sse", "a thought signature of a call", signatures=("SIG-A",)),
)

_REASONING = (
    _FOUR("thinking-list.sse", "thinking as parts of the content"),
    _FOUR("reasoning-details.sse", "`reasoning_details`"),
    _FOUR("reasoning-signed.sse", "`reasoning`, repeated in signed details", signatures=("SIG-C",)),
    _FOUR(
        "reasoning-encrypted.sse",
        "a summary and encrypted reasoning",
        parts=(("redacted_reasoning", {"data": "gAAA", "format": "openai-responses-v1"}),),
    ),
    _FOUR("reasoning-twice.sse", "`reasoning` and `reasoning_content` with the same text"),
    _FOUR("reasoning-text.sse", "`reasoning_text`"),
    _FOUR("thinking-blocks.sse", "LiteLLM's `thinking_blocks`", signatures=("SIG-D",)),
    _case("text-signature.sse", "a thought signature of a text", text="Red.", signatures=("SIG-B",), usage=(11, 4)),
)

_USAGE = (
    _COLORS("usage-in-choice.sse", "usage in the choice", usage=(11, 4, 3)),
    _COLORS("usage-groq.sse", "usage in `x_groq`"),
    _COLORS("usage-floats.sse", "usage as floats"),
    _COLORS("usage-zeros.sse", "usage, then zeros"),
    _COLORS("usage-nulls.sse", "usage, then nulls"),
    _COLORS("usage-none.sse", "`usage: {}`", usage=None),
    _COLORS("usage-other-names.sse", "`input_tokens` and `output_tokens`"),
)

_HTTP = (
    _case("http-401.http", "401", code=Code.PROVIDER_AUTH, silent="sk-te"),
    _case("http-402.http", "402, with `invalid_request_error`", code=Code.PROVIDER_QUOTA, says="account"),
    _case("http-403-credits.http", "403 for an account without credit", code=Code.PROVIDER_QUOTA),
    _case("http-498.http", "498", code=Code.RATE_LIMIT),
    _case("http-400-credit.http", "400 for an account without credit", code=Code.PROVIDER_QUOTA, says="account"),
    _case("http-400-key.http", "400 for a wrong key", code=Code.PROVIDER_AUTH, silent="xa"),
    _case("http-400-list.http", "400, the error in a list", code=Code.INVALID_REQUEST, says="must be equal"),
    _case("http-400-flat.http", "400, a flat error", code=Code.INVALID_REQUEST, says="one system message is allowed"),
    _case("http-422-detail.http", "422 with details", code=Code.INVALID_REQUEST, says="seed: Extra inputs are not"),
    _case("http-400-azure.http", "400 of Azure's prompt filter", code=Code.CONTENT_FILTER, says="filtered due to"),
    _case("http-429-quota.http", "429 with `insufficient_quota`", code=Code.PROVIDER_QUOTA),
    _case("http-403-cloudflare.http", "403 of Cloudflare", code=Code.PROVIDER_AUTH),
    _case("http-503-html.http", "503 with a page", code=Code.SERVER_ERROR),
    _COLORS("plain-text.http", "a stream called text/plain"),
    _COLORS("no-content-type.http", "a stream without a content type"),
    _COLORS("json-type.http", "a stream called application/json"),
    _case("json-error.http", "200 with `base_resp` as JSON", code=Code.RATE_LIMIT, silent="address"),
    _case("json-error-as-stream.http", "200, an error as JSON called a stream", code=Code.RATE_LIMIT),
    _case("json-error-list.http", "200, an error in a list", code=Code.SERVER_ERROR),
    _COLORS("json-answer.http", "200 with the whole answer as JSON"),
    _case("html.http", "200 with a page", code=Code.UPSTREAM_PROTOCOL, retryable=False, says="address"),
    _case("empty-stream.http", "200 with nothing", code=Code.TRUNCATED),
    _COLORS("long-header.http", "a header of 28 KB"),
)

CASES: tuple[Case, ...] = (*_ENDS, *_FAILURES, *_CONTENT, *_CALLS, *_REASONING, *_USAGE, *_HTTP)
