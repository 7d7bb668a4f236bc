"""Logs made at random: any content, in any order, as the worst provider may bring it."""

from collections.abc import Sequence
from typing import Final

from hypothesis import strategies as st

from gateway.protocol.events import (
    Chunk,
    Feedback,
    Part,
    Queued,
    Reasoning,
    Retry,
    Revision,
    SignedReasoning,
    ToolCall,
)
from tests.gateway.dialects.ag_ui.runs import COMPLETE, INTERRUPTED, REVISION, START, failed

words = st.sampled_from(("Xin ", "chào", "", "🙂", '"\\', "data: x\n\n", "\u2028"))
pieces = st.sampled_from(('{"a":', "1}", "{}", "", '"}'))
indexes = st.integers(0, 2)
ids = st.sampled_from(("c", "d", None))
contents = st.one_of(
    st.builds(Chunk, words),
    st.builds(Chunk, words),
    st.builds(Reasoning, words),
    st.builds(SignedReasoning, words, st.just("s"), st.sampled_from(("anthropic", "gemini"))),
    st.builds(ToolCall, indexes, ids, st.just("look"), pieces, st.sampled_from((None, "s"))),
    st.builds(ToolCall, indexes, st.none(), st.none(), pieces),
    st.sampled_from(
        (
            Part("image", {"data": "AAAA", "media_type": "image/png"}),
            Part("redacted_reasoning", {"data": "x", "format": "anthropic"}),
            Part("refusal", {}),
        )
    ),
)
signals = st.sampled_from(
    (
        Queued(1, None),
        START,
        Retry(1, 10, "rate_limit", "p"),
        Feedback("f", "note", None, 1),
        REVISION,
        Revision(3, None, None, "failover"),
    )
)
ends: Final = st.sampled_from((COMPLETE, INTERRUPTED, failed("server_error"), failed("truncated")))
logs: st.SearchStrategy[Sequence[object]] = st.builds(
    lambda middle, end: [*middle, end], st.lists(contents | contents | contents | signals, max_size=25), ends
)
