"""The messages that gateways send each other, as JSON. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Final, Literal, Self

from pydantic import Field, JsonValue, TypeAdapter

from gateway.protocol.errors import Code, Refused


@dataclass(frozen=True, slots=True)
class Wake:
    """Generations have events up to these numbers: read them."""

    last: Mapping[str, int]
    type: Literal["wake"] = "wake"


@dataclass(frozen=True, slots=True)
class Watch:
    """The sender has viewers of a generation of the receiver, from now on (`viewing`) or no longer."""

    sender: str
    generation_id: str
    viewing: bool
    type: Literal["watch"] = "watch"


@dataclass(frozen=True, slots=True)
class SlotsChanged:
    """Claims of the receiver were granted or evicted: look at them in the store."""

    type: Literal["slots"] = "slots"


@dataclass(frozen=True, slots=True)
class Watching:
    """These are all generations of the receiver of which the sender has viewers."""

    sender: str
    generation_ids: tuple[str, ...]
    type: Literal["watching"] = "watching"


@dataclass(frozen=True, slots=True)
class Call:
    """The sender asks for `action` and expects a `Reply` with the same number."""

    sender: str
    number: int
    action: str
    generation_id: str
    arguments: Mapping[str, JsonValue]
    type: Literal["call"] = "call"


@dataclass(frozen=True, slots=True)
class Refusal:
    """A `Refused`, as it is sent."""

    code: Code
    message: str
    status: int
    param: str | None = None
    retry_after_ms: int | None = None

    @classmethod
    def of(cls, refused: Refused) -> Self:
        """Build it from the error."""
        return cls(refused.code, refused.message, refused.status, refused.param, refused.retry_after_ms)

    def error(self) -> Refused:
        """Build the error from it."""
        return Refused(
            self.code, self.message, param=self.param, status=self.status, retry_after_ms=self.retry_after_ms
        )


@dataclass(frozen=True, slots=True)
class Reply:
    """The result of a call, or its refusal."""

    number: int
    result: Mapping[str, JsonValue] = field(default_factory=dict)
    refusal: Refusal | None = None
    type: Literal["reply"] = "reply"


@dataclass(frozen=True, slots=True)
class Configured:
    """The sender has these settings, as digests, and has noticed that the receiver has others."""

    sender: str
    digests: Mapping[str, str]
    type: Literal["configured"] = "configured"


ReplicaMessage = Wake | Watch | Watching | SlotsChanged | Call | Reply | Configured

_MESSAGE: Final[TypeAdapter[ReplicaMessage]] = TypeAdapter(Annotated[ReplicaMessage, Field(discriminator="type")])


def encode_message(message: ReplicaMessage) -> bytes:
    """Encode a message."""
    return _MESSAGE.dump_json(message)


def decode_message(data: bytes) -> ReplicaMessage:
    """Decode a message.

    Raises:
        ValueError: it is not a message that this version knows.
    """
    return _MESSAGE.validate_json(data)
