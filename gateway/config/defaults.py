"""The tables inside `[models.NAME.defaults]`: options and tools of the starts of pages."""

import re
from typing import Annotated, Final, Literal

import orjson
from pydantic import BeforeValidator, Field, JsonValue, PlainValidator, field_validator

from gateway.config.table import Table
from gateway.protocol.options import (
    MAX_STOP_TEXTS,
    MAX_TOOLS,
    Penalty,
    ReasoningEffort,
    Seed,
    StopText,
    Temperature,
    TokenLimit,
    TopLogprobs,
    TopP,
    User,
)
from gateway.protocol.validation import JsonObject

_FUNCTION_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
"""Names that all providers take (platform.openai.com, "Function calling")."""

_TOOL_CHOICES: Final = ("auto", "none", "required")


def _to_list(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _check_json(value: object) -> JsonObject:
    """Check a table that is sent as JSON, which has fewer values than TOML.

    Raises:
        ValueError: it can't be sent.
    """
    if not isinstance(value, dict):
        message = "must be a table"
        raise ValueError(message)
    try:
        table: JsonObject = orjson.loads(orjson.dumps(value))
    except TypeError:
        table = {}
    if table != value:
        message = "must be JSON: without dates, nan and inf, and with whole numbers of at most 64 bits"
        raise ValueError(message)
    return table


JsonTable = Annotated[JsonObject, PlainValidator(_check_json)]


class FunctionTable(Table):
    """A function that the model may call."""

    name: str = Field(description="Name of the function: 1 to 64 letters, digits, `_` and `-`.")
    description: str | None = Field(None, description="What the function does, for the model.")
    parameters: JsonTable | None = Field(
        None, description="JSON Schema of the arguments, of the type `object`. None: the function has none."
    )
    strict: bool | None = Field(
        None, description="Whether arguments always match the schema, which not every provider offers."
    )

    @field_validator("name")
    @classmethod
    def _check_name(cls, name: str) -> str:
        if not _FUNCTION_NAME.fullmatch(name):
            message = "must have 1 to 64 letters, digits, _ and -"
            raise ValueError(message)
        return name

    @field_validator("parameters")
    @classmethod
    def _check_parameters(cls, schema: JsonObject | None) -> JsonObject | None:
        if schema is not None and (problem := _schema_problem(schema)):
            raise ValueError(problem)
        return schema


def _schema_problem(schema: JsonObject) -> str | None:
    """Return what is wrong with the schema of a function's arguments, so that providers refuse it; None for nothing."""
    if schema.get("type") != "object":
        return 'must be a JSON Schema with type = "object"'
    properties, required = schema.get("properties", {}), schema.get("required", [])
    if not isinstance(properties, dict) or not all(isinstance(value, dict | bool) for value in properties.values()):
        return "must have properties that are a table of JSON Schemas"
    if not isinstance(required, list) or not all(isinstance(name, str) for name in required):
        return "must have required as a list of names"
    return None


class ToolTable(Table):
    """A tool in the form of OpenAI's chat completions."""

    type: Literal["function"] = Field(description="`function`: other tools differ from provider to provider.")
    function: FunctionTable = Field(description="The function that the model may call.")


class DefaultsTable(Table):
    """Options of a start, each with the limits that it has there."""

    temperature: Temperature | None = Field(None, description="Randomness, from 0 to 2.")
    top_p: TopP | None = Field(None, description="Share of probability from which tokens are drawn, from 0 to 1.")
    max_tokens: TokenLimit | None = Field(None, description="Maximum number of output tokens.")
    stop: Annotated[list[StopText], Field(max_length=MAX_STOP_TEXTS), BeforeValidator(_to_list)] | None = Field(
        None, description="Text, or list of texts, before which the answer ends."
    )
    seed: Seed | None = Field(None, description="Seed of the random numbers.")
    presence_penalty: Penalty | None = Field(None, description="Penalty of tokens that occurred, from -2 to 2.")
    frequency_penalty: Penalty | None = Field(None, description="Penalty by how often they occurred, from -2 to 2.")
    tools: Annotated[list[ToolTable], Field(max_length=MAX_TOOLS)] | None = Field(
        None, description="Tools that the model may call, besides those of the client."
    )
    tool_choice: str | JsonObject | None = Field(
        None,
        description=(
            '`auto`, `none`, `required`, or `{ type = "function", function = { name = "NAME" } }`: whether the model '
            "calls a tool."
        ),
    )
    parallel_tool_calls: bool | None = Field(None, description="Whether it may call several at once.")
    response_format: JsonTable | None = Field(
        None, description="Format of the answer, such as a JSON Schema, in the form of OpenAI's chat completions."
    )
    reasoning_effort: ReasoningEffort | None = Field(None, description="How much the model thinks: `low`, `high`, ….")
    logprobs: bool | None = Field(None, description="Whether the answer has the probabilities of its tokens.")
    top_logprobs: TopLogprobs | None = Field(None, description="How many other tokens each has with it, from 0 to 20.")
    user: User | None = Field(None, description="Name of the end user for the provider.")

    @field_validator("tool_choice", mode="plain")
    @classmethod
    def _check_tool_choice(cls, value: object) -> str | JsonObject | None:
        match value:
            case None:
                return None
            case str() if value in _TOOL_CHOICES:
                return value
            case {"type": "function", "function": {"name": str(name), **inner}, **outer} if not (inner or outer):
                return {"type": "function", "function": {"name": name}}
        message = 'must be auto, none, required, or { type = "function", function = { name = "…" } }'
        raise ValueError(message)

    def to_options(self) -> dict[str, JsonValue]:
        """Return the options that are set."""
        options: dict[str, JsonValue] = self.model_dump(exclude_none=True)
        return options
