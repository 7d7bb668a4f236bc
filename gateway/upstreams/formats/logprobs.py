"""Read log probabilities of tokens, and build the part that carries them. Pure.

Clients get them in the form of OpenAI's chat completions (platform.openai.com/docs/api-reference/chat/object,
`choices[].logprobs.content`), which is also that of its Responses API.
"""

from math import isfinite

from pydantic import JsonValue

from gateway.protocol.commands import JsonObject
from gateway.protocol.events import Part
from gateway.upstreams.formats.json_values import list_of, object_of, objects_of, text_of
from gateway.upstreams.formats.parts import encodable


def openai_logprobs(tokens: JsonValue) -> Part | None:
    """Return the log probabilities of tokens in OpenAI's form; None without any."""
    known = [each for each in objects_of(tokens) if text_of(each.get("token")) is not None]
    return _part(
        [{**_openai(each), "top_logprobs": [*map(_openai, objects_of(each.get("top_logprobs")))]} for each in known]
    )


def gemini_logprobs(result: JsonValue) -> Part | None:
    """Return the log probabilities of a candidate's `logprobsResult`; None without any.

    Source: ai.google.dev/api/generate-content, "LogprobsResult": the two lists have an item for each step of decoding.
    """
    steps = [objects_of(object_of(step).get("candidates")) for step in list_of(object_of(result).get("topCandidates"))]
    chosen = objects_of(object_of(result).get("chosenCandidates"))
    tops = [*steps, *([[]] * len(chosen))]
    return _part(
        [{**_gemini(each), "top_logprobs": [*map(_gemini, top)]} for each, top in zip(chosen, tops, strict=False)]
    )


def _part(tokens: list[JsonValue]) -> Part | None:
    return Part("logprobs", {"tokens": tokens}) if tokens else None


def _openai(token: JsonObject) -> JsonObject:
    return _token(token.get("token"), token.get("logprob"), token.get("bytes"))


def _gemini(candidate: JsonObject) -> JsonObject:
    return _token(candidate.get("token"), candidate.get("logProbability"), None)


def _token(token: JsonValue, logprob: JsonValue, utf8: JsonValue) -> JsonObject:
    """Return a token; `bytes` are null where the provider sends none: its text may be a part of a character."""
    number = logprob if isinstance(logprob, int | float) and isfinite(logprob) else None
    return {
        "token": text_of(token) or "",
        "logprob": number,
        "bytes": encodable(utf8) if isinstance(utf8, list) else None,
    }
