"""OpenAI's Responses (platform.openai.com/docs, API reference, "Responses" and its "Streaming events")."""

from collections.abc import Iterator, Mapping
from typing import Final

import orjson

from gateway.simulator.bodies.responses import read_response
from gateway.simulator.errors import RequestError
from gateway.simulator.request import Request
from gateway.simulator.script import Delta
from gateway.simulator.wires.base import HUGE, Answer, event, retry_after
from gateway.simulator.wires.chat_completions import error_body
from gateway.simulator.wires.response_objects import (
    Kind,
    Part,
    ended,
    item_id,
    output_item,
    output_text,
    response,
    status,
    summary_text,
)

_DELTAS: Final[Mapping[Kind, str]] = {
    "reasoning": "response.reasoning_summary_text.delta",
    "content": "response.output_text.delta",
    "tool": "response.function_call_arguments.delta",
}
_LOGPROBS: Final[Mapping[Kind, Mapping[str, object]]] = {"reasoning": {}, "content": {"logprobs": []}, "tool": {}}
_PLACES: Final[Mapping[Kind, dict[str, int]]] = {
    "reasoning": {"summary_index": 0},
    "content": {"content_index": 0},
    "tool": {},
}


class Responses:
    """`POST /v1/responses`; see `Wire`."""

    prefix = "resp_"

    def read(self, body: bytes, _headers: Mapping[str, str], _place: Mapping[str, str]) -> Request:
        """Read a request."""
        return read_response(body)

    def frames(self, answer: Answer) -> "ResponseEvents":
        """Spell an answer as the events of a response."""
        return ResponseEvents(answer)

    def whole(self, answer: Answer) -> bytes:
        """Spell an answer as a response."""
        return orjson.dumps(ended(answer))

    def refusal(self, error: RequestError) -> tuple[bytes, dict[str, str]]:
        """Spell an error as OpenAI's error object."""
        return error_body(error), retry_after(error)


class ResponseEvents:
    """The events of one response, numbered; see `Frames`. One output item is open at a time."""

    def __init__(self, answer: Answer) -> None:
        self._answer: Final = answer
        self._number = -1
        self._index = -1
        self._open: Part | None = None

    def start(self) -> bytes:
        """Give the response, still empty."""
        begun = response(self._answer, "in_progress")
        return self._event("response.created", response=begun) + self._event("response.in_progress", response=begun)

    def delta(self, delta: Delta) -> bytes:
        """Give a delta of an output item, after what opens the item where it is the first."""
        opening = self._enter((delta.kind, delta.call))
        if delta.opens is not None:
            return opening
        return opening + self._of_item(_DELTAS[delta.kind], delta=delta.text, **_LOGPROBS[delta.kind])

    def finish(self) -> Iterator[bytes]:
        """Give the whole response once more, with its usage."""
        closing = self._close()
        whole = ended(self._answer)
        yield closing + self._event(f"response.{whole['status']}", response=whole)

    def done(self) -> bytes:
        """Give nothing: the event with the whole response is the end."""
        return b""

    def error(self, error: RequestError) -> bytes:
        """Give an error event and the failed response.

        The documentation has the error's fields in the event itself; the service sends them in an object of their own,
        and `response.failed` after it (github.com/vercel/ai/pull/20179).
        """
        detail = {"type": error.kind, "code": error.code, "message": error.message, "param": error.param}
        broken = {"error": {"code": "server_error", "message": error.message}}
        failed = response(self._answer, "failed") | broken
        return self._event("error", error=detail) + self._event("response.failed", response=failed)

    def nothing(self) -> bytes:
        """Give what the service sends while nothing else comes; the documentation does not have it."""
        return self._event("keepalive")

    def garbage(self) -> bytes:
        """Give a data line that is cut off inside its JSON."""
        return b'event: response.output_text.delta\ndata: {"type":"response.output_text.delta","item_i\n\n'

    def huge(self) -> bytes:
        """Give one line of several MiB, a delta of text; of whatever item is open where the answer has no text."""
        calls = self._open is not None and self._open[0] == "tool"
        opening = self._enter(("content", 0)) if self._answer.script.text and not calls else b""
        return opening + self._of_item("response.output_text.delta", content_index=0, delta=HUGE, logprobs=[])

    def _event(self, kind: str, **fields: object) -> bytes:
        self._number += 1
        return event(kind, {"type": kind, "sequence_number": self._number, **fields})

    def _of_item(self, kind: str, **fields: object) -> bytes:
        """Give an event of the open item, which it says the place of."""
        part = self._open or ("content", 0)
        place = {"item_id": item_id(self._answer, part), "output_index": self._index} | _PLACES[part[0]]
        return self._event(kind, **place | fields)

    def _enter(self, part: Part) -> bytes:
        """Open the item that a delta belongs to, closing the one before it."""
        if self._open == part:
            return b""
        closing = self._close()
        self._open = part
        self._index += 1
        item = output_item(self._answer, part, "in_progress")
        opening = self._event("response.output_item.added", output_index=self._index, item=item)
        match part[0]:
            case "reasoning":
                opening += self._of_item("response.reasoning_summary_part.added", part=summary_text(""))
            case "content":
                opening += self._of_item("response.content_part.added", part=output_text(""))
            case "tool":
                pass
        return closing + opening

    def _close(self) -> bytes:
        if self._open is None:
            return b""
        script = self._answer.script
        match self._open:
            case ("reasoning", _):
                closing = self._of_item("response.reasoning_summary_text.done", text=script.reasoning)
                closing += self._of_item("response.reasoning_summary_part.done", part=summary_text(script.reasoning))
            case ("content", _):
                closing = self._of_item("response.output_text.done", text=script.text, logprobs=[])
                closing += self._of_item("response.content_part.done", part=output_text(script.text))
            case ("tool", call):
                arguments = script.calls[call].arguments
                closing = self._of_item("response.function_call_arguments.done", arguments=arguments)
        item = output_item(self._answer, self._open, status(script))
        self._open = None
        return closing + self._event("response.output_item.done", output_index=self._index, item=item)
