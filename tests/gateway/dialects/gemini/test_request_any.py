"""Any JSON object is a request or refused, whatever its fields contain."""

from contextlib import suppress

from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from gateway.dialects.base import Call
from gateway.dialects.gemini.request import parse_call
from gateway.protocol.errors import Refused
from gateway.upstreams.base import UpstreamRequest
from gateway.upstreams.formats.gemini import GeminiFormat

ROUTE = "/v1beta/models/{model:model}:generateContent"
_NAMES = st.sampled_from(
    [
        "contents",
        "role",
        "parts",
        "text",
        "thought",
        "thoughtSignature",
        "inlineData",
        "mimeType",
        "data",
        "fileData",
        "fileUri",
        "functionCall",
        "name",
        "args",
        "id",
        "functionResponse",
        "response",
        "executableCode",
        "code",
        "language",
        "codeExecutionResult",
        "output",
        "systemInstruction",
        "generationConfig",
        "generation_config",
        "temperature",
        "topK",
        "maxOutputTokens",
        "stopSequences",
        "candidateCount",
        "responseMimeType",
        "responseSchema",
        "type",
        "properties",
        "items",
        "nullable",
        "enum",
        "responseJsonSchema",
        "thinkingConfig",
        "thinkingBudget",
        "thinkingLevel",
        "includeThoughts",
        "tools",
        "responseModalities",
        "functionDeclarations",
        "parameters",
        "parametersJsonSchema",
        "toolConfig",
        "functionCallingConfig",
        "mode",
        "labels",
        "allowedFunctionNames",
        "cachedContent",
        "safetySettings",
        "model",
        "logprobs",
        "responseLogprobs",
        "seed",
    ]
)
_TEXTS = st.sampled_from(["", "x", "user", "model", "image/png", "ANY", "application/json", "OBJECT", "look"])
_VALUES: st.SearchStrategy[JsonValue] = st.recursive(
    st.none() | st.booleans() | st.integers(-1, 3) | st.floats(allow_nan=False) | _TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_NAMES, inner, max_size=4),
    max_leaves=20,
)
_PARTS = st.lists(st.dictionaries(_NAMES, _VALUES, max_size=3), max_size=3)
_CONTENTS = st.lists(
    st.fixed_dictionaries({}, optional={"role": st.sampled_from(["user", "model"]), "parts": _PARTS}), max_size=4
)
_BODIES = st.dictionaries(_NAMES, _VALUES, max_size=6).flatmap(
    lambda body: st.one_of(st.just(body), _CONTENTS.map(lambda contents: {**body, "contents": contents}))
)


@given(_BODIES)
def test_every_body_is_read_or_refused(body: dict[str, JsonValue]) -> None:
    with suppress(Refused):
        start = parse_call(Call(body, {"model": "m"}, {}, {}, ROUTE))
        # What a provider of the same API gets is what the client sent.
        request = UpstreamRequest("m", start.request.messages, {}, verbatim=start.verbatim)
        sent = {name: value for name, value in body.items() if name != "model"}
        assert GeminiFormat().body(request) == sent
