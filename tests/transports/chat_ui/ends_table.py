"""Each end of ours in AG-UI and TanStack AI: what tests expect, and the table in docs/reference/chat-uis.md."""

from typing import Final, NamedTuple

from gateway.protocol.errors import Code
from tests.gateway.dialects.ends_table import ENDS, End
from tests.transports.chat_ui.clients import AG_UI, TANSTACK, Json

TITLES: Final = {AG_UI: "AG-UI", TANSTACK: "TanStack AI"}
CUT: Final = "cut"

_FINISHED: Final = ("`RUN_FINISHED`, `success`, `{}`",) * 2
_CANCELLED: Final = ("`RUN_FINISHED`, `cancelled`",) * 2
_CALLS: Final = (
    "`RUN_FINISHED`, `success` with `pendingToolCallIds`, `tool_calls`",
    "`RUN_FINISHED`, `interrupt`, `tool_calls`",
)
_REASONS: Final = {
    "complete": "stop",
    "length": "length",
    "filtered by the provider": "content_filter",
    "refusal by the model": "stop",
}


class Expected(NamedTuple):
    """An end, and how it looks by path."""

    end: End
    ag_ui: str
    tanstack: str

    def at(self, path: str) -> str:
        """Return how it looks at a path."""
        return self.ag_ui if path == AG_UI else self.tanstack


def _expected(end: End) -> Expected:
    if end.title in _REASONS:
        return Expected(end, *(form.replace("{}", _REASONS[end.title]) for form in _FINISHED))
    if end.title == "tool calls":
        return Expected(end, *_CALLS)
    if end.code is None:
        return Expected(end, *_CANCELLED)
    error = f"`RUN_ERROR`, `{end.code.value}`"
    return Expected(end, CUT if end.streamed[0] == CUT else error, error)


EXPECTED: Final = [_expected(end) for end in ENDS]


def form_of(events: list[Json], *, is_cut: bool) -> str:
    """Return how the events of a run end."""
    if is_cut:
        return CUT
    last = events[-1]
    if last["type"] == "RUN_ERROR":
        assert last["code"] in set(Code)
        return f"`RUN_ERROR`, `{last['code']}`"
    outcome, reason = last["outcome"], last["metadata"]["dualstream"].get("finish_reason")
    kind = f"`RUN_FINISHED`, `{outcome['type']}`"
    pending = " with `pendingToolCallIds`" if "pendingToolCallIds" in outcome else ""
    return kind + pending + (f", `{reason}`" if reason else "")


def ends_table() -> str:
    """Return the table of ends after the first content."""
    rows = [["end", *TITLES.values()], ["---"] * 3]
    rows += [[expected.end.title, expected.ag_ui, expected.tanstack] for expected in EXPECTED]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)
