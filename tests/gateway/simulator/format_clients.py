"""A client of each wire format: it sends a conversation, and parses responses into one common form."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

from gateway.simulator.request import Turn

Names = Mapping[str, str]
Statuses = Mapping[int, str]

SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "days": {"type": "integer"}, "tags": {"type": "array"}},
}


@dataclass
class ParsedResponse:
    """Content of a response, in terms of the script. `usage` is prompt, completion, cached, reasoning."""

    text: str = ""
    reasoning: str = ""
    calls: list[tuple[str, object]] = field(default_factory=list)
    finish: str | None = None
    usage: tuple[int, int, int, int] | None = None
    error: str | None = None
    ended: bool = False
    malformed: int = 0


class FormatClient(Protocol):
    """Client of one wire format."""

    @property
    def name(self) -> str: ...
    @property
    def headers(self) -> Mapping[str, str]: ...
    @property
    def error_types(self) -> Mapping[int, str]: ...
    def path(self, *, stream: bool) -> str: ...
    def request_body(
        self, turns: Sequence[Turn], *, stream: bool, limit: int, stops: Sequence[str] = ()
    ) -> dict[str, object]: ...
    def parse_stream(self, data: bytes) -> ParsedResponse: ...
    def parse_response(self, data: bytes) -> ParsedResponse: ...
    def parse_error(self, data: bytes) -> tuple[str, str]: ...


def parse_events(data: bytes, parsed: ParsedResponse) -> Iterator[tuple[str | None, Any]]:
    """Yield the events of a stream with their names; count in `parsed` those that are not JSON."""
    *events, rest = re.split(r"\r?\n\r?\n", data.decode())
    assert rest == ""
    for lines in map(str.splitlines, events):
        fields = dict(line.split(": ", 1) for line in lines if not line.startswith(":"))
        if fields.get("data") == "[DONE]":
            parsed.ended = True
        elif fields:
            try:
                yield fields.get("event"), json.loads(fields["data"])
            except ValueError:
                parsed.malformed += 1


def _instructions(turns: Sequence[Turn]) -> str:
    return " ".join(turn.text for turn in turns if turn.role == "system")


class ChatCompletions:
    """See `FormatClient`."""

    name = "chat_completions"
    headers: ClassVar[Names] = {}
    error_types: ClassVar[Statuses] = {
        401: "invalid_request_error",
        429: "requests",
        500: "server_error",
        404: "invalid_request_error",
    }

    def path(self, *, stream: bool) -> str:
        return "/v1/chat/completions"

    def request_body(
        self, turns: Sequence[Turn], *, stream: bool, limit: int, stops: Sequence[str] = ()
    ) -> dict[str, object]:
        call = {"id": "call_0", "type": "function", "function": {"name": "look", "arguments": "{}"}}
        return {
            "model": "sim-instant",
            "messages": [
                {"role": turn.role, "content": turn.text}
                | ({"tool_calls": [call]} if turn.role == "assistant" and not turn.text else {})
                | ({"tool_call_id": "call_0"} if turn.role == "tool" else {})
                for turn in turns
            ],
            "tools": [{"type": "function", "function": {"name": "look", "parameters": SCHEMA}}],
            "max_completion_tokens": limit,
            "stream": stream,
            **({"stream_options": {"include_usage": True}} if stream else {}),
            **({"stop": list(stops)} if stops else {}),
        }

    def parse_stream(self, data: bytes) -> ParsedResponse:
        parsed = ParsedResponse()
        arguments: list[str] = []
        for _, chunk in parse_events(data, parsed):
            if "error" in chunk:
                parsed.error = chunk["error"]["message"]
                continue
            parsed.usage = self._usage(chunk.get("usage")) or parsed.usage
            for choice in chunk["choices"]:
                parsed.text += choice["delta"].get("content", "")
                parsed.reasoning += choice["delta"].get("reasoning_content", "")
                parsed.finish = choice["finish_reason"] or parsed.finish
                for call in choice["delta"].get("tool_calls", ()):
                    if "id" in call:
                        arguments.append("")
                        parsed.calls.append((call["function"]["name"], None))
                    arguments[call["index"]] += call["function"]["arguments"]
        if parsed.finish:
            parsed.calls = [(name, json.loads(text)) for (name, _), text in zip(parsed.calls, arguments, strict=True)]
        return parsed

    def parse_response(self, data: bytes) -> ParsedResponse:
        body = json.loads(data)
        (choice,) = body["choices"]
        message = choice["message"]
        calls = [call["function"] for call in message.get("tool_calls", ())]
        return ParsedResponse(
            text=message["content"] or "",
            reasoning=message.get("reasoning_content", ""),
            calls=[(call["name"], json.loads(call["arguments"])) for call in calls],
            finish=choice["finish_reason"],
            usage=self._usage(body["usage"]),
            ended=True,
        )

    def parse_error(self, data: bytes) -> tuple[str, str]:
        error = json.loads(data)["error"]
        assert set(error) == {"message", "type", "param", "code"}
        return error["type"], error["message"]

    def _usage(self, usage: dict[str, Any] | None) -> tuple[int, int, int, int] | None:
        if not usage:
            return None
        return (
            usage["prompt_tokens"],
            usage["completion_tokens"],
            usage.get("prompt_tokens_details", {}).get("cached_tokens", 0),
            usage.get("completion_tokens_details", {}).get("reasoning_tokens", 0),
        )


class Messages:
    """See `FormatClient`."""

    name = "messages"
    headers: ClassVar[Names] = {"anthropic-version": "2023-06-01", "x-api-key": "k"}
    error_types: ClassVar[Statuses] = {
        401: "authentication_error",
        429: "rate_limit_error",
        500: "api_error",
        404: "not_found_error",
    }
    reasons: ClassVar[Names] = {
        "end_turn": "stop",
        "stop_sequence": "stop",
        "max_tokens": "length",
        "tool_use": "tool_calls",
    }

    def path(self, *, stream: bool) -> str:
        return "/v1/messages"

    def request_body(
        self, turns: Sequence[Turn], *, stream: bool, limit: int, stops: Sequence[str] = ()
    ) -> dict[str, object]:
        return {
            "model": "sim-instant",
            **({"system": instructions} if (instructions := _instructions(turns)) else {}),
            "messages": [self._message(turn) for turn in turns if turn.role != "system"],
            "tools": [{"name": "look", "input_schema": SCHEMA}],
            "max_tokens": limit,
            "stream": stream,
            "stop_sequences": list(stops),
        }

    def _message(self, turn: Turn) -> dict[str, object]:
        if turn.role == "tool":
            result = {"type": "tool_result", "tool_use_id": "toolu_0", "content": turn.text}
            return {"role": "user", "content": [result]}
        tool_use = {"type": "tool_use", "id": "toolu_0", "name": "look", "input": {}}
        return {"role": turn.role, "content": turn.text or [tool_use]}

    def parse_stream(self, data: bytes) -> ParsedResponse:
        parsed = ParsedResponse()
        arguments = ""
        for name, event in parse_events(data, parsed):
            assert name == event["type"]
            match event:
                case {"type": "content_block_start", "content_block": {"type": "tool_use", "name": str(tool)}}:
                    parsed.calls.append((tool, None))
                    arguments = ""
                case {"type": "content_block_delta", "delta": delta}:
                    parsed.text += delta.get("text", "")
                    parsed.reasoning += delta.get("thinking", "")
                    arguments += delta.get("partial_json", "")
                case {"type": "content_block_stop"} if parsed.calls:
                    parsed.calls[-1] = (parsed.calls[-1][0], json.loads(arguments))
                case {"type": "message_delta", "delta": {"stop_reason": str(reason)}}:
                    parsed.finish = self.reasons[reason]
                    parsed.usage = self._usage(event["usage"])
                case {"type": "message_stop"}:
                    parsed.ended = True
                case {"type": "error", "error": {"message": str(message)}}:
                    parsed.error = message
        return parsed

    def parse_response(self, data: bytes) -> ParsedResponse:
        body = json.loads(data)
        parsed = ParsedResponse(finish=self.reasons[body["stop_reason"]], usage=self._usage(body["usage"]), ended=True)
        for block in body["content"]:
            parsed.text += block.get("text", "")
            parsed.reasoning += block.get("thinking", "")
            if block["type"] == "tool_use":
                parsed.calls.append((block["name"], block["input"]))
        return parsed

    def parse_error(self, data: bytes) -> tuple[str, str]:
        body = json.loads(data)
        assert body["type"] == "error"
        return body["error"]["type"], body["error"]["message"]

    def _usage(self, usage: dict[str, Any]) -> tuple[int, int, int, int]:
        cached = usage["cache_read_input_tokens"]
        thinking = usage.get("output_tokens_details", {}).get("thinking_tokens", 0)
        return usage["input_tokens"] + cached, usage["output_tokens"], cached, thinking


class GenerateContent:
    """See `FormatClient`."""

    name = "generate_content"
    headers: ClassVar[Names] = {"x-goog-api-key": "k"}
    error_types: ClassVar[Statuses] = {
        401: "UNAUTHENTICATED",
        429: "RESOURCE_EXHAUSTED",
        500: "INTERNAL",
        404: "NOT_FOUND",
    }

    def path(self, *, stream: bool) -> str:
        return f"/v1beta/models/sim-instant:{'streamGenerateContent?alt=sse' if stream else 'generateContent'}"

    def request_body(
        self, turns: Sequence[Turn], *, stream: bool, limit: int, stops: Sequence[str] = ()
    ) -> dict[str, object]:
        return {
            **(
                {"systemInstruction": {"parts": [{"text": instructions}]}}
                if (instructions := _instructions(turns))
                else {}
            ),
            "contents": [self._content(turn) for turn in turns if turn.role != "system"],
            "tools": [{"functionDeclarations": [{"name": "look", "parameters": SCHEMA}]}],
            "generationConfig": {"maxOutputTokens": limit, "stopSequences": list(stops)},
        }

    def _content(self, turn: Turn) -> dict[str, object]:
        match turn.role:
            case "tool":
                response = {"name": "look", "response": {"result": turn.text}}
                return {"role": "user", "parts": [{"functionResponse": response}]}
            case "assistant":
                part = {"text": turn.text} if turn.text else {"functionCall": {"name": "look", "args": {}}}
                return {"role": "model", "parts": [part]}
            case _:
                return {"role": "user", "parts": [{"text": turn.text}]}

    def parse_stream(self, data: bytes) -> ParsedResponse:
        parsed = ParsedResponse()
        for name, chunk in parse_events(data, parsed):
            assert name is None
            if "error" in chunk:
                parsed.error = chunk["error"]["message"]
            else:
                self._chunk(chunk, parsed)
        # The finish reason is the end marker.
        parsed.ended = parsed.finish is not None
        return parsed

    def parse_response(self, data: bytes) -> ParsedResponse:
        parsed = ParsedResponse(ended=True)
        self._chunk(json.loads(data), parsed)
        return parsed

    def parse_error(self, data: bytes) -> tuple[str, str]:
        error = json.loads(data)["error"]
        assert isinstance(error["code"], int)
        return error["status"], error["message"]

    def _chunk(self, chunk: dict[str, Any], parsed: ParsedResponse) -> None:
        (candidate,) = chunk["candidates"]
        for part in candidate["content"]["parts"]:
            if part.get("thought"):
                parsed.reasoning += part["text"]
            else:
                parsed.text += part.get("text", "")
            if "functionCall" in part:
                parsed.calls.append((part["functionCall"]["name"], part["functionCall"]["args"]))
        reason = candidate.get("finishReason")
        if reason:
            parsed.finish = {"STOP": "tool_calls" if parsed.calls else "stop", "MAX_TOKENS": "length"}[reason]
        usage = chunk["usageMetadata"]
        thoughts = usage.get("thoughtsTokenCount", 0)
        completion = usage.get("candidatesTokenCount", 0) + thoughts
        assert usage["totalTokenCount"] == usage["promptTokenCount"] + completion
        parsed.usage = (usage["promptTokenCount"], completion, usage.get("cachedContentTokenCount", 0), thoughts)


class Responses:
    """See `FormatClient`."""

    name = "responses"
    headers: ClassVar[Names] = {}
    error_types: ClassVar[Statuses] = ChatCompletions.error_types

    def path(self, *, stream: bool) -> str:
        return "/v1/responses"

    def request_body(
        self, turns: Sequence[Turn], *, stream: bool, limit: int, stops: Sequence[str] = ()
    ) -> dict[str, object]:
        assert not stops
        return {
            "model": "sim-instant",
            "instructions": _instructions(turns) or None,
            "input": [self._item(turn) for turn in turns if turn.role != "system"],
            "tools": [{"type": "function", "name": "look", "parameters": SCHEMA}],
            "max_output_tokens": limit,
            "stream": stream,
        }

    def _item(self, turn: Turn) -> dict[str, object]:
        match turn.role:
            case "tool":
                return {"type": "function_call_output", "call_id": "call_0", "output": turn.text}
            case "assistant" if not turn.text:
                return {"type": "function_call", "call_id": "call_0", "name": "look", "arguments": "{}"}
            case _:
                return {"role": turn.role, "content": turn.text}

    def parse_stream(self, data: bytes) -> ParsedResponse:
        parsed = ParsedResponse()
        for number, (name, event) in enumerate(parse_events(data, parsed)):
            assert (name, number) == (event["type"], event["sequence_number"])
            match event:
                case {"type": "response.output_text.delta", "delta": str(text)}:
                    parsed.text += text
                case {"type": "response.reasoning_summary_text.delta", "delta": str(text)}:
                    parsed.reasoning += text
                case {"type": "response.output_item.done", "item": {"type": "function_call", "name": str(tool)}}:
                    parsed.calls.append((tool, json.loads(event["item"]["arguments"])))
                case {"type": "response.completed" | "response.incomplete", "response": response}:
                    parsed.ended = True
                    parsed.finish, parsed.usage = self._finish(response)
                case {"type": "response.failed", "response": {"error": {"message": str(message)}}}:
                    parsed.error = message
        return parsed

    def parse_response(self, data: bytes) -> ParsedResponse:
        body = json.loads(data)
        finish, usage = self._finish(body)
        parsed = ParsedResponse(finish=finish, usage=usage, ended=True)
        for item in body["output"]:
            match item["type"]:
                case "message":
                    parsed.text += item["content"][0]["text"]
                case "reasoning":
                    parsed.reasoning += item["summary"][0]["text"]
                case "function_call":
                    parsed.calls.append((item["name"], json.loads(item["arguments"])))
        return parsed

    def parse_error(self, data: bytes) -> tuple[str, str]:
        return ChatCompletions().parse_error(data)

    def _finish(self, body: dict[str, Any]) -> tuple[str, tuple[int, int, int, int]]:
        calls = any(item["type"] == "function_call" for item in body["output"])
        finish = {"completed": "tool_calls" if calls else "stop", "incomplete": "length"}[body["status"]]
        usage = body["usage"]
        cached = usage["input_tokens_details"]["cached_tokens"]
        return finish, (
            usage["input_tokens"],
            usage["output_tokens"],
            cached,
            usage["output_tokens_details"]["reasoning_tokens"],
        )


CLIENTS: list[FormatClient] = [ChatCompletions(), Messages(), GenerateContent(), Responses()]
