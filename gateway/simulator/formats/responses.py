"""OpenAI's Responses (platform.openai.com/docs, API reference, "Responses" and its "Streaming events")."""

from collections.abc import Iterator, Mapping
from typing import Final

import orjson

from gateway.simulator.errors import RequestError
from gateway.simulator.formats.base import OVERSIZED_TEXT, ScriptedResponse, named_event, retry_after
from gateway.simulator.formats.chat_completions import encode_openai_error
from gateway.simulator.formats.responses_objects import (
    Kind,
    Part,
    completed_response,
    final_status,
    item_id,
    output_item,
    output_text,
    response_object,
    summary_text,
)
from gateway.simulator.formats.responses_request import parse_response
from gateway.simulator.request import Request
from gateway.simulator.script import Delta

_DELTAS: Final[Mapping[Kind, str]] = {
    "reasoning": "response.reasoning_summary_text.delta",
    "content": "response.output_text.delta",
    "tool": "response.function_call_arguments.delta",
}
_LOGPROBS: Final[Mapping[Kind, Mapping[str, object]]] = {"reasoning": {}, "content": {"logprobs": []}, "tool": {}}
_INDEXES: Final[Mapping[Kind, dict[str, int]]] = {
    "reasoning": {"summary_index": 0},
    "content": {"content_index": 0},
    "tool": {},
}


class ResponsesFormat:
    """`POST /v1/responses`; see `ProviderFormat`."""

    prefix = "resp_"

    def parse_request(self, body: bytes, _headers: Mapping[str, str], _parameters: Mapping[str, str]) -> Request:
        """See `ProviderFormat.parse_request`."""
        return parse_response(body)

    def stream_encoder(self, response: ScriptedResponse) -> "ResponsesEncoder":
        """Return an encoder to the events of a response."""
        return ResponsesEncoder(response)

    def encode_response(self, response: ScriptedResponse) -> bytes:
        """Encode a response object."""
        return orjson.dumps(completed_response(response))

    def encode_error(self, error: RequestError) -> tuple[bytes, dict[str, str]]:
        """Encode an error as OpenAI's error object."""
        return encode_openai_error(error), retry_after(error)


class ResponsesEncoder:
    """Encoder to the numbered events of one response; see `StreamEncoder`. One output item is open at a time."""

    def __init__(self, response: ScriptedResponse) -> None:
        self._response: Final = response
        self._sequence_number = -1
        self._index = -1
        self._open_part: Part | None = None

    def start(self) -> bytes:
        """Return the response without output."""
        created = response_object(self._response, "in_progress")
        return self._event("response.created", response=created) + self._event("response.in_progress", response=created)

    def delta(self, delta: Delta) -> bytes:
        """Return a delta of an output item; the first one after the events that open the item."""
        opening = self._open_item((delta.kind, delta.call_index))
        if delta.started_call is not None:
            return opening
        return opening + self._item_event(_DELTAS[delta.kind], delta=delta.text, **_LOGPROBS[delta.kind])

    def finish(self) -> Iterator[bytes]:
        """Yield the whole response once more, with its usage."""
        closing = self._close_item()
        completed = completed_response(self._response)
        yield closing + self._event(f"response.{completed['status']}", response=completed)

    def done(self) -> bytes:
        """Return nothing: the event with the whole response is the last one."""
        return b""

    def error(self, error: RequestError) -> bytes:
        """Return an error event and the failed response.

        In the documentation the error's fields are in the event itself. The service sends them in a nested object,
        and `response.failed` after it (github.com/vercel/ai/pull/20179).
        """
        detail = {"type": error.kind, "code": error.code, "message": error.message, "param": error.param}
        error_field = {"error": {"code": "server_error", "message": error.message}}
        failed = response_object(self._response, "failed") | error_field
        return self._event("error", error=detail) + self._event("response.failed", response=failed)

    def keepalive(self) -> bytes:
        """Return the event that the service sends while it has nothing else to send; it is not documented."""
        return self._event("keepalive")

    def malformed(self) -> bytes:
        """Return a data line that ends inside of its JSON."""
        return b'event: response.output_text.delta\ndata: {"type":"response.output_text.delta","item_i\n\n'

    def oversized(self) -> bytes:
        """Return a text delta of several MiB; in the open item if there is no text, or a tool call is open."""
        is_tool_call = self._open_part is not None and self._open_part[0] == "tool"
        opening = self._open_item(("content", 0)) if self._response.script.text and not is_tool_call else b""
        return opening + self._item_event(
            "response.output_text.delta", content_index=0, delta=OVERSIZED_TEXT, logprobs=[]
        )

    def _event(self, kind: str, **fields: object) -> bytes:
        self._sequence_number += 1
        return named_event(kind, {"type": kind, "sequence_number": self._sequence_number, **fields})

    def _item_event(self, kind: str, **fields: object) -> bytes:
        """Return an event of the open item, with the item's id and indexes."""
        part = self._open_part or ("content", 0)
        position = {"item_id": item_id(self._response, part), "output_index": self._index} | _INDEXES[part[0]]
        return self._event(kind, **position | fields)

    def _open_item(self, part: Part) -> bytes:
        """Return the events that close the open item and open `part`; none if `part` is open."""
        if self._open_part == part:
            return b""
        closing = self._close_item()
        self._open_part = part
        self._index += 1
        item = output_item(self._response, part, "in_progress")
        opening = self._event("response.output_item.added", output_index=self._index, item=item)
        match part[0]:
            case "reasoning":
                opening += self._item_event("response.reasoning_summary_part.added", part=summary_text(""))
            case "content":
                opening += self._item_event("response.content_part.added", part=output_text(""))
            case "tool":
                pass
        return closing + opening

    def _close_item(self) -> bytes:
        if self._open_part is None:
            return b""
        script = self._response.script
        match self._open_part:
            case ("reasoning", _):
                closing = self._item_event("response.reasoning_summary_text.done", text=script.reasoning)
                closing += self._item_event("response.reasoning_summary_part.done", part=summary_text(script.reasoning))
            case ("content", _):
                closing = self._item_event("response.output_text.done", text=script.text, logprobs=[])
                closing += self._item_event("response.content_part.done", part=output_text(script.text))
            case ("tool", call):
                arguments = script.tool_calls[call].arguments
                closing = self._item_event("response.function_call_arguments.done", arguments=arguments)
        item = output_item(self._response, self._open_part, final_status(script))
        self._open_part = None
        return closing + self._event("response.output_item.done", output_index=self._index, item=item)
