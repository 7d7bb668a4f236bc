"""Convert the options of a Gemini request to those of OpenAI's chat completions. Pure.

Source: ai.google.dev/api/generate-content, "GenerationConfig".
"""

from typing import Final

from pydantic import JsonValue

from gateway.dialects.fields import malformed
from gateway.dialects.gemini.fields import Fields
from gateway.dialects.gemini.schema import json_schema
from gateway.protocol.commands import JsonObject

SAME: Final = {
    "temperature": "temperature",
    "topP": "top_p",
    "maxOutputTokens": "max_tokens",
    "stopSequences": "stop",
    "seed": "seed",
    "presencePenalty": "presence_penalty",
    "frequencyPenalty": "frequency_penalty",
    "responseLogprobs": "logprobs",
    "logprobs": "top_logprobs",
}
"""Options that mean the same under another name."""

_HARMLESS: Final = frozenset(
    {"topK", "mediaResolution", "audioTimestamp", "enableEnhancedCivicAnswers", "routingConfig", "modelConfig"}
    | {"modelSelectionConfig", "enableAffectiveDialog"}
)
"""Fields without a counterpart that do not change what the answer is about."""

_LEVELS: Final = {"MINIMAL": "minimal", "LOW": "low", "MEDIUM": "medium", "HIGH": "high"}
_BUDGETS: Final = ((1024, "low"), (8192, "medium"))
"""Largest thinking budget of an effort (ai.google.dev, "OpenAI compatibility", "Thinking")."""


def read_options(config: Fields, untranslated: list[str]) -> JsonObject:
    """Return the options of `generationConfig`.

    Raises:
        Refused: it asks for several answers.
    """
    count = number(config.take("candidateCount"))
    if not (count is None or count == 1):
        path = config.path_of("candidateCount")
        raise malformed(path, "must be 1: a generation is one answer; send several requests")
    options: JsonObject = {
        ours: value for name, ours in SAME.items() if (value := number(config.take(name))) is not None
    }
    if not options.get("stop"):
        options.pop("stop", None)
    if number(config.values.get("topK")) == 1:
        # The most probable token alone: what a temperature of 0 asks for.
        options["temperature"] = 0
    options |= _response_format(config, untranslated) | _thinking(config)
    modalities = config.take("responseModalities")
    if modalities and modalities != ["TEXT"]:
        untranslated.append(config.path_of("responseModalities"))
    config.taken.update(_HARMLESS)
    untranslated += config.rest()
    return options


def number(value: JsonValue) -> JsonValue:
    """Return the number that a text stands for: parsers of Google's JSON take both ("ProtoJSON Format")."""
    if not isinstance(value, str):
        return value
    try:
        return int(value) if value.lstrip("-").isdecimal() else float(value)
    except ValueError:
        return value


def includes_thoughts(body: Fields) -> bool:
    """Return True if a request asks for the model's thoughts."""
    config = body.message("generationConfig")
    thinking = None if config is None else config.message("thinkingConfig")
    return thinking is not None and thinking.take("includeThoughts") is True


def _response_format(config: Fields, untranslated: list[str]) -> JsonObject:
    kind, schema = config.text("responseMimeType"), json_schema(config.take("responseSchema"))
    schema = config.take("responseJsonSchema") or schema
    if kind in {"", "text/plain"}:
        return {}
    if kind != "application/json":
        untranslated.append(config.path_of("responseMimeType"))
        return {}
    if not isinstance(schema, dict):
        return {"response_format": {"type": "json_object"}}
    named: JsonObject = {"name": "response", "schema": schema}
    return {"response_format": {"type": "json_schema", "json_schema": named}}


def _thinking(config: Fields) -> JsonObject:
    thinking = config.message("thinkingConfig")
    if thinking is None:
        return {}
    level, budget = thinking.text("thinkingLevel").upper(), number(thinking.take("thinkingBudget"))
    effort: JsonValue = _LEVELS.get(level)
    if effort is None and isinstance(budget, int) and budget >= 0:
        # A negative budget leaves it to the model.
        effort = "none" if budget == 0 else next((name for most, name in _BUDGETS if budget <= most), "high")
    return {} if effort is None else {"reasoning_effort": effort}
