"""The options of a start, in `options` or at the top level of its body, where OpenAI's API has them."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Final, Literal

from pydantic import ConfigDict, Field, JsonValue, model_validator

from gateway.protocol.validation import JSON_INTEGER, MAX_INTEGER, JsonObject, StrictModel, problem_at

OnDisconnect = Literal["grace", "cancel", "continue"]
Temperature = Annotated[float, Field(ge=0, le=2)]
TopP = Annotated[float, Field(ge=0, le=1)]
TokenLimit = Annotated[int, Field(ge=1, lt=2**31), JSON_INTEGER]
StopText = Annotated[str, Field(max_length=256)]
Seed = Annotated[int, Field(ge=-MAX_INTEGER, le=MAX_INTEGER), JSON_INTEGER]
Penalty = Annotated[float, Field(ge=-2, le=2)]
ReasoningEffort = Annotated[str, Field(max_length=64)]
TopLogprobs = Annotated[int, Field(ge=0, le=20), JSON_INTEGER]
User = Annotated[str, Field(max_length=512)]
MAX_COALESCE_MS: Final = 1000
"""Longest time for which text is joined, in milliseconds: a reader would take a longer one for a stall."""

CoalesceMs = Annotated[int, Field(ge=0, le=MAX_COALESCE_MS), JSON_INTEGER]
MAX_STOP_TEXTS: Final = 16
MAX_TOOLS: Final = 256

_NEW_NAME: Final = "max_completion_tokens"
_NO_CHOICE: Final = ("auto", "none")
_BESIDE_OPTIONS: Final = "belongs beside options, not into it"


class OptionFields(StrictModel):
    """Parameters for the provider, and the gateway's own options: `GATEWAY_OPTIONS`."""

    temperature: Temperature | None = None
    top_p: TopP | None = None
    max_tokens: TokenLimit | None = None
    max_completion_tokens: TokenLimit | None = None
    stop: StopText | Annotated[list[StopText], Field(max_length=MAX_STOP_TEXTS)] | None = None
    seed: Seed | None = None
    presence_penalty: Penalty | None = None
    frequency_penalty: Penalty | None = None
    tools: Annotated[list[JsonObject], Field(max_length=MAX_TOOLS)] | None = None
    tool_choice: Annotated[str, Field(max_length=256)] | JsonObject | None = None
    parallel_tool_calls: bool | None = None
    response_format: JsonObject | None = None
    reasoning_effort: ReasoningEffort | None = None
    logprobs: bool | None = None
    top_logprobs: TopLogprobs | None = None
    user: User | None = None
    on_disconnect: OnDisconnect | None = None
    coalesce_ms: CoalesceMs | None = None


GATEWAY_OPTIONS: Final = frozenset({"on_disconnect", "coalesce_ms"})
"""Options that no provider gets."""


ADVICE: Final[Mapping[str, str]] = {
    "functions": "is outdated: send tools",
    "function_call": "is outdated: send tool_choice",
    "max_output_tokens": "is called max_tokens here",
    "stop_sequences": "is called stop here",
    "reasoning": "send reasoning_effort instead",
    "thinking": "send reasoning_effort instead",
    "safety_identifier": "send user instead",
    "extra_body": "send its fields as options",
    **dict.fromkeys(
        (
            *("top_k", "min_p", "logit_bias", "repetition_penalty", "modalities", "audio"),
            *("prediction", "verbosity", "web_search_options", "prompt_cache_key", "prompt_cache_retention"),
        ),
        "is not passed on, since most providers do not have it: leave it out",
    ),
}
"""Advice for fields of providers' APIs that are not options here."""


_NAMES: Final = tuple(OptionFields.model_fields)


class Options(OptionFields):
    """The options of a start. `max_completion_tokens` is OpenAI's newer name of `max_tokens`."""

    advice: ClassVar[Mapping[str, str]] = {
        **ADVICE,
        **dict.fromkeys(
            (
                *("messages", "model", "metadata", "options", "stream", "stream_options", "n", "store"),
                *("service_tier", "idempotency_key"),
            ),
            _BESIDE_OPTIONS,
        ),
    }

    @model_validator(mode="after")
    def _check_names(self) -> "Options":
        merge((), self)
        return self

    def for_provider(self) -> JsonObject:
        """Return the options that are sent to the provider, under the names of its API."""
        return {
            name: value
            for name, value in merge((), self).items()
            if name not in GATEWAY_OPTIONS and not self._is_ineffective(name, value)
        }

    def _is_ineffective(self, name: str, value: JsonValue) -> bool:
        """Return True for a value that says how every provider answers anyway. Many of them refuse it all the same."""
        if name == "logprobs":
            return value is False
        return not self.tools and (name == "parallel_tool_calls" or (name == "tool_choice" and value in _NO_CHOICE))


class ProviderOptions(Options):
    """Options that a dialect has read: those of a start, and fields of its API for which a start has no option.

    The latter have the names of OpenAI's chat completions, and are validated by the dialect. A wire format that can't
    express one refuses it by its name. So only what changes an answer belongs here: the rest may be dropped.
    """

    model_config = ConfigDict(extra="allow")

    @classmethod
    def of(cls, options: Options, others: Mapping[str, JsonValue]) -> "ProviderOptions":
        """Return options with further fields."""
        return cls.model_construct(options.model_fields_set, **{**dict(options), **others})

    def for_provider(self) -> JsonObject:
        """Return all options, under the names of OpenAI's API."""
        return {**super().for_provider(), **(self.model_extra or {})}


def merge(path: tuple[str, ...], options: OptionFields, others: OptionFields | None = None) -> JsonObject:
    """Return all options that have a value, those of `others` too; `path` is the path of the first ones.

    Raises:
        PydanticCustomError: an option has two different values, in two places or under two names.
    """
    merged: JsonObject = {}
    names: dict[str, str] = {}
    for prefix, fields in ((path, options), ((), others)):
        given = frozenset[str]() if fields is None else fields.model_fields_set
        # The order of the names is that of the message if there are two problems.
        for name in [name for name in _NAMES if name in given] if given else ():
            value = getattr(fields, name)
            if value is None:
                continue
            option, full_name = "max_tokens" if name == _NEW_NAME else name, ".".join((*prefix, name))
            if merged.setdefault(option, value) != value:
                raise problem_at((*prefix, name), f"has another value than {names[option]}: send one of the two")
            names.setdefault(option, full_name)
    return merged
