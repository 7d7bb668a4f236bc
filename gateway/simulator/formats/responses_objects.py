"""Objects in the events of OpenAI's Responses (platform.openai.com/docs, API reference, "The response object")."""

from collections.abc import Iterator
from typing import Literal

from gateway.simulator.formats.base import ScriptedResponse
from gateway.simulator.script import Script, Usage

Kind = Literal["reasoning", "content", "tool"]
Part = tuple[Kind, int]
"""A part of the script that is an output item: its kind, and the index of a tool call."""
Status = Literal["in_progress", "completed", "incomplete", "failed"]
_Object = dict[str, object]


def response_object(response: ScriptedResponse, status: Status) -> _Object:
    """Return a response object without output."""
    return {
        "id": response.id,
        "object": "response",
        "created_at": response.created,
        "status": status,
        "background": False,
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "max_output_tokens": None,
        "metadata": {},
        "model": response.model,
        "output": [],
        "parallel_tool_calls": True,
        "previous_response_id": None,
        "reasoning": {"effort": None, "summary": None},
        "store": False,
        "temperature": 1.0,
        "text": {"format": {"type": "text"}},
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "truncation": "disabled",
        "usage": None,
    }


def completed_response(response: ScriptedResponse) -> _Object:
    """Return a response object with all of its output."""
    script = response.script
    fields: _Object = {"output": [output_item(response, part, final_status(script)) for part in _parts(script)]}
    if script.finish_reason == "length":
        fields["incomplete_details"] = {"reason": "max_output_tokens"}
    if response.with_usage:
        fields["usage"] = _usage(script.usage)
    return response_object(response, final_status(script)) | fields


def final_status(script: Script) -> Status:
    """Return the status with which a response ends."""
    return "incomplete" if script.finish_reason == "length" else "completed"


def item_id(response: ScriptedResponse, part: Part) -> str:
    """Return the id of an output item; a tool call also has a `call_id`, to which its output refers."""
    match part:
        case ("reasoning", _):
            return f"rs_{response.key}"
        case ("content", _):
            return f"msg_{response.key}"
        case ("tool", index):
            return response.script.tool_calls[index].id.replace("call_", "fc_")


def output_item(response: ScriptedResponse, part: Part, status: Status) -> _Object:
    """Return an output item, which is empty while it is in progress."""
    script = response.script
    is_empty = status == "in_progress"
    identity: _Object = {"id": item_id(response, part)}
    match part:
        case ("reasoning", _):
            return identity | {"type": "reasoning", "summary": [] if is_empty else [summary_text(script.reasoning)]}
        case ("content", _):
            content = [] if is_empty else [output_text(script.text)]
            return identity | {"type": "message", "status": status, "content": content, "role": "assistant"}
        case ("tool", index):
            call = script.tool_calls[index]
            arguments = "" if is_empty else call.arguments
            call_fields: _Object = {"arguments": arguments, "call_id": call.id, "name": call.name}
            return identity | {"type": "function_call", "status": status} | call_fields


def summary_text(text: str) -> _Object:
    """Return a part of a reasoning item."""
    return {"type": "summary_text", "text": text}


def output_text(text: str) -> _Object:
    """Return a part of a message."""
    return {"type": "output_text", "annotations": [], "logprobs": [], "text": text}


def _parts(script: Script) -> Iterator[Part]:
    if script.reasoning:
        yield ("reasoning", 0)
    if script.text:
        yield ("content", 0)
    for index in range(len(script.tool_calls)):
        yield ("tool", index)


def _usage(usage: Usage) -> _Object:
    return {
        "input_tokens": usage.prompt,
        "input_tokens_details": {"cache_write_tokens": 0, "cached_tokens": usage.cached},
        "output_tokens": usage.completion,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning},
        "total_tokens": usage.prompt + usage.completion,
    }
