"""Minimal clients of the model APIs: they post one prompt, and name how the response ended as its client sees it."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any

import aiohttp
import orjson

from gateway.protocol.event_stream import EventStreamDecoder

DONE = b"[DONE]"
CUT = "cut"
NONE = "no end"

JsonObject = dict[str, Any]
Events = Sequence[JsonObject]


@dataclass(frozen=True)
class ApiClient:
    """One API: where and what to post, and how its responses end. `text` returns the text of streamed events."""

    name: str
    path: Callable[[bool], str]
    body: Callable[[bool], JsonObject]
    end_of_stream: Callable[[Events], str]
    end_of_document: Callable[[JsonObject], str]
    text: Callable[[Events], str]
    text_of_document: Callable[[JsonObject], str]

    def post(
        self, http: aiohttp.ClientSession, *, stream: bool, headers: Mapping[str, str] | None = None
    ) -> AbstractAsyncContextManager[aiohttp.ClientResponse]:
        """Post the prompt."""
        return http.post(self.path(stream), json=self.body(stream), headers=headers)


async def read_events(response: aiohttp.ClientResponse) -> tuple[list[JsonObject], bool]:
    """Read a stream to its end; return its events, and whether it was left without its end."""
    decoder, is_cut = EventStreamDecoder(1 << 20), False
    events: list[JsonObject] = []
    try:
        async for data in response.content.iter_any():
            events += [orjson.loads(event.data) for event in decoder.feed(data) if event.data != DONE]
    except aiohttp.ClientPayloadError:
        is_cut = True
    return events, is_cut


def _messages(stream: bool) -> JsonObject:
    return {"model": "m", "messages": [{"role": "user", "content": "Hello"}], "stream": stream}


def _chat_end(events: Events) -> str:
    for event in reversed(events):
        if "error" in event:
            return f"error `{event['error']['code']}`"
        for choice in event["choices"]:
            if choice["finish_reason"] is not None:
                return f"`{choice['finish_reason']}`"
    return NONE


def _responses_end(events: Events) -> str:
    last = events[-1] if events else {}
    response = last.get("response")
    if last.get("type") not in {"response.completed", "response.incomplete", "response.failed"} or not isinstance(
        response, dict
    ):
        return NONE
    return f"`{last['type']}`, {_response_status(response)}"


def _response_status(response: JsonObject) -> str:
    status = f"`{response['status']}`"
    if isinstance(error := response.get("error"), dict):
        return f"{status} `{error['code']}`"
    if isinstance(details := response.get("incomplete_details"), dict):
        return f"{status} `{details['reason']}`"
    return status


def _messages_end(events: Events) -> str:
    for event in reversed(events):
        if event["type"] == "error":
            return f"error `{event['error']['type']}`"
        if event["type"] == "message_delta":
            return f"`{event['delta']['stop_reason']}`"
    return NONE


def _gemini_end(events: Events) -> str:
    for event in reversed(events):
        if "error" in event:
            return f"error `{event['error']['status']}`"
        for candidate in event.get("candidates", ()):
            if "finishReason" in candidate:
                return f"`{candidate['finishReason']}`"
    return NONE


def _gemini_text(events: Events) -> str:
    return "".join(
        part.get("text", "")
        for event in events
        for candidate in event.get("candidates", ())
        for part in candidate["content"]["parts"]
    )


CLIENTS = {
    client.name: client
    for client in (
        ApiClient(
            "openai_chat",
            lambda _: "/v1/chat/completions",
            _messages,
            _chat_end,
            lambda document: _chat_end([document]),
            lambda events: "".join(c["delta"].get("content") or "" for e in events for c in e.get("choices", ())),
            lambda document: document["choices"][0]["message"]["content"],
        ),
        ApiClient(
            "openai_responses",
            lambda _: "/v1/responses",
            lambda stream: {"model": "m", "input": "Hello", "stream": stream},
            _responses_end,
            _response_status,
            lambda events: "".join(str(e["delta"]) for e in events if e["type"] == "response.output_text.delta"),
            lambda document: "".join(
                part.get("text", "")
                for item in document["output"]
                if item["type"] == "message"
                for part in item["content"]
            ),
        ),
        ApiClient(
            "anthropic",
            lambda _: "/v1/messages",
            lambda stream: {**_messages(stream), "max_tokens": 1000},
            _messages_end,
            lambda document: f"`{document['stop_reason']}`",
            lambda events: "".join(e["delta"].get("text", "") for e in events if e["type"] == "content_block_delta"),
            lambda document: "".join(block.get("text", "") for block in document["content"]),
        ),
        ApiClient(
            "gemini",
            lambda stream: f"/v1beta/models/m:{'streamGenerateContent?alt=sse' if stream else 'generateContent'}",
            lambda _: {"contents": [{"role": "user", "parts": [{"text": "Hello"}]}]},
            _gemini_end,
            lambda document: _gemini_end([document]),
            _gemini_text,
            lambda document: _gemini_text([document]),
        ),
    )
}
