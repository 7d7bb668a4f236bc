"""What a gateway needs beside the events to serve a generation of another one, or to continue it. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from pydantic import TypeAdapter

from gateway.generation.attempt import Attempt
from gateway.protocol.events import Feedback


@dataclass(frozen=True, slots=True)
class StoredPrompt:
    """The conversation of a generation as JSON: `messages` is an array, `verbatim` empty without one."""

    messages: str
    options: str
    verbatim: str = ""


@dataclass(frozen=True, slots=True)
class GenerationDetails:
    """Facts of a generation that its events do not hold. Moments are seconds since 1970: gateways share no other clock.

    `prompt` is None unless another gateway shall be able to continue the generation.
    """

    id: str
    request_id: str
    model: str
    created: int
    output_limit: int
    accepted_at: float
    admitted_at: float | None = None
    first_content_at: float | None = None
    leading_messages: int = 0
    metadata: str = "{}"
    attempts: Sequence[Attempt] = ()
    notes: Sequence[Feedback] = ()
    """All feedback: what comes after the end is in no event."""
    failed_param: str | None = None
    failed_api_code: str | None = None
    prompt: StoredPrompt | None = None


_DETAILS: Final = TypeAdapter(GenerationDetails)


def encode_details(details: GenerationDetails) -> bytes:
    """Encode details as JSON."""
    return _DETAILS.dump_json(details)


def decode_details(data: bytes) -> GenerationDetails:
    """Decode details; fields that only a newer gateway has are ignored.

    Raises:
        ValueError: these are no details.
    """
    return _DETAILS.validate_json(data)
