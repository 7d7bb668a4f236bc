"""Settings of one request, from the query string after the model's name and the header `X-Simulate`."""

from typing import Annotated, Final, Literal
from urllib.parse import parse_qsl

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from gateway.simulator.errors import RequestError
from gateway.simulator.texts import Language

Fault = Literal[
    "429",
    "500",
    "401",
    "html",
    "refuse",
    "drop",
    "truncate",
    "stall",
    "garbage",
    "error",
    "trickle",
    "hugeline",
    "pings",
]

PROFILES: Final[dict[str, str]] = {
    "sim": "",
    "sim-instant": "ttft=0&speed=0&jitter=0",
    "sim-gpt-4.1": "ttft=120&speed=85",
    "sim-gpt-4o": "ttft=380&speed=42",
    "sim-claude-3.5-sonnet": "ttft=450&speed=38",
    "sim-gemini-1.5-flash": "ttft=280&speed=55",
}
"""Settings of each model name."""


@dataclass(frozen=True, slots=True, kw_only=True, config=ConfigDict(extra="forbid"))
class SimulatorSettings:
    """How the simulator responds to one request."""

    ttft: Annotated[float, Field(ge=0, le=3_600_000, allow_inf_nan=False)] = 120.0
    """Milliseconds from the request to the first token."""
    speed: Annotated[float, Field(ge=0, le=10_000_000, allow_inf_nan=False)] = 85.0
    """Characters per second; 0 is as fast as possible."""
    jitter: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] = 0.2
    """Range of a chunk's deviation from its time, as a fraction of the gap before it."""
    length: Annotated[int, Field(ge=0, le=5_000_000)] | None = None
    """Characters of the response's text; unset it is 600, or 0 with tool calls."""
    language: Language = "english"
    reasoning: Annotated[int, Field(ge=0, le=1_000_000)] = 0
    """Characters of reasoning before the text."""
    tool_calls: Annotated[int, Field(ge=0, le=64)] = 0
    """Number of parallel tool calls; none after the result of a tool, so that an agent's loop ends."""
    seed: int | None = None
    """Seed of the text; unset it is derived from the messages."""
    chunk: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    """Characters per chunk, which may split a grapheme; unset, chunks are pieces of words."""
    usage: Literal["asked", "on", "off"] = "asked"
    """When usage is sent: as the request asks, always, or never."""
    cached: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] = 0.0
    """Fraction of the prompt's tokens that usage reports as read from the provider's cache."""
    stamp: Literal["on", "off"] = "off"
    """Whether each chunk of the text begins with the time at which it is sent (`gateway/simulator/stamps.py`)."""
    fault: Fault | None = None
    after: Annotated[int, Field(ge=0)] = 5
    """Chunks of the response, without those of the reasoning, before a fault within the stream."""
    retry_after: Annotated[int, Field(ge=0)] | None = None
    """Seconds in Retry-After; unset it is 1 with the fault 429, and not sent with 500."""
    times: Annotated[int, Field(ge=1, le=1000)] | None = None
    """Calls with the same name of a `run` that have the fault; later ones have none. Unset, each call has it."""
    run: Annotated[str, Field(pattern=r"^[\w-]{0,64}$")] = ""


_SETTINGS: Final = TypeAdapter(SimulatorSettings)


def parse_settings(model: str, header: str = "") -> SimulatorSettings:
    """Parse the settings from a model's name such as `sim?ttft=200` and from the header, which takes precedence.

    Raises:
        RequestError: 404 for an unknown model; 400 for an unknown setting or a value that is not valid, with its name.

    """
    name, _, query = model.partition("?")
    if name not in PROFILES:
        message = (
            f"The model '{name}' does not exist. Use one of {', '.join(PROFILES)}, with settings as in 'sim?speed=40'."
        )
        raise RequestError(message, status=404, code="model_not_found", param="model")
    values = (
        _parse_pairs(PROFILES[name], name)
        | _parse_pairs(query, "the model's name")
        | _parse_pairs(header.strip(), "X-Simulate")
    )
    try:
        return _SETTINGS.validate_python(values)
    except ValidationError as refused:
        first = refused.errors(include_url=False)[0]
        raise _bad_setting(str(first["loc"][0]), first["type"], first["msg"], values) from None


def _parse_pairs(query: str, source: str) -> dict[str, str]:
    if not query:
        return {}
    try:
        return dict(parse_qsl(query, keep_blank_values=True, strict_parsing=True))
    except ValueError:
        message = f"The settings in {source} must look like 'ttft=200&speed=85'; got '{query}'."
        raise RequestError(message, code="invalid_setting") from None


def _bad_setting(name: str, problem: str, detail: str, values: dict[str, str]) -> RequestError:
    if problem == "unexpected_keyword_argument":
        names = ", ".join(SimulatorSettings.__dataclass_fields__)
        return RequestError(f"There is no setting '{name}'. Use {names}.", code="unknown_setting", param=name)
    message = f"Bad value '{values[name]}' for the setting '{name}': {detail}."
    return RequestError(message, code="invalid_setting", param=name)
