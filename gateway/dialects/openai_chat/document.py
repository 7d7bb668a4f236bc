"""A chat completion that is not streamed, made of its chunks. Pure.

Source: platform.openai.com/docs/api-reference/chat/object. Fields that are not known here are kept: a provider with
this API may have sent them.
"""

from collections.abc import Iterable
from typing import Final

import orjson

from gateway.dialects.base import ProjectedEvent
from gateway.dialects.json_data import as_encodable, decode
from gateway.dialects.openai_chat.merge import MergedObject
from gateway.dialects.openai_chat.writer import DONE
from gateway.protocol.commands import JsonObject
from gateway.upstreams.formats.json_values import object_of, objects_of

_OF_CHUNKS: Final = frozenset({"choices", "object", "obfuscation"})
"""Fields of a chunk that a whole completion has in another form, or not at all."""

_REPLACES_CONTENT: Final = ("tool_calls", "function_call", "refusal", "audio")
"""Fields of a message beside which a content without text is null."""


def document(events: Iterable[ProjectedEvent]) -> JsonObject:
    """Return the chat completion that the chunks add up to."""
    fields: JsonObject = {}
    choices: dict[int, _Choice] = {}
    for event in events:
        chunk = {} if event == DONE else decode(event.data)
        fields |= {name: chunk[name] for name in chunk if name not in _OF_CHUNKS and chunk[name] is not None}
        sent = chunk.get("choices")
        for choice in sent if isinstance(sent, list) else ():
            if isinstance(choice, dict):
                index = choice.get("index")
                choices.setdefault(index if isinstance(index, int) else 0, _Choice()).add(choice)
    is_interrupted = "dualstream" in fields
    whole = [choice.value(index, only_complete_calls=is_interrupted) for index, choice in sorted(choices.items())]
    head: JsonObject = {name: fields.pop(name) for name in ("created", "model") if name in fields}
    completion: JsonObject = {"id": fields.pop("id", None), "object": "chat.completion", **head, "choices": [*whole]}
    return as_encodable({**completion, **fields})


class _Choice:
    def __init__(self) -> None:
        self._message = MergedObject()
        self._logprobs = MergedObject()
        self._has_logprobs = False
        self._others: JsonObject = {}

    def add(self, choice: JsonObject) -> None:
        for name, value in choice.items():
            if name == "delta" and isinstance(value, dict):
                self._message.add(value)
            elif name == "logprobs" and isinstance(value, dict):
                self._has_logprobs = True
                self._logprobs.add(value)
            elif name not in _OF_CHOICE and value is not None:
                self._others[name] = value

    def value(self, index: int, *, only_complete_calls: bool) -> JsonObject:
        logprobs = self._logprobs.value() if self._has_logprobs else None
        finish_reason = self._others.pop("finish_reason", "stop")
        message = _message(self._message.value(), only_complete_calls=only_complete_calls)
        return {
            "index": index,
            "message": message,
            "logprobs": logprobs,
            "finish_reason": finish_reason,
            **self._others,
        }


_OF_CHOICE: Final = frozenset({"index", "delta", "logprobs"})


def _message(merged: JsonObject, *, only_complete_calls: bool) -> JsonObject:
    calls = objects_of(merged.pop("tool_calls", None))
    if only_complete_calls:
        # An interrupt may have come in the middle of one.
        calls = [*filter(_is_complete, calls)]
        if "function_call" in merged and not _has_whole_arguments(object_of(merged["function_call"])):
            del merged["function_call"]
    if calls:
        # Only a delta has the index of a call.
        merged["tool_calls"] = [{name: call[name] for name in call if name != "index"} for call in calls]
    content = merged.pop("content", None) or (None if any(map(merged.get, _REPLACES_CONTENT)) else "")
    return {"role": "assistant", "content": content, "refusal": None, **merged}


def _is_complete(call: JsonObject) -> bool:
    """Return True if a call is complete. The input of a custom tool does not show where it ends."""
    return _has_whole_arguments(object_of(call.get("function")))


def _has_whole_arguments(function: JsonObject) -> bool:
    arguments = function.get("arguments")
    try:
        orjson.loads(arguments if isinstance(arguments, str) else "")
    except orjson.JSONDecodeError:
        return False
    return True
