"""Text that continues after white space which was not sent."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.generation.continuation import Continuation
from gateway.protocol.events import Chunk, Reasoning, TextBatch

space = st.text(" \n\t", max_size=4)
word = st.text("ab\u00e9", min_size=1, max_size=4)


def join(continuation: Continuation, pieces: list[str]) -> str:
    """Return the text of all pieces; each arrives alone."""
    joined = [event for piece in pieces for event in continuation.join([Chunk(piece)])]
    return "".join(event.content for event in joined if isinstance(event, Chunk))


@given(word, space, word, st.integers(0, 8))
def test_repeated_white_space_is_removed_however_it_is_split(text: str, end: str, rest: str, cut: int) -> None:
    continuation = Continuation(text + end)
    assert continuation.prefix == text
    assert continuation.has_overlap == bool(end)
    repeated = end + rest
    assert join(continuation, [repeated[:cut], repeated[cut:]]) == rest


@given(word, space, word, st.integers(0, 8))
def test_text_that_does_not_repeat_white_space_is_unchanged(text: str, end: str, rest: str, cut: int) -> None:
    assert join(Continuation(text + end), [rest[:cut], rest[cut:]]) == rest


def test_a_batch_is_split_and_other_content_is_unchanged() -> None:
    continuation = Continuation("Once ")
    batch = TextBatch.of(Chunk, [" ", "upon", " a"])
    assert continuation.join([Reasoning(" "), batch]) == [Reasoning(" "), Chunk("upon"), Chunk(" a")]
