"""What a client gets, put together twice: from the events of a stream, and from a response that is not streamed.

Written as the APIs' documentation says, and without the code of the dialects: they put documents together themselves.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from gateway.dialects.base import ProjectedEvent

Json = Any
"""JSON of an API: what is not as it should be fails the test."""


@dataclass
class Got:
    """An answer as a client of any API understands it. `calls` are id, name and arguments."""

    text: str = ""
    refusal: str = ""
    reasoning: str = ""
    calls: list[tuple[str | None, str | None, object]] = field(default_factory=list)
    signatures: list[str] = field(default_factory=list)
    others: list[Json] = field(default_factory=list)
    """Citations, images, and what else has its own place."""
    logprobs: list[Json] = field(default_factory=list)
    end: Json = None
    usage: Json = None
    id: Json = None
    model: Json = None


def chunks_of(events: Iterable[ProjectedEvent]) -> list[Json]:
    """Return the JSON of events. Some servers write `NaN`, which Python's own parser takes."""
    return [json.loads(event.data) for event in events if event.data.startswith(b"{")]


def _sort(got: Got) -> None:
    """Sort what stands in several lists, whose order says nothing."""
    got.others.sort(key=lambda other: json.dumps(other, sort_keys=True))


def json_or_text(arguments: object) -> object:
    """Return a call's arguments, which may be JSON; an answer that ran out of tokens may end inside of it."""
    if isinstance(arguments, dict):
        return arguments.get("invalid_json", arguments)
    try:
        return json.loads(str(arguments))
    except ValueError:
        return arguments


# Chat completions.


def fold_chat(events: Sequence[ProjectedEvent]) -> Got:
    """Put chunks together (platform.openai.com/docs/api-reference/chat-streaming)."""
    got, calls = Got(), dict[int, Json]()
    assert events[-1].data == b"[DONE]"
    for chunk in chunks_of(events):
        assert chunk["object"] == "chat.completion.chunk"
        got.id, got.model = chunk["id"], chunk["model"]
        got.usage = chunk.get("usage") or got.usage
        for choice in chunk["choices"]:
            assert choice["index"] == 0
            delta = choice["delta"]
            _add_message(got, delta)
            for call in delta.get("tool_calls") or ():
                known = calls.setdefault(call["index"], {"id": None, "name": None, "arguments": ""})
                function = call.get("function") or {}
                known["id"] = known["id"] or call.get("id")
                known["name"] = known["name"] or function.get("name")
                known["arguments"] += function.get("arguments") or ""
            _add_logprobs(got, choice.get("logprobs"))
            got.end = choice.get("finish_reason") or got.end
    got.calls = [(call["id"], call["name"], call["arguments"]) for _, call in sorted(calls.items())]
    return got


def read_chat(document: Json) -> Got:
    """Read a chat completion."""
    assert document["object"] == "chat.completion"
    (choice,) = document["choices"]
    got = Got(end=choice["finish_reason"], usage=document["usage"], id=document["id"], model=document["model"])
    message = choice["message"]
    assert message["role"] == "assistant"
    _add_message(got, message)
    for call in message.get("tool_calls") or ():
        got.calls.append((call["id"], call["function"]["name"], call["function"]["arguments"]))
    _add_logprobs(got, choice.get("logprobs"))
    return got


def _add_message(got: Got, delta: Json) -> None:
    got.text += delta.get("content") or ""
    got.refusal += delta.get("refusal") or ""
    got.reasoning += delta.get("reasoning_content") or ""
    got.others += delta.get("annotations") or ()
    # Only a delta has the index of an image.
    got.others += [{**image, "index": None} for image in delta.get("images") or ()]
    _sort(got)


def _add_logprobs(got: Got, logprobs: Json) -> None:
    for name in ("content", "refusal"):
        got.logprobs += (logprobs or {}).get(name) or []


# Responses.


def fold_responses(events: Sequence[ProjectedEvent]) -> Got:
    """Put the deltas of a response together, and check that what repeats them says the same.

    Source: platform.openai.com/docs/api-reference/responses-streaming.
    """
    items: dict[int, Json] = {}
    response: Json = None
    for number, (event, data) in enumerate(zip(events, chunks_of(events), strict=True)):
        assert event.name.decode() == data["type"]
        assert data["sequence_number"] == number
        kind = data["type"].removeprefix("response.")
        if kind == "output_item.added":
            assert data["output_index"] not in items
            items[data["output_index"]] = data["item"]
        elif kind == "output_item.done":
            _check_item(items[data["output_index"]], data["item"])
            items[data["output_index"]] = data["item"]
        elif kind in {"completed", "incomplete", "failed"}:
            response = data["response"]
        elif "output_index" in data:
            _add_to_item(items[data["output_index"]], kind, data)
    got = read_responses(response)
    assert [items[index] for index in sorted(items)] == response["output"]
    return got


def _add_to_item(item: Json, kind: str, data: Json) -> None:
    if kind == "content_part.added":
        assert data["content_index"] == len(item["content"])
        item["content"].append(data["part"])
    elif kind == "reasoning_summary_part.added":
        assert data["summary_index"] == len(item["summary"])
        item["summary"].append(data["part"])
    elif kind in _RESPONSE_DELTAS:
        place, index, name = _RESPONSE_DELTAS[kind]
        owner = item if place is None else item[place][data[index]]
        owner[name] += data["delta"]
        if data.get("logprobs"):
            owner["logprobs"] = [*(owner.get("logprobs") or ()), *data["logprobs"]]
    elif kind == "output_text.annotation.added":
        item["content"][data["content_index"]]["annotations"].append(data["annotation"])
    elif kind.endswith(".done"):
        delta = kind.removesuffix("done") + "delta"
        if delta in _RESPONSE_DELTAS:
            place, index, name = _RESPONSE_DELTAS[delta]
            owner = item if place is None else item[place][data[index]]
            assert owner[name] == data[name]
        elif kind == "content_part.done":
            assert item["content"][data["content_index"]].get("text") == data["part"].get("text")


_RESPONSE_DELTAS: Final[Mapping[str, tuple[str | None, str, str]]] = {
    "output_text.delta": ("content", "content_index", "text"),
    "refusal.delta": ("content", "content_index", "refusal"),
    "reasoning_text.delta": ("content", "content_index", "text"),
    "reasoning_summary_text.delta": ("summary", "summary_index", "text"),
    "function_call_arguments.delta": (None, "", "arguments"),
    "custom_tool_call_input.delta": (None, "", "input"),
}


def _check_item(folded: Json, whole: Json) -> None:
    """Check that an item is what its deltas add up to. Only at its end it has its status, and what is encrypted."""
    for name, value in folded.items():
        if name not in {"status", "encrypted_content"}:
            assert whole.get(name) == value or value in ([], "", None), (name, value, whole)


def read_responses(response: Json) -> Got:
    """Read a response object."""
    end = (response["status"], (response.get("incomplete_details") or {}).get("reason"))
    got = Got(end=end, usage=response["usage"], id=response["id"], model=response["model"])
    for item in response["output"]:
        if item["type"] == "message":
            for part in item["content"]:
                got.text += part.get("text") or ""
                got.refusal += part.get("refusal") or ""
                got.others += part.get("annotations") or ()
                got.logprobs += part.get("logprobs") or ()
        elif item["type"] == "reasoning":
            parts = [*(item.get("summary") or ()), *(item.get("content") or ())]
            got.reasoning += "".join(part["text"] for part in parts)
            got.signatures += [item["encrypted_content"]] if item.get("encrypted_content") else []
        elif item["type"] == "function_call":
            got.calls.append((item["call_id"], item["name"], item["arguments"]))
        else:
            got.others.append(item)
    return got


# Messages.


def fold_messages(events: Sequence[ProjectedEvent]) -> Got:
    """Put the events of a message together (docs.anthropic.com, "Streaming Messages")."""
    message: Json = None
    open_blocks: dict[int, Json] = {}
    for event, data in zip(events, chunks_of(events), strict=True):
        assert event.name.decode() == data["type"]
        match data["type"]:
            case "message_start":
                assert message is None
                message = data["message"]
            case "content_block_start":
                assert data["index"] == len(message["content"])
                block = {**data["content_block"], "_input": ""}
                message["content"].append(block)
                open_blocks[data["index"]] = block
            case "content_block_delta":
                _add_to_block(open_blocks[data["index"]], data["delta"])
            case "content_block_stop":
                _end_block(open_blocks.pop(data["index"]))
            case "message_delta":
                assert not open_blocks
                message |= data["delta"]
                message["usage"] |= {name: value for name, value in data["usage"].items() if value is not None}
    assert events[-1].name == b"message_stop"
    return read_messages(message)


def _add_to_block(block: Json, delta: Json) -> None:
    match delta:
        case {"type": "text_delta", "text": text}:
            block["text"] += text
        case {"type": "thinking_delta", "thinking": text}:
            block["thinking"] += text
        case {"type": "signature_delta", "signature": text}:
            block["signature"] = (block.get("signature") or "") + text
        case {"type": "input_json_delta", "partial_json": text}:
            block["_input"] += text
        case {"type": "citations_delta", "citation": citation}:
            block["citations"] = [*(block.get("citations") or ()), citation]


def _end_block(block: Json) -> None:
    if text := block.pop("_input"):
        block["input"] = json_or_text(text)


def read_messages(message: Json) -> Got:
    """Read a message."""
    end = (message["stop_reason"], message["stop_sequence"], message.get("stop_details"))
    got = Got(end=end, usage=message["usage"], id=message["id"], model=message["model"])
    for block in message["content"]:
        match block["type"]:
            case "text":
                got.text += block["text"]
                got.others += block.get("citations") or ()
            case "thinking":
                got.reasoning += block["thinking"]
                got.signatures += [block["signature"]] if block.get("signature") else []
            case "tool_use":
                got.calls.append((block["id"], block["name"], json_or_text(block["input"])))
            case _:
                got.others.append({name: value for name, value in block.items() if name != "_input"})
    return got


# generateContent.


def fold_gemini(events: Sequence[ProjectedEvent]) -> Got:
    """Put the responses of a stream together: parts follow each other, of the rest the last one counts."""
    got = Got()
    for response in chunks_of(events):
        _add_response(got, response)
    return got


def read_gemini(response: Json) -> Got:
    """Read a response."""
    got = Got()
    _add_response(got, response)
    return got


def _add_response(got: Got, response: Json) -> None:
    got.usage = response.get("usageMetadata") or got.usage
    got.id, got.model = response.get("responseId") or got.id, response.get("modelVersion") or got.model
    for candidate in response.get("candidates") or ():
        got.end = candidate.get("finishReason") or got.end
        got.logprobs += (candidate.get("logprobsResult") or {}).get("chosenCandidates") or ()
        for name in ("groundingMetadata", "citationMetadata"):
            got.others += [candidate[name]] if candidate.get(name) else []
        for part in (candidate.get("content") or {}).get("parts") or ():
            got.signatures += [part["thoughtSignature"]] if part.get("thoughtSignature") else []
            if "text" in part:
                if part.get("thought"):
                    got.reasoning += part["text"]
                else:
                    got.text += part["text"]
            elif "functionCall" in part:
                call = part["functionCall"]
                got.calls.append((call.get("id"), call["name"], call.get("args") or {}))
            else:
                got.others.append(part)
    _sort(got)


FOLD: Final[Mapping[str, Callable[[Sequence[ProjectedEvent]], Got]]] = {
    "openai_chat": fold_chat,
    "openai_responses": fold_responses,
    "anthropic": fold_messages,
    "gemini": fold_gemini,
}
READ: Final[Mapping[str, Callable[[Json], Got]]] = {
    "openai_chat": read_chat,
    "openai_responses": read_responses,
    "anthropic": read_messages,
    "gemini": read_gemini,
}
