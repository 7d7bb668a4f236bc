"""What a provider's wire format is: how a call is spelled, and how what streams back is read. Pure."""

from dataclasses import dataclass
from typing import Literal, Protocol

from pydantic import SecretStr

from gateway.protocol.commands import JsonObject
from gateway.upstreams.base import UpstreamEvent, UpstreamRequest
from gateway.upstreams.endpoint import Endpoint


class EventReader(Protocol):
    """Reads the events of one answer in a provider's wire format; keeps what reaches over from one to the next."""

    finished: bool
    """The provider's end mark has come."""
    done: bool
    """Nothing is to follow."""

    @property
    def is_stateless(self) -> bool:
        """Tell whether the next event means by itself what it says, whatever came before."""
        ...

    def new(self) -> "EventReader":
        """Make one that has read nothing."""
        ...

    def read(self, data: bytes, parts: list[UpstreamEvent]) -> None:
        """Add the parts of one event.

        Raises:
            Failed: `upstream_protocol`, or the provider's own error.
        """
        ...


class WireFormat(Protocol):
    """A wire format: `POST` of a JSON body, answered by text/event-stream."""

    def endpoint(self, call: UpstreamRequest) -> Endpoint:
        """Give where it is posted to, below the base URL."""
        ...

    def headers(self, api_key: str | None) -> dict[str, str]:
        """Give the headers that carry the key, and what else the provider wants."""
        ...

    def body(self, call: UpstreamRequest) -> JsonObject:
        """Spell a call, whose messages and options are in OpenAI's spelling.

        Raises:
            Failed: `invalid_request`, when it holds what this provider has no word for.
        """
        ...

    def can_continue(self, call: UpstreamRequest) -> bool:
        """Tell whether a call whose last message is the assistant's can be continued natively."""
        ...

    def reader(self, api_key: SecretStr | None) -> EventReader:
        """Make a reader of one answer; the key is never to be shown."""
        ...


@dataclass(frozen=True, slots=True)
class Quirks:
    """What a server spells otherwise than most.

    `token_limit` is its name for `max_tokens`. Without `developer_role`, messages of that role go as `system`.
    `continuation` is how an answer that has begun is gone on with: not at all, from a last message of the assistant's
    as it is (`last_message`), by a mark on that message (`prefix`), by a field of the body (`continue_final_message`).
    """

    token_limit: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"  # noqa: S105 - a field's name, no secret
    developer_role: bool = True
    continuation: Literal["none", "last_message", "prefix", "continue_final_message"] = "none"
