"""The dialects, the simplest request of each, and their events in a form that does not depend on cuts."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final

import orjson

from gateway.dialects.base import Call, DialectStart, ProjectedEvent, ResponseIdentity
from gateway.dialects.documents import document_of as whole
from gateway.generation.event_log import Entry
from gateway.protocol.commands import JsonObject
from gateway.upstreams.base import VerbatimRequest
from tests.gateway.dialects.recording import GENERATION_ID
from tests.gateway.dialects.tables import MODEL_APIS

NAMES: Final = ("openai_chat", "openai_responses", "anthropic", "gemini")

NUMBERED: Final = frozenset({"openai_responses"})
"""Dialects that number their events: clients resume by number, so text must be cut where it was."""

_CHAT: JsonObject = {"model": "m", "messages": [{"role": "user", "content": "Hello"}]}
_BODIES: Final[Mapping[str, JsonObject]] = {
    "openai_chat": {**_CHAT, "stream_options": {"include_usage": True}},
    "openai_responses": {"model": "m", "input": "Hello"},
    "anthropic": {**_CHAT, "max_tokens": 1000, "thinking": {"type": "adaptive"}},
    "gemini": {
        "contents": [{"role": "user", "parts": [{"text": "Hello"}]}],
        "generationConfig": {"thinkingConfig": {"includeThoughts": True}},
    },
}

_TEXTS: Final = (
    ("choices", 0, "delta", "content"),
    ("choices", 0, "delta", "refusal"),
    ("choices", 0, "delta", "reasoning_content"),
    ("choices", 0, "delta", "tool_calls", 0, "function", "arguments"),
    ("delta", "text"),
    ("delta", "thinking"),
    ("delta", "partial_json"),
    ("candidates", 0, "content", "parts", 0, "text"),
)
"""Where the events of a dialect have a piece of text or of a call's arguments."""


def start_of(name: str, fields: JsonObject | None = None, *, stream: bool = True) -> DialectStart:
    """Return the simplest start in a dialect, with these fields added to its body."""
    if name == "gemini":
        route = f"/v1beta/models/{{model:model}}:{'streamGenerateContent' if stream else 'generateContent'}"
        query = {"alt": "sse"} if stream else {}
        return MODEL_APIS[name].parse(Call({**_BODIES[name], **(fields or {})}, {"model": "m"}, query, {}, route))
    body: JsonObject = {**_BODIES[name], "stream": stream, **(fields or {})}
    if not stream:
        body.pop("stream_options", None)
    return MODEL_APIS[name].parse(Call(body))


def verbatim_start(api: str) -> DialectStart:
    """Return a start whose provider's own data is passed on, whether its dialect is built or not."""
    start = start_of("openai_chat")
    return replace(start, verbatim=VerbatimRequest(api, start.call.body, {}))


def is_verbatim(start: DialectStart, api: str) -> bool:
    """Return True if what a provider with this API sends is passed on as it comes."""
    return start.verbatim is not None and start.verbatim.api == api


def project(name: str, start: DialectStart, entries: Iterable[Entry]) -> tuple[list[ProjectedEvent], bool]:
    """Return the events of a log, and whether the response ends as if the connection were lost."""
    projection = MODEL_APIS[name].projection(start, ResponseIdentity(GENERATION_ID, "m", 1_700_000_000))
    events = [event for entry in entries for event in projection.project(entry)]
    return events, projection.is_cut


def document_of(name: str, start: DialectStart, entries: Iterable[Entry]) -> JsonObject:
    """Return the response that is not streamed."""
    return whole(MODEL_APIS[name], start, ResponseIdentity(GENERATION_ID, "m", 1_700_000_000), entries)


def joined(events: Sequence[ProjectedEvent]) -> list[tuple[bytes, object]]:
    """Return events with adjacent pieces of one text joined: where a text is cut carries no meaning.

    Log probabilities stand beside the first text that they belong to: they are taken out, and come last.
    """
    found: list[tuple[bytes, object]] = []
    logprobs: list[object] = []
    text: tuple[object, ...] | None = None
    for event in events:
        data: object = event.data if event.data == b"[DONE]" else orjson.loads(event.data)
        logprobs += _take_logprobs(data)
        path = next((path for path in _TEXTS if isinstance(_at(data, path), str)), None)
        piece = None if path is None else str(_at(data, path))
        skeleton = None if path is None else (event.name, path, orjson.dumps(_without(data, path)))
        if skeleton is not None and skeleton == text:
            _set(found[-1][1], path, str(_at(found[-1][1], path)) + str(piece))
        else:
            found.append((event.name, data))
        text = skeleton
    return [*found, (b"", logprobs)]


def _take_logprobs(data: object) -> list[object]:
    taken: list[object] = []
    for path, name in ((("choices", 0), "logprobs"), (("candidates", 0), "logprobsResult")):
        owner = _at(data, path)
        if isinstance(owner, dict) and (found := owner.pop(name, None)):
            taken += [item for items in found.values() for item in items or ()]
    return taken


def _at(value: object, path: Sequence[str | int] | None) -> object:
    for step in path or ():
        if isinstance(value, dict):
            value = value.get(step)
        elif isinstance(value, list) and isinstance(step, int) and len(value) == 1:
            value = value[step]
        else:
            return None
    return value


def _set(value: object, path: Sequence[str | int] | None, text: str) -> None:
    *steps, last = path or ()
    inner = _at(value, steps)
    assert isinstance(inner, dict)
    inner[last] = text


def _without(value: object, path: Sequence[str | int] | None) -> object:
    copy: object = orjson.loads(orjson.dumps(value))
    _set(copy, path, "")
    return copy
