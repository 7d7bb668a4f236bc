"""What a gateway needs beside the events to serve a generation of another one, or to continue it. Pure."""

from dataclasses import dataclass, field
from functools import cache

from pydantic import TypeAdapter

from gateway.generation.attempt import Attempt
from gateway.generation.source import UNKNOWN_SOURCE, StartSource
from gateway.protocol.events import Feedback, InterruptedBy


@dataclass(frozen=True, slots=True)
class StoredPrompt:
    """The conversation of a start as JSON: `messages` is an array, `verbatim` empty without one."""

    messages: str
    options: str
    verbatim: str = ""


@dataclass(frozen=True, slots=True)
class StoredStop:
    """A stop that was accepted, and whose end is in no event yet."""

    by: InterruptedBy
    reason: str | None


@dataclass(frozen=True, slots=True)
class GenerationDetails:
    """What the events of a generation do not hold. Moments are seconds since 1970: gateways share no other clock."""

    id: str
    request_id: str
    model: str
    created: int
    output_limit: int
    accepted_at: float
    admitted_at: float | None = None
    first_content_at: float | None = None
    leading_messages: int = 0
    coalesce_ms: int | None = None
    metadata: str = "{}"
    # Lists, which pydantic encodes without a call of Python; it has one for each Sequence.
    attempts: list[Attempt] = field(default_factory=list)
    notes: list[Feedback] = field(default_factory=list)
    """All feedback: what comes after the end is in no event."""
    failed_param: str | None = None
    failed_api_code: str | None = None
    stop: StoredStop | None = None
    source: StartSource = UNKNOWN_SOURCE


# The adapters are built when they are first needed: most gateways share no store.
@cache
def _details_adapter() -> TypeAdapter[GenerationDetails]:
    return TypeAdapter(GenerationDetails)


def encode_details(details: GenerationDetails) -> bytes:
    """Encode details as JSON."""
    return _details_adapter().dump_json(details)


def decode_details(data: bytes) -> GenerationDetails:
    """Decode details; fields that only a newer gateway has are ignored.

    Raises:
        ValueError: these are no details.
    """
    return _details_adapter().validate_json(data)


@cache
def _prompt_adapter() -> TypeAdapter[StoredPrompt]:
    return TypeAdapter(StoredPrompt)


def encode_prompt(prompt: StoredPrompt) -> bytes:
    """Encode a conversation as JSON."""
    return _prompt_adapter().dump_json(prompt)


def decode_prompt(data: bytes) -> StoredPrompt:
    """Decode a conversation.

    Raises:
        ValueError: this is none.
    """
    return _prompt_adapter().validate_json(data)
