"""Answers made at random, and how a correct provider of each API streams them."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from hypothesis import strategies as st
from pydantic import JsonValue

from gateway.protocol.commands import JsonObject
from tests.gateway.upstreams.transcripts.case import Api

PIXEL: Final = "iVBORw0KGgo="


@dataclass(frozen=True)
class Text:
    pieces: tuple[str, ...]
    has_logprobs: bool = False
    cites: bool = False


@dataclass(frozen=True)
class Thinking:
    pieces: tuple[str, ...]
    signature: str = ""


@dataclass(frozen=True)
class Refusal:
    pieces: tuple[str, ...]


@dataclass(frozen=True)
class ToolUse:
    name: str
    pieces: tuple[str, ...]
    """Pieces of a JSON object."""


@dataclass(frozen=True)
class Image:
    pass


@dataclass(frozen=True)
class Unknown:
    """Something that the API has got since this was written: an event, or a field."""


Item = Text | Thinking | Refusal | ToolUse | Image | Unknown


@dataclass(frozen=True)
class Answer:
    """An answer: what it consists of, why it ended, and what it used (input, cached, output, reasoning)."""

    items: tuple[Item, ...]
    is_cut_short: bool = False
    usage: tuple[int, int, int, int] = (9, 4, 5, 2)

    @property
    def text(self) -> str:
        return "".join(piece for item in self.items if isinstance(item, Text) for piece in item.pieces)

    @property
    def refusal(self) -> str:
        return "".join(piece for item in self.items if isinstance(item, Refusal) for piece in item.pieces)

    @property
    def reasoning(self) -> str:
        return "".join(piece for item in self.items if isinstance(item, Thinking) for piece in item.pieces)

    @property
    def calls(self) -> list[tuple[str, object]]:
        return [(item.name, json.loads("".join(item.pieces))) for item in self.items if isinstance(item, ToolUse)]


@dataclass(frozen=True)
class Style:
    """How a server writes: JSON in ASCII, line ends, names of events, comments and pings between them."""

    ascii: bool = False
    line_end: str = "\n"
    comments: bool = False
    pings: bool = False


words = st.text(min_size=1, max_size=12) | st.sampled_from(
    ("Chào ", "🙂", "\n\n", '"\\', "data: x\n\n", "[DONE]", "\u2028")
)
pieces = st.lists(words, min_size=1, max_size=4).map(tuple)


def _arguments(value: dict[str, str], cut: int) -> tuple[str, ...]:
    text = json.dumps(value)
    return tuple(piece for piece in (text[:cut], text[cut:]) if piece)


tool_uses = st.builds(
    ToolUse,
    st.sampled_from(("look", "go")),
    st.builds(_arguments, st.dictionaries(st.sampled_from("ab"), words, max_size=2), st.integers(0, 9)),
)
texts = st.builds(Text, pieces, st.booleans(), st.booleans())
thoughts = st.builds(Thinking, pieces, st.sampled_from(("", "c2ln")))
answers = st.builds(
    lambda thinking, inner, last, cut, usage: Answer((*thinking, *inner, *last), cut, usage),
    st.lists(thoughts, max_size=1),
    st.lists(texts | st.just(Image()) | st.just(Unknown()), min_size=1, max_size=4),
    st.lists(tool_uses, max_size=3) | st.builds(lambda said: [Refusal(said)], pieces),
    st.booleans(),
    st.sampled_from(((9, 4, 5, 2), (1, 0, 1, 0))),
)
styles = st.builds(Style, st.booleans(), st.sampled_from(("\n", "\r\n")), st.booleans(), st.booleans())


def encode(api: Api, answer: Answer, style: Style) -> bytes:
    """Return the stream of an answer."""
    out: list[str] = []
    for payload in payloads(api, answer):
        if style.comments:
            out.append(": hb\n\n")
        if style.pings and api == "anthropic":
            out.append('event: ping\ndata: {"type": "ping"}\n\n')
        name = f"event: {payload['type']}\n" if isinstance(payload, dict) and "type" in payload else ""
        data = payload if isinstance(payload, str) else json.dumps(payload, ensure_ascii=style.ascii)
        out.append(f"{name}data: {data}\n\n")
    return "".join(out).replace("\n", style.line_end).encode("utf-8", "surrogatepass")


def payloads(api: Api, answer: Answer) -> list[JsonObject | str]:
    """Return the data of the events of an answer."""
    return [*_STREAMS[api](answer)]


def _token(piece: str) -> JsonObject:
    return {"token": piece, "logprob": -0.5, "bytes": None, "top_logprobs": []}


# Chat completions.

_URL: Final = "https://a.example/"


def _chunk(delta: JsonObject, reason: str | None = None, logprobs: JsonObject | None = None) -> JsonObject:
    choice: JsonObject = {"index": 0, "delta": delta, "logprobs": logprobs, "finish_reason": reason}
    return {**_CHUNK, "choices": [choice], "usage": None}


_CHUNK: Final[JsonObject] = {
    "id": "chatcmpl-1",
    "object": "chat.completion.chunk",
    "created": 7,
    "model": "m-1",
    "service_tier": "default",
    "system_fingerprint": "fp_1",
}


def _chat(answer: Answer) -> Iterator[JsonObject | str]:
    yield _chunk({"role": "assistant", "content": "", "refusal": None})
    for item in answer.items:
        yield from _chat_item(item)
    calls = [item for item in answer.items if isinstance(item, ToolUse)]
    # Parallel calls, piece by piece in turn.
    for index, call in enumerate(calls):
        function: JsonObject = {"name": call.name, "arguments": ""}
        begun: JsonObject = {"index": index, "id": f"call_{index}", "type": "function", "function": function}
        yield _chunk({"tool_calls": [begun]})
    for at in range(max((len(call.pieces) for call in calls), default=0)):
        for index, call in enumerate(calls):
            for piece in call.pieces[at : at + 1]:
                yield _chunk({"tool_calls": [{"index": index, "function": {"arguments": piece}}]})
    yield _chunk({}, "length" if answer.is_cut_short else "tool_calls" if calls else "stop")
    sent, cached, written, thought = answer.usage
    usage: JsonObject = {
        "prompt_tokens": sent,
        "completion_tokens": written,
        "total_tokens": sent + written,
        "prompt_tokens_details": {"cached_tokens": cached},
        "completion_tokens_details": {"reasoning_tokens": thought},
    }
    yield {**_CHUNK, "choices": [], "usage": usage}
    yield "[DONE]"


def _chat_item(item: Item) -> Iterator[JsonObject]:
    match item:
        case Text():
            for piece in item.pieces:
                logprobs: JsonObject = {"content": [_token(piece)], "refusal": None}
                yield _chunk({"content": piece}, None, logprobs if item.has_logprobs else None)
            if item.cites:
                cited: JsonObject = {"url": _URL, "title": "A", "start_index": 0, "end_index": 1}
                yield _chunk({"annotations": [{"type": "url_citation", "url_citation": cited}]})
        case Thinking():
            yield from (_chunk({"reasoning_content": piece}) for piece in item.pieces)
        case Refusal():
            yield from (_chunk({"refusal": piece}) for piece in item.pieces)
        case Image():
            image: JsonObject = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}}
            yield _chunk({"images": [image]})
        case Unknown():
            yield {**_chunk({"content": ""}), "x_new": {"a": [1, 2.50, None]}}


# Responses.


@dataclass
class _Numbered:
    number: int = 0
    output: list[JsonObject] = field(default_factory=list)

    def event(self, kind: str, **fields: object) -> JsonObject:
        self.number += 1
        return {"type": f"response.{kind}", "sequence_number": self.number - 1, **fields}  # type: ignore[dict-item]


def _responses(answer: Answer) -> Iterator[JsonObject]:
    stream = _Numbered()
    sent, cached, written, thought = answer.usage
    usage: JsonObject = {
        "input_tokens": sent,
        "input_tokens_details": {"cached_tokens": cached},
        "output_tokens": written,
        "output_tokens_details": {"reasoning_tokens": thought},
        "total_tokens": sent + written,
    }
    head: JsonObject = {"id": "resp_1", "object": "response", "created_at": 7, "model": "m-1", "error": None}
    begun: JsonObject = {**head, "status": "in_progress", "output": [], "usage": None, "incomplete_details": None}
    yield stream.event("created", response=begun)
    yield stream.event("in_progress", response=begun)
    for item in answer.items:
        yield from _response_item(stream, item)
    status = "incomplete" if answer.is_cut_short else "completed"
    details: JsonObject | None = {"reason": "max_output_tokens"} if answer.is_cut_short else None
    ended: JsonObject = {"status": status, "output": [*stream.output], "usage": usage, "incomplete_details": details}
    yield stream.event(status, response={**head, **ended, "service_tier": "default"})


def _response_item(stream: _Numbered, item: Item) -> Iterator[JsonObject]:
    """Yield the events of an item: its beginning, what is inside of it, and all of it."""
    if isinstance(item, Unknown):
        yield stream.event("new_thing.added", a=[1, 2.50, None])
        return
    index = len(stream.output)
    at: JsonObject = {"item_id": f"item_{index}", "output_index": index}
    begun, whole, inner = _ITEMS[type(item)](stream, item, at)
    head: JsonObject = {"id": f"item_{index}"}
    yield stream.event("output_item.added", output_index=index, item={**head, **begun})
    yield from inner
    stream.output.append({**head, **whole})
    yield stream.event("output_item.done", output_index=index, item=stream.output[-1])


_ItemEvents = tuple[JsonObject, JsonObject, Iterator[JsonObject]]
"""An item as it begins, as it is in the end, and the events between."""


def _message_item(stream: _Numbered, item: Item, at: JsonObject) -> _ItemEvents:
    assert isinstance(item, Text | Refusal)
    message: JsonObject = {"type": "message", "role": "assistant"}
    kind, name = ("output_text", "text") if isinstance(item, Text) else ("refusal", "refusal")
    more: JsonObject = {}
    if isinstance(item, Text):
        tokens: list[JsonValue] = [_response_token(piece) for piece in item.pieces if item.has_logprobs]
        more = {"annotations": [_ANNOTATION] if item.cites else [], "logprobs": tokens}
    part: JsonObject = {"type": kind, name: "".join(item.pieces), **more}
    begun: JsonObject = {**message, "status": "in_progress", "content": []}
    whole: JsonObject = {**message, "status": "completed", "content": [part]}
    return begun, whole, _part_events(stream, item, {**at, "content_index": 0}, part)


def _part_events(stream: _Numbered, item: Text | Refusal, at: JsonObject, part: JsonObject) -> Iterator[JsonObject]:
    kind, is_text = part["type"], isinstance(item, Text)
    empty: JsonObject = {name: "" if isinstance(value, str) else [] for name, value in part.items()}
    yield stream.event("content_part.added", **at, part={**empty, "type": kind})
    for piece in item.pieces:
        tokens = [_response_token(piece)] if isinstance(item, Text) and item.has_logprobs else []
        yield stream.event(f"{kind}.delta", **at, delta=piece, **({"logprobs": tokens} if is_text else {}))
    if isinstance(item, Text) and item.cites:
        yield stream.event("output_text.annotation.added", **at, annotation_index=0, annotation=_ANNOTATION)
    done = {name: value for name, value in part.items() if name in {"text", "refusal", "logprobs"}}
    yield stream.event(f"{kind}.done", **at, **done)
    yield stream.event("content_part.done", **at, part=part)


def _response_token(piece: str) -> JsonObject:
    return {"token": piece, "logprob": -0.5, "top_logprobs": []}


def _reasoning_item(stream: _Numbered, item: Item, at: JsonObject) -> _ItemEvents:
    assert isinstance(item, Thinking)
    begun: JsonObject = {"type": "reasoning", "summary": []}
    summary: JsonObject = {"type": "summary_text", "text": "".join(item.pieces)}
    encrypted: JsonObject = {"encrypted_content": item.signature} if item.signature else {}

    def inner() -> Iterator[JsonObject]:
        place: JsonObject = {**at, "summary_index": 0}
        yield stream.event("reasoning_summary_part.added", **place, part={"type": "summary_text", "text": ""})
        for piece in item.pieces:
            yield stream.event("reasoning_summary_text.delta", **place, delta=piece)
        yield stream.event("reasoning_summary_text.done", **place, text=summary["text"])
        yield stream.event("reasoning_summary_part.done", **place, part=summary)

    return begun, {**begun, "summary": [summary], **encrypted}, inner()


def _call_item(stream: _Numbered, item: Item, at: JsonObject) -> _ItemEvents:
    assert isinstance(item, ToolUse)
    call: JsonObject = {"type": "function_call", "call_id": f"call_{at['output_index']}", "name": item.name}
    arguments = "".join(item.pieces)

    def inner() -> Iterator[JsonObject]:
        for piece in item.pieces:
            yield stream.event("function_call_arguments.delta", **at, delta=piece)
        yield stream.event("function_call_arguments.done", **at, name=item.name, arguments=arguments)

    begun: JsonObject = {**call, "status": "in_progress", "arguments": ""}
    return begun, {**call, "status": "completed", "arguments": arguments}, inner()


def _image_item(stream: _Numbered, _item: Item, at: JsonObject) -> _ItemEvents:
    image: JsonObject = {"type": "image_generation_call", "output_format": "png"}
    begun: JsonObject = {**image, "status": "in_progress", "result": None}

    def inner() -> Iterator[JsonObject]:
        yield stream.event("image_generation_call.generating", **at)

    return begun, {**image, "status": "completed", "result": PIXEL}, inner()


_ITEMS: Final[Mapping[type[Item], Callable[[_Numbered, Item, JsonObject], _ItemEvents]]] = {
    Text: _message_item,
    Refusal: _message_item,
    Thinking: _reasoning_item,
    ToolUse: _call_item,
    Image: _image_item,
}
_ANNOTATION: Final[JsonObject] = {
    "type": "url_citation",
    "url": _URL,
    "title": "A",
    "start_index": 0,
    "end_index": 1,
}


# Messages.


def _messages(answer: Answer) -> Iterator[JsonObject]:
    sent, cached, written, _ = answer.usage
    counts: JsonObject = {
        "input_tokens": sent - cached,
        "cache_read_input_tokens": cached,
        "cache_creation_input_tokens": 0,
    }
    begun: JsonObject = {**counts, "output_tokens": 1, "service_tier": "standard"}
    message: JsonObject = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "m-1",
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": begun,
    }
    yield {"type": "message_start", "message": message}
    index, called = 0, False
    for item in answer.items:
        if isinstance(item, Unknown | Image):
            yield {"type": "new_thing", "a": [1, 2.50, None]}
            continue
        block, deltas = _block(item, index)
        called = called or isinstance(item, ToolUse)
        yield {"type": "content_block_start", "index": index, "content_block": block}
        for delta in deltas:
            yield {"type": "content_block_delta", "index": index, "delta": delta}
        yield {"type": "content_block_stop", "index": index}
        index += 1
    reason = "max_tokens" if answer.is_cut_short else "tool_use" if called else "end_turn"
    ended: JsonObject = {"stop_reason": reason, "stop_sequence": None, "stop_details": None}
    yield {"type": "message_delta", "delta": ended, "usage": {**counts, "output_tokens": written}}
    yield {"type": "message_stop"}


def _block(item: Item, index: int) -> tuple[JsonObject, list[JsonObject]]:
    match item:
        case Thinking():
            signed: list[JsonObject] = (
                [{"type": "signature_delta", "signature": item.signature}] if item.signature else []
            )
            thinking: list[JsonObject] = [{"type": "thinking_delta", "thinking": piece} for piece in item.pieces]
            return {"type": "thinking", "thinking": "", "signature": ""}, [*thinking, *signed]
        case ToolUse():
            deltas: list[JsonObject] = [{"type": "input_json_delta", "partial_json": piece} for piece in item.pieces]
            return {"type": "tool_use", "id": f"toolu_{index}", "name": item.name, "input": {}}, deltas
        case Text() | Refusal():
            said: list[JsonObject] = [{"type": "text_delta", "text": piece} for piece in item.pieces]
            if isinstance(item, Text) and item.cites:
                source: JsonObject = {
                    "type": "web_search_result_location",
                    "url": _URL,
                    "title": "A",
                    "cited_text": "x",
                }
                said.append({"type": "citations_delta", "citation": {**source, "encrypted_index": "e"}})
            return {"type": "text", "text": ""}, said
    raise AssertionError(item)


# generateContent.


def _gemini(answer: Answer) -> Iterator[JsonObject]:
    head: JsonObject = {"modelVersion": "m-1", "responseId": "r_1"}

    def event(part: JsonObject, **fields: object) -> JsonObject:
        candidate = {"content": {"role": "model", "parts": [part]}, "index": 0, **fields}
        return {"candidates": [candidate], **head}  # type: ignore[list-item]

    for item in answer.items:
        match item:
            case Text() | Refusal():
                for piece in item.pieces:
                    chosen = {"chosenCandidates": [{"token": piece, "tokenId": 1, "logProbability": -0.5}]}
                    logprobs = {"logprobsResult": chosen} if isinstance(item, Text) and item.has_logprobs else {}
                    yield event({"text": piece}, **logprobs)
            case Thinking():
                yield from (event({"text": piece, "thought": True}) for piece in item.pieces)
            case ToolUse():
                call: JsonObject = {"name": item.name, "args": json.loads("".join(item.pieces))}
                yield event({"functionCall": call, "thoughtSignature": "c2ln"})
            case Image():
                yield event({"inlineData": {"mimeType": "image/png", "data": PIXEL}})
            case Unknown():
                yield {**event({"text": ""}), "newThing": {"a": [1, 2.50, None]}}
    sent, cached, written, thought = answer.usage
    usage: JsonObject = {
        "promptTokenCount": sent,
        "cachedContentTokenCount": cached,
        "candidatesTokenCount": written - thought,
        "thoughtsTokenCount": thought,
        "totalTokenCount": sent + written,
    }
    cites = any(isinstance(item, Text) and item.cites for item in answer.items)
    grounding: JsonObject = {"groundingChunks": [{"web": {"uri": _URL, "title": "A"}}]}
    reason = "MAX_TOKENS" if answer.is_cut_short else "STOP"
    last = event({"text": ""}, finishReason=reason, **({"groundingMetadata": grounding} if cites else {}))
    yield {**last, "usageMetadata": usage}


_STREAMS: Final[Mapping[Api, Callable[[Answer], Iterator[JsonObject | str]]]] = {
    "openai": _chat,
    "openai-responses": _responses,
    "anthropic": _messages,
    "gemini": _gemini,
}
