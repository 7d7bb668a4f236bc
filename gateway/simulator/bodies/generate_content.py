"""The body of `POST /v1beta/models/{model}:generateContent` (ai.google.dev/api/generate-content, "Request body")."""

import json
from collections.abc import Iterator, Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import ConfigDict, Field, JsonValue, field_validator
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from gateway.simulator.bodies.base import Body, NonEmpty, StrictBody, checked, names
from gateway.simulator.errors import RequestError
from gateway.simulator.request import Function, Request, Turn, joined

_NAMES = ConfigDict(alias_generator=to_camel, validate_by_name=True)


class FunctionCall(Body):
    """A call that the model made."""

    name: NonEmpty


class FunctionResponse(Body):
    """What a call gave back."""

    name: NonEmpty
    response: dict[str, JsonValue]

    def text(self) -> str:
        """Give the result as text, without the object around it that Google asks for where it is text alone."""
        match self.response:
            case {"result": str(text)} | {"output": str(text)} if len(self.response) == 1:
                return text
            case response:
                return json.dumps(response, ensure_ascii=False)


class Part(Body):
    """One part of a turn."""

    model_config = _NAMES

    text: str = ""
    thought: bool = False
    function_call: FunctionCall | None = None
    function_response: FunctionResponse | None = None


class Content(Body):
    """One turn of the conversation; what functions gave back are parts of the user's."""

    role: Literal["user", "model", "function"] = "user"
    parts: Annotated[tuple[Part, ...], Field(min_length=1)]

    def text(self) -> str:
        """Give what is said, without thoughts."""
        return joined([part.text for part in self.parts if not part.thought])

    def turns(self) -> Iterator[Turn]:
        """Give the turns: each result of a function, then what is said."""
        results = [part.function_response for part in self.parts if part.function_response]
        for result in results:
            yield Turn("tool", result.text())
        text = self.text()
        if text or not results:
            yield Turn("assistant" if self.role == "model" else "user", text)


class FunctionDeclaration(Body):
    """What a function is called and takes, its schema in Google's spelling or as JSON schema."""

    model_config = _NAMES

    name: NonEmpty
    parameters: dict[str, JsonValue] | None = None
    parameters_json_schema: dict[str, JsonValue] | None = None


class Tool(Body):
    """Functions that the answer may call; tools that Google runs itself are ignored."""

    model_config = _NAMES

    function_declarations: tuple[FunctionDeclaration, ...] = ()


class GenerationConfig(StrictBody):
    """How the answer is made."""

    model_config = _NAMES
    accepted: ClassVar[frozenset[str]] = names(
        "audioTranscriptionConfig enableEnhancedCivicAnswers frequencyPenalty imageConfig logprobs mediaResolution "
        "presencePenalty responseFormat responseJsonSchema responseLogprobs responseMimeType responseModalities "
        "responseSchema routingConfig speechConfig temperature thinkingConfig topK topP translationConfig"
    )

    candidate_count: Literal[1] | None = None
    max_output_tokens: Annotated[int, Field(ge=1)] | None = None
    stop_sequences: Annotated[tuple[NonEmpty, ...], Field(max_length=5)] = ()
    seed: int | None = None


class GenerateContentBody(StrictBody):
    """A request for one answer."""

    model_config = _NAMES
    accepted: ClassVar[frozenset[str]] = names(
        "cachedContent continuationToken labels model safetySettings serviceTier store toolConfig"
    )

    contents: Annotated[tuple[Content, ...], Field(min_length=1)]
    system_instruction: Content | None = None
    generation_config: GenerationConfig = GenerationConfig()
    tools: tuple[Tool, ...] = ()

    @field_validator("contents")
    @classmethod
    def _follow_each_other(cls, contents: tuple[Content, ...]) -> tuple[Content, ...]:
        for before, after in zip((None, *contents), (*contents, None), strict=True):
            calls = sum(part.function_call is not None for part in before.parts) if before else 0
            results = sum(part.function_response is not None for part in after.parts) if after else 0
            if calls != results:
                problem = "the number of function response parts must be that of the turn's function call parts"
                raise PydanticCustomError("function_response", problem)
        return contents


def read_generate_content(body: bytes, place: Mapping[str, str]) -> Request:
    """Read the body of a request; `place` is what its path and query say: model, method, alt.

    Raises:
        RequestError: 400, naming the field at fault.

    """
    stream = place["method"] == "streamGenerateContent"
    if stream and place.get("alt") != "sse":
        # Google would stream one long JSON array.
        raise RequestError("Add the query ?alt=sse: the simulator streams events only.", param="alt")
    asked = checked(GenerateContentBody, body)
    instruction = asked.system_instruction
    config = asked.generation_config
    return Request(
        model=place["model"],
        turns=(
            *([Turn("system", instruction.text())] if instruction else []),
            *(turn for content in asked.contents for turn in content.turns()),
        ),
        stream=stream,
        max_tokens=config.max_output_tokens,
        stops=config.stop_sequences,
        seed=config.seed,
        tools=tuple(_function(declared) for tool in asked.tools for declared in tool.function_declarations),
    )


def _function(declared: FunctionDeclaration) -> Function:
    return Function(name=declared.name, parameters=declared.parameters or declared.parameters_json_schema or {})
