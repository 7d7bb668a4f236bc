"""The response object, at any time. Pure (platform.openai.com/docs/api-reference/responses/object)."""

from collections.abc import Mapping, Sequence
from typing import Final, Literal

import orjson

from gateway.dialects.base import ResponseIdentity
from gateway.dialects.openai_responses.ids import response_id
from gateway.dialects.openai_responses.usage import usage_object
from gateway.protocol.commands import JsonObject
from gateway.protocol.encoding import encode_kept
from gateway.protocol.events import Usage

Status = Literal["queued", "in_progress", "completed", "incomplete", "failed", "cancelled"]

_DEFAULTS: Final[JsonObject] = {
    "instructions": None,
    "max_output_tokens": None,
    "max_tool_calls": None,
    "parallel_tool_calls": True,
    "previous_response_id": None,
    "prompt_cache_key": None,
    "safety_identifier": None,
    "store": True,
    "temperature": 1.0,
    "tool_choice": "auto",
    "tools": [],
    "top_logprobs": 0,
    "top_p": 1.0,
    "presence_penalty": 0.0,
    "frequency_penalty": 0.0,
    "truncation": "disabled",
    "user": None,
    "metadata": {},
    "background": False,
}
"""Fields that repeat the request, with the value of those that it leaves out."""

_ECHOED: Final = ("prompt", "conversation", "prompt_cache_retention")
"""Fields that are repeated only if they were sent."""


class ResponseObject:
    """Builds the response object of one response. It holds the request's fields encoded, and not the request."""

    def __init__(self, body: Mapping[str, object], identity: ResponseIdentity) -> None:
        self.id = response_id(identity.generation_id)
        self.store = body.get("store") is not False
        self.background = body.get("background") is True
        self.previous_response_id = body.get("previous_response_id")
        self._created, self._model = identity.created, identity.model
        tier = body.get("service_tier")
        self._service_tier = tier if isinstance(tier, str) and tier != "auto" else "default"
        self._echo = encode_kept(_echo(body))

    def encode(
        self,
        status: Status,
        output: Sequence[bytes] = (),
        *,
        usage: Usage | None = None,
        error: JsonObject | None = None,
        incomplete_reason: str | None = None,
        completed_at: int | None = None,
        service_tier: object = None,
        interrupted: JsonObject | None = None,
    ) -> bytes:
        """Return the JSON of the response. `output` are the items, each encoded.

        `interrupted` says who stopped the response, and why. It stands in `dualstream`, a field of ours.
        """
        fields = orjson.dumps(
            {
                "id": self.id,
                "object": "response",
                "created_at": self._created,
                "status": status,
                "completed_at": completed_at,
                "error": error,
                "incomplete_details": None if incomplete_reason is None else {"reason": incomplete_reason},
                "model": self._model,
                "service_tier": service_tier or self._service_tier,
                "output": [orjson.Fragment(item) for item in output],
                "usage": None if usage is None else usage_object(usage),
                **({} if interrupted is None else {"dualstream": {"interrupted": interrupted}}),
            }
        )
        return fields[:-1] + b"," + self._echo[1:]

    def completed_at(self, duration_ms: float) -> int:
        """Return the time at which a response was complete that took so long."""
        return self._created + round(duration_ms / 1000)


def _echo(body: Mapping[str, object]) -> dict[str, object]:
    echo: dict[str, object] = {
        name: default if body.get(name) is None else body[name] for name, default in _DEFAULTS.items()
    }
    echo |= {name: body[name] for name in _ECHOED if body.get(name) is not None}
    return {**echo, "reasoning": _reasoning(body.get("reasoning")), "text": _text(body.get("text"))}


def _reasoning(value: object) -> object:
    return {"effort": None, "summary": None, **(value if isinstance(value, dict) else {})}


def _text(value: object) -> object:
    given = {name: field for name, field in value.items() if field is not None} if isinstance(value, dict) else {}
    return {"format": {"type": "text"}, "verbosity": "medium", **given}
