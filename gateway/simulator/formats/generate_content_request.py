"""Request body of Gemini's `generateContent` (ai.google.dev/api/generate-content, "Request body")."""

import json
from collections.abc import Iterator, Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import ConfigDict, Field, JsonValue, field_validator
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from gateway.simulator.errors import RequestError
from gateway.simulator.formats.request_model import NonEmpty, RequestModel, StrictRequestModel, field_names, parse_body
from gateway.simulator.request import Function, Request, Turn, join_texts

_CAMEL_CASE = ConfigDict(alias_generator=to_camel, validate_by_name=True)


class FunctionCall(RequestModel):
    """A call that the model made."""

    name: NonEmpty


class FunctionResponse(RequestModel):
    """The result of a function call."""

    name: NonEmpty
    response: dict[str, JsonValue]

    def text(self) -> str:
        """Return the result as text, without the object that Google requires around a plain text."""
        match self.response:
            case {"result": str(text)} | {"output": str(text)} if len(self.response) == 1:
                return text
            case response:
                return json.dumps(response, ensure_ascii=False)


class Part(RequestModel):
    """One part of a turn."""

    model_config = _CAMEL_CASE

    text: str = ""
    thought: bool = False
    function_call: FunctionCall | None = None
    function_response: FunctionResponse | None = None


class Content(RequestModel):
    """One turn of the conversation; results of functions are parts of a turn of the user."""

    role: Literal["user", "model", "function"] = "user"
    parts: Annotated[tuple[Part, ...], Field(min_length=1)]

    def text(self) -> str:
        """Return the text without thoughts."""
        return join_texts([part.text for part in self.parts if not part.thought])

    def turns(self) -> Iterator[Turn]:
        """Yield the turns: one per result of a function, then one for the text."""
        results = [part.function_response for part in self.parts if part.function_response]
        for result in results:
            yield Turn("tool", result.text())
        text = self.text()
        if text or not results:
            yield Turn("assistant" if self.role == "model" else "user", text)


class FunctionDeclaration(RequestModel):
    """Name and parameters of a function; the schema is Google's own or a JSON schema."""

    model_config = _CAMEL_CASE

    name: NonEmpty
    parameters: dict[str, JsonValue] | None = None
    parameters_json_schema: dict[str, JsonValue] | None = None


class Tool(RequestModel):
    """Functions that the model may call; tools that Google runs are ignored."""

    model_config = _CAMEL_CASE

    function_declarations: tuple[FunctionDeclaration, ...] = ()


class GenerationConfig(StrictRequestModel):
    """Options of the generation."""

    model_config = _CAMEL_CASE
    ignored: ClassVar[frozenset[str]] = field_names(
        "audioTranscriptionConfig enableEnhancedCivicAnswers frequencyPenalty imageConfig logprobs mediaResolution "
        "presencePenalty responseFormat responseJsonSchema responseLogprobs responseMimeType responseModalities "
        "responseSchema routingConfig speechConfig temperature thinkingConfig topK topP translationConfig"
    )

    candidate_count: Literal[1] | None = None
    max_output_tokens: Annotated[int, Field(ge=1)] | None = None
    stop_sequences: Annotated[tuple[NonEmpty, ...], Field(max_length=5)] = ()
    seed: int | None = None


class GenerateContentBody(StrictRequestModel):
    """A request for one response."""

    model_config = _CAMEL_CASE
    ignored: ClassVar[frozenset[str]] = field_names(
        "cachedContent continuationToken labels model safetySettings serviceTier store toolConfig"
    )

    contents: Annotated[tuple[Content, ...], Field(min_length=1)]
    system_instruction: Content | None = None
    generation_config: GenerationConfig = GenerationConfig()
    tools: tuple[Tool, ...] = ()

    @field_validator("contents")
    @classmethod
    def _check_results(cls, contents: tuple[Content, ...]) -> tuple[Content, ...]:
        for previous, following in zip((None, *contents), (*contents, None), strict=True):
            calls = sum(part.function_call is not None for part in previous.parts) if previous else 0
            results = sum(part.function_response is not None for part in following.parts) if following else 0
            if calls != results:
                problem = "the number of function response parts must be that of the turn's function call parts"
                raise PydanticCustomError("function_response", problem)
        return contents


def parse_generate_content(body: bytes, parameters: Mapping[str, str]) -> Request:
    """Parse a request body; `parameters` are those of the path and the query: `model`, `method`, `alt`.

    Raises:
        RequestError: 400, with the field that is not valid.

    """
    stream = parameters["method"] == "streamGenerateContent"
    if stream and parameters.get("alt") != "sse":
        # Without it Google streams one long JSON array.
        raise RequestError("Add the query ?alt=sse: the simulator streams events only.", param="alt")
    parsed = parse_body(GenerateContentBody, body)
    instruction = parsed.system_instruction
    config = parsed.generation_config
    return Request(
        model=parameters["model"],
        turns=(
            *([Turn("system", instruction.text())] if instruction else []),
            *(turn for content in parsed.contents for turn in content.turns()),
        ),
        stream=stream,
        max_tokens=config.max_output_tokens,
        stops=config.stop_sequences,
        seed=config.seed,
        tools=tuple(_to_function(declaration) for tool in parsed.tools for declaration in tool.function_declarations),
    )


def _to_function(declaration: FunctionDeclaration) -> Function:
    parameters = declaration.parameters or declaration.parameters_json_schema or {}
    return Function(name=declaration.name, parameters=parameters)
