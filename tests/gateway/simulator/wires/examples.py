"""One small script that has something of everything, and how its deltas go through a projection."""

import json
from collections.abc import Iterator
from dataclasses import replace

from gateway.simulator.script import Delta, Script, Usage
from gateway.simulator.tools import ToolCall
from gateway.simulator.wires.base import Answer, Frames

CALLS = (
    ToolCall(id="call_0a0b0c0d0e", name="look", arguments='{"at": "ễ"}'),
    ToolCall(id="call_1a1b1c1d1e", name="find", arguments="{}"),
)
SCRIPT = Script(
    reasoning="Hm, so.",
    text="Chào bạn",
    calls=CALLS,
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


def answer(identity: str, script: Script = SCRIPT, *, with_usage: bool = True) -> Answer:
    """Make an answer of a script."""
    return Answer(script=script, id=identity, created=5, model="sim", with_usage=with_usage)


def plain(**changes: object) -> Script:
    """Make a script of text alone."""
    return replace(SCRIPT, **{"reasoning": "", "calls": (), "finish_reason": "stop", **changes})  # type: ignore[arg-type]


def played(frames: Frames, deltas: tuple[Delta, ...] = DELTAS) -> list[bytes]:
    """Give all frames of a stream that are not empty."""
    found = [frames.start(), *(frames.delta(delta) for delta in deltas), *frames.finish(), frames.done()]
    return [frame for frame in found if frame]


def named(data: bytes) -> Iterator[dict[str, object]]:
    """Read events whose name is the type in their data."""
    *found, rest = data.split(b"\n\n")
    assert rest == b""
    for lines in found:
        name, body = lines.split(b"\n")
        event: dict[str, object] = json.loads(body.removeprefix(b"data: "))
        assert name == f"event: {event['type']}".encode()
        yield event
