"""The content of one delta, in the forms of servers. The transcripts have whole responses."""

import pytest

from gateway.protocol.commands import JsonObject
from gateway.protocol.errors import Code, Failed
from gateway.protocol.events import Chunk, Part, Reasoning, SignedReasoning
from gateway.upstreams.base import UpstreamEvent
from gateway.upstreams.formats.openai_chat_delta import DeltaReader
from gateway.upstreams.formats.openai_chat_parts import citation_of
from gateway.upstreams.formats.parts import REFUSAL


def read(*deltas: JsonObject) -> list[UpstreamEvent]:
    reader, events = DeltaReader(), list[UpstreamEvent]()
    for delta in deltas:
        reader.read(delta, events)
    return events


def image(**fields: str | None) -> Part:
    return Part("image", fields)


@pytest.mark.parametrize(
    ("delta", "events"),
    [
        ({"content": None, "tool_calls": None, "audio": None, "images": []}, []),
        ({"content": {"type": "text", "text": "x"}}, [Chunk("x")]),
        ({"content": ["x", {"type": "output_text", "text": "y"}, 7]}, [Chunk("x"), Chunk("y")]),
        ({"content": [{"type": "refusal", "refusal": "no"}]}, [REFUSAL, Chunk("no")]),
        (
            {"content": [{"type": "thinking", "thinking": "x", "signature": "S"}]},
            [Reasoning("x"), SignedReasoning("", "S", "openai")],
        ),
        (
            {"content": [{"type": "redacted_thinking", "data": "D"}]},
            [Part("redacted_reasoning", {"data": "D", "format": "anthropic"})],
        ),
        (
            {"content": [{"type": "reference", "reference_ids": [1, 2]}]},
            [citation_of({"type": "reference", "reference_ids": [1, 2]})],
        ),
        (
            {"content": [{"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "D"}}]},
            [image(media_type="image/png", data="D")],
        ),
        (
            {"content": [{"type": "file", "file": {"file_data": "data:text/csv;base64,D"}}]},
            [Part("file", {"media_type": "text/csv", "data": "D"})],
        ),
        ({"images": ["https://a.example/x.png"]}, [image(media_type=None, url="https://a.example/x.png")]),
        ({"images": [{"b64_json": "D"}, {}]}, [image(media_type=None, data="D")]),
        ({"audio": {"data": "D", "format": "wav"}}, [Part("audio", {"media_type": "audio/wav", "data": "D"})]),
        ({"reasoning": {"content": "x"}}, [Reasoning("x")]),
        ({"reasoning_details": [{"text": "x"}, {"summary": "y"}]}, [Reasoning("xy")]),
        ({"content": "x", "extra_content": {"google": {"thought": True}}}, [Reasoning("x")]),
        (
            {"annotations": [{"type": "file_citation", "file_citation": {"filename": "a.pdf"}}]},
            [citation_of({"type": "file_citation", "file_citation": {"filename": "a.pdf"}})],
        ),
    ],
)
def test_a_delta(delta: JsonObject, events: list[UpstreamEvent]) -> None:
    assert read(delta) == events


def test_content_that_can_not_be_carried_is_named() -> None:
    with pytest.raises(Failed, match="hologram") as failed:
        read({"content": [{"type": "hologram", "data": "D"}]})
    assert failed.value.code is Code.UNSUPPORTED_CONTENT


def test_a_whole_message_adds_only_what_has_not_come() -> None:
    reader, events = DeltaReader(), list[UpstreamEvent]()
    reader.read({"content": "x"}, events)
    reader.read_message({"content": "x", "reasoning": "r", "images": ["https://a.example/i"]}, events, repeats=True)
    assert events == [Chunk("x"), Reasoning("r"), image(media_type=None, url="https://a.example/i")]


def test_a_source_is_cited_once() -> None:
    reader, events = DeltaReader(), list[UpstreamEvent]()
    chunk: JsonObject = {"citations": ["u", "v"], "search_results": [{"url": "u", "title": "T", "snippet": "S"}]}
    for _ in range(2):
        reader.read_citations(chunk, events)
    assert events == [
        citation_of({"url": "u", "title": "T", "snippet": "S"}),
        citation_of({"url": "v"}),
    ]
