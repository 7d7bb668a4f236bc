"""A small script with a part of each kind, and helpers that encode it and parse the events."""

import json
from collections.abc import Iterator
from dataclasses import replace

from gateway.simulator.formats.base import ScriptedResponse, StreamEncoder
from gateway.simulator.script import Delta, Script, Usage
from gateway.simulator.tools import ToolCall

CALLS = (
    ToolCall(id="call_0a0b0c0d0e", name="look", arguments='{"at": "ễ"}'),
    ToolCall(id="call_1a1b1c1d1e", name="find", arguments="{}"),
)
SCRIPT = Script(
    reasoning="Hm, so.",
    text="Chào bạn",
    tool_calls=CALLS,
    finish_reason="tool_calls",
    usage=Usage(prompt=9, completion=12, cached=4, reasoning=2),
    seed=7,
)
SIGNATURE = "c2ltdWxhdGVk00000007"
DELTAS = (
    Delta("reasoning", "Hm,"),
    Delta("reasoning", " so."),
    Delta("content", "Chào "),
    Delta("content", "bạn"),
    Delta("tool", "", 0, CALLS[0]),
    Delta("tool", '{"at":', 0),
    Delta("tool", ' "ễ"}', 0),
    Delta("tool", "", 1, CALLS[1]),
    Delta("tool", "{}", 1),
)


def make_response(identity: str, script: Script = SCRIPT, *, with_usage: bool = True) -> ScriptedResponse:
    """Return a response with a script."""
    return ScriptedResponse(script=script, id=identity, created=5, model="sim", with_usage=with_usage)


def text_script(**changes: object) -> Script:
    """Return a script with text only."""
    return replace(SCRIPT, **{"reasoning": "", "tool_calls": (), "finish_reason": "stop", **changes})  # type: ignore[arg-type]


def encode_stream(encoder: StreamEncoder, deltas: tuple[Delta, ...] = DELTAS) -> list[bytes]:
    """Return what each step of a stream encodes to, without empty bytes."""
    steps = [encoder.start(), *(encoder.delta(delta) for delta in deltas), *encoder.finish(), encoder.done()]
    return [step for step in steps if step]


def parse_events(data: bytes) -> Iterator[dict[str, object]]:
    """Yield the data of events; each name must be the type in the data."""
    *events, rest = data.split(b"\n\n")
    assert rest == b""
    for lines in events:
        name, body = lines.split(b"\n")
        event: dict[str, object] = json.loads(body.removeprefix(b"data: "))
        assert name == f"event: {event['type']}".encode()
        yield event
