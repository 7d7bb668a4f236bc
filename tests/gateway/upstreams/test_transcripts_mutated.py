"""Transcripts with values and names exchanged at random: every answer is read, or fails as the protocol says."""

import json
from collections.abc import Iterator
from random import Random

import pytest

from gateway.protocol.errors import Failed
from gateway.protocol.events import Chunk, Part, Reasoning, SignedReasoning, ToolCall, encode
from gateway.upstreams.base import Finished, UpstreamEvent
from tests.gateway.upstreams.raw_server import KEY
from tests.gateway.upstreams.transcripts.case import FORMATS, Api
from tests.gateway.upstreams.transcripts.table import CASES

ROUNDS = 1500
ODD: list[object] = [None, True, 0, -1, 1.5, "", [], {}, "x", 2**70, "\ud83d"]


def decoded(stream: bytes) -> list[object]:
    """Return the JSON of a stream's events, without those that have none."""
    lines = [line[6:] for line in stream.splitlines() if line.startswith(b"data: {")]
    return [json.loads(line) for line in lines if line.endswith(b"}")]


def values_in(value: object) -> Iterator[object]:
    yield value
    if isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from values_in(inner)


def mutated(value: object, values: list[object], random: Random) -> object:
    """Return a value with some parts exchanged for others of the same API, and some left out."""
    if random.random() < 0.06:
        return random.choice(values)
    if isinstance(value, dict):
        kept = [name for name in value if random.random() > 0.03]
        return {name: mutated(value[name], values, random) for name in kept}
    return [mutated(each, values, random) for each in value] if isinstance(value, list) else value


def check(events: list[UpstreamEvent]) -> None:
    """Check that clients can be sent the events, and that calls are numbered in their order."""
    calls = 0
    for event in events:
        if isinstance(event, Chunk | Reasoning | SignedReasoning | ToolCall | Part):
            assert encode(event)
        if isinstance(event, ToolCall):
            assert event.index <= calls
            calls = max(calls, event.index + 1)
        if isinstance(event, Finished):
            assert event.reason is None or event.reason.isascii()


@pytest.mark.parametrize("api", FORMATS)
def test_any_answer_is_read_or_fails(api: Api) -> None:
    random = Random(api)
    streams = [decoded(case.bytes) for case in CASES if case.api == api and case.is_stream]
    values = [*ODD, *(inner for stream in streams for event in stream for inner in values_in(event))]
    for _ in range(ROUNDS):
        reader, events = FORMATS[api]().reader(KEY), list[UpstreamEvent]()
        for event in [*random.choice(streams), *random.choice(streams)]:
            data = json.dumps(mutated(event, values, random)).encode()
            try:
                reader.read(data, events)
            except Failed:
                break
        check(events)
