"""The objects in the events of OpenAI's Responses (platform.openai.com/docs, API reference, "The response object")."""

from collections.abc import Iterator
from typing import Literal

from gateway.simulator.script import Script, Usage
from gateway.simulator.wires.base import Answer

Kind = Literal["reasoning", "content", "tool"]
Part = tuple[Kind, int]
"""A part of the script that is an output item: what kind, and which call it is if it is one."""
Status = Literal["in_progress", "completed", "incomplete", "failed"]
_Object = dict[str, object]


def response(answer: Answer, status: Status) -> _Object:
    """Give a response that has no output yet."""
    return {
        "id": answer.id,
        "object": "response",
        "created_at": answer.created,
        "status": status,
        "background": False,
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "max_output_tokens": None,
        "metadata": {},
        "model": answer.model,
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


def ended(answer: Answer) -> _Object:
    """Give a response with all of its output."""
    script = answer.script
    told: _Object = {"output": [output_item(answer, part, status(script)) for part in _parts(script)]}
    if script.finish_reason == "length":
        told["incomplete_details"] = {"reason": "max_output_tokens"}
    if answer.with_usage:
        told["usage"] = _usage(script.usage)
    return response(answer, status(script)) | told


def status(script: Script) -> Status:
    """Give how an answer ends."""
    return "incomplete" if script.finish_reason == "length" else "completed"


def item_id(answer: Answer, part: Part) -> str:
    """Give the id of an output item; that of a call is not the one that its output names."""
    match part:
        case ("reasoning", _):
            return f"rs_{answer.key}"
        case ("content", _):
            return f"msg_{answer.key}"
        case ("tool", call):
            return answer.script.calls[call].id.replace("call_", "fc_")


def output_item(answer: Answer, part: Part, status: Status) -> _Object:
    """Give an output item, which is empty while it is in progress."""
    script = answer.script
    begun = status == "in_progress"
    identity: _Object = {"id": item_id(answer, part)}
    match part:
        case ("reasoning", _):
            return identity | {"type": "reasoning", "summary": [] if begun else [summary_text(script.reasoning)]}
        case ("content", _):
            content = [] if begun else [output_text(script.text)]
            return identity | {"type": "message", "status": status, "content": content, "role": "assistant"}
        case ("tool", place):
            call = script.calls[place]
            arguments = "" if begun else call.arguments
            named: _Object = {"arguments": arguments, "call_id": call.id, "name": call.name}
            return identity | {"type": "function_call", "status": status} | named


def summary_text(text: str) -> _Object:
    """Give a part of a reasoning item."""
    return {"type": "summary_text", "text": text}


def output_text(text: str) -> _Object:
    """Give a part of a message."""
    return {"type": "output_text", "annotations": [], "logprobs": [], "text": text}


def _parts(script: Script) -> Iterator[Part]:
    if script.reasoning:
        yield ("reasoning", 0)
    if script.text:
        yield ("content", 0)
    for call in range(len(script.calls)):
        yield ("tool", call)


def _usage(usage: Usage) -> _Object:
    return {
        "input_tokens": usage.prompt,
        "input_tokens_details": {"cache_write_tokens": 0, "cached_tokens": usage.cached},
        "output_tokens": usage.completion,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning},
        "total_tokens": usage.prompt + usage.completion,
    }
