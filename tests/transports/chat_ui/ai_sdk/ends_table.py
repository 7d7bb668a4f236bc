"""Each end of ours in the AI SDK: what tests expect, and the table in docs/reference/chat-uis.md."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from gateway.protocol.errors import Code
from tests.gateway.dialects.ai_sdk.streams import Json
from tests.gateway.dialects.ends_table import ENDS, End

_FINISHED: Final = {
    "complete": "stop",
    "length": "length",
    "tool calls": "tool-calls",
    "filtered by the provider": "content-filter",
    "refusal by the model": "stop",
}
_KEPT: Final = {Code.OUTPUT_LIMIT: "length", Code.CONTENT_FILTER: "content-filter"}


class Expected(NamedTuple):
    """An end, its last chunks, and the `status` of `useChat`."""

    end: End
    chunks: str
    status: str


def _expected(end: End) -> Expected:
    if end.title in _FINISHED:
        return Expected(end, f"`finish` `{_FINISHED[end.title]}`", "ready")
    if end.code is None:
        return Expected(end, "`abort`, `finish` `other`", "ready")
    if end.code in _KEPT:
        return Expected(end, f"`finish` `{_KEPT[end.code]}`", "ready")
    return Expected(end, "`error`, `finish` `error`", "error")


EXPECTED: Final = [_expected(end) for end in ENDS]


def form_of(chunks: Sequence[Json]) -> str:
    """Return how the chunks of a stream end."""
    *_, before, last = chunks
    assert last["type"] == "finish"
    ended = f"`finish` `{last['finishReason']}`"
    return f"`{before['type']}`, {ended}" if before["type"] in {"abort", "error"} else ended


def ends_table() -> str:
    """Return the table of ends after the first content."""
    rows = [["end", "last chunks", "`status`"], ["---"] * 3]
    rows += [[expected.end.title, expected.chunks, f"`{expected.status}`"] for expected in EXPECTED]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)
