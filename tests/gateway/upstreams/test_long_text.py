"""Long text of a provider, cut into several events."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from gateway.protocol.events import Chunk, Part, Reasoning, ToolCall, encode
from gateway.upstreams.base import Finished, UpstreamEvent
from gateway.upstreams.long_text import MAX_CHARS, cut_long

lengths = st.sampled_from([0, 1, MAX_CHARS - 1, MAX_CHARS, MAX_CHARS + 1, 3 * MAX_CHARS, 5 * MAX_CHARS + 7])
texts = st.builds(lambda character, length: character * length, st.characters(codec="utf-8"), lengths)
events = st.one_of(
    texts.map(Chunk),
    texts.map(Reasoning),
    st.builds(ToolCall, st.integers(0, 1), st.sampled_from([None, "c"]), st.sampled_from([None, "f"]), texts),
    st.just(Finished("stop")),
    st.just(Part("image", {"data": "A" * 100_000})),
)


def whole(cut: Sequence[UpstreamEvent]) -> list[UpstreamEvent]:
    """Join the pieces of each event again: those that follow a piece of full length."""
    joined, is_full = list[UpstreamEvent](), False
    for event in cut:
        last = joined[-1] if joined else None
        if isinstance(event, ToolCall):
            is_piece = isinstance(last, ToolCall) and is_full and event.id is None and event.index == last.index
            if is_piece and isinstance(last, ToolCall):
                joined[-1] = ToolCall(last.index, last.id, last.name, last.arguments + event.arguments)
            else:
                joined.append(event)
            is_full = len(event.arguments) == MAX_CHARS
        elif isinstance(event, Chunk | Reasoning):
            if isinstance(last, type(event)) and is_full:
                joined[-1] = type(event)(last.content + event.content)
            else:
                joined.append(event)
            is_full = len(event.content) == MAX_CHARS
        else:
            joined.append(event)
            is_full = False
    return joined


@given(events)
def test_the_pieces_are_the_event_and_none_is_too_long(event: UpstreamEvent) -> None:
    cut = [*cut_long([event])]
    assert whole(cut) == [event]
    for piece in cut:
        if isinstance(piece, Chunk | Reasoning | ToolCall):
            assert len(encode(piece)) <= 6 * MAX_CHARS + 200


def test_the_signature_stays_with_the_first_piece() -> None:
    first, second = cut_long([ToolCall(1, "c", "f", "x" * (MAX_CHARS + 1), "sig")])
    assert first == ToolCall(1, "c", "f", "x" * MAX_CHARS, "sig")
    assert second == ToolCall(1, None, None, "x")
