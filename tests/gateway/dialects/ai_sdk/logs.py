"""Logs made at random: whatever a generation may consist of."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from hypothesis import strategies as st

from gateway.protocol.errors import Code
from gateway.protocol.events import (
    Chunk,
    Complete,
    Error,
    Feedback,
    Part,
    Queued,
    Reasoning,
    Retry,
    Revision,
    SignedReasoning,
    Start,
    TextBatch,
    ToolCall,
)
from tests.gateway.dialects.ai_sdk.streams import COMPLETE, INTERRUPTED, failed

words = st.text(max_size=8) | st.sampled_from(("Chào ", "🙂", "\n\n", '"\\', "data: x\n\n", "[DONE]", "\u2028"))
pieces = st.lists(words, min_size=1, max_size=4)


def _call(index: int, arguments: Sequence[str], signature: str | None, call_id: str | None) -> list[object]:
    begun = ToolCall(index, call_id, "look", "", signature)
    return [begun, *(ToolCall(index, None, None, piece) for piece in arguments)]


calls = st.builds(
    _call,
    st.integers(0, 2),
    st.sampled_from((("{}",), ('{"a"', ':"🙂"}'), ("{",), (), ("null",), ("[1]",))),
    st.sampled_from((None, "c2ln")),
    st.none() | st.uuids().map(str),
)
parts = st.sampled_from(
    (
        Part("image", {"media_type": "image/png", "data": "AA=="}),
        Part("file", {"media_type": None, "url": "https://a.example/f"}),
        Part("audio", {"media_type": "audio/wav", "data": "AA=="}),
        Part("citation", {"url": "https://a.example/", "title": "A", "text": "cited", "source": {}, "format": "x"}),
        Part("citation", {"url": None, "title": None, "text": None, "source": {}, "format": "x"}),
        Part("redacted_reasoning", {"data": "x", "format": "anthropic"}),
        Part("server_tool", {"name": "web_search", "block": {"a": [1, None]}}),
        Part("refusal", {}),
        Part("logprobs", {"tokens": []}),
        Part("new_kind", {"a": 1}),
    )
)
signals = st.sampled_from(
    (
        Queued(3, 1500),
        Queued(1, None),
        Start("p", "m", 1, 1),
        Retry(1, 250, "timeout", "p"),
        Feedback("f_1", "note", None, 5),
    )
)
content = st.one_of(
    pieces.map(lambda made: [TextBatch.of(Chunk, made)]),
    pieces.map(lambda made: [TextBatch.of(Reasoning, made)]),
    words.map(lambda word: [SignedReasoning(word, "c2ln", "anthropic")]),
    calls,
    parts.map(lambda part: [part]),
    signals.map(lambda event: [event]),
)
texts = st.lists(content, max_size=6).map(lambda made: [event for events in made for event in events])
ends = st.one_of(
    st.sampled_from(("stop", "length", "tool_calls", "content_filter", "new", None)).map(
        lambda reason: replace(COMPLETE, finish_reason=reason)
    ),
    st.sampled_from((INTERRUPTED, replace(INTERRUPTED, by="disconnect", reason=None))),
    st.builds(failed, st.sampled_from(Code), partial=st.booleans()),
)


@dataclass(frozen=True)
class Answer:
    """The events of a log: texts, each of which replaces the one before, and an end."""

    texts: Sequence[Sequence[object]]
    end: Complete | Error

    @property
    def events(self) -> list[object]:
        found: list[object] = []
        for number, text in enumerate(self.texts, 1):
            if number > 1:
                found.append(Revision(number, None, None, "failover"))
            found += text
        return [*found, self.end]

    @property
    def text(self) -> str:
        return _joined(self.texts[-1], Chunk)

    @property
    def reasoning(self) -> str:
        return _joined(self.texts[-1], Reasoning, SignedReasoning)


answers = st.builds(Answer, st.lists(texts, min_size=1, max_size=3), ends)


def _joined(events: Iterable[object], *kinds: type) -> str:
    found = (event.text if isinstance(event, TextBatch) else event for event in events)
    return "".join(str(getattr(event, "content", "")) for event in found if isinstance(event, kinds))
