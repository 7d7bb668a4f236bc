"""Check the order of a run's events, as AG-UI's own client does (`verifyEvents` of @ag-ui/client 1.0.0).

`tests/integration/test_ag_ui.py` gives generated runs to that client itself.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from gateway.protocol.commands import JsonObject

_OPENS: Final[Mapping[str, tuple[str, str]]] = {
    "TEXT_MESSAGE_START": ("text", "messageId"),
    "TOOL_CALL_START": ("call", "toolCallId"),
    "REASONING_START": ("span", "messageId"),
    "REASONING_MESSAGE_START": ("reasoning", "messageId"),
    "STEP_STARTED": ("step", "stepName"),
}
_NEEDS: Final[Mapping[str, tuple[str, str]]] = {
    "TEXT_MESSAGE_CONTENT": ("text", "messageId"),
    "TOOL_CALL_ARGS": ("call", "toolCallId"),
    "REASONING_MESSAGE_CONTENT": ("reasoning", "messageId"),
}
_CLOSES: Final[Mapping[str, tuple[str, str]]] = {
    "TEXT_MESSAGE_END": ("text", "messageId"),
    "TOOL_CALL_END": ("call", "toolCallId"),
    "REASONING_END": ("span", "messageId"),
    "REASONING_MESSAGE_END": ("reasoning", "messageId"),
    "STEP_FINISHED": ("step", "stepName"),
}


def verify(events: Sequence[JsonObject]) -> None:
    """Check the events of a whole run."""
    kinds = [str(event["type"]) for event in events]
    assert kinds[0] == "RUN_STARTED"
    assert kinds.count("RUN_STARTED") == 1
    ends = [at for at, kind in enumerate(kinds) if kind in {"RUN_FINISHED", "RUN_ERROR"}]
    assert ends == [len(events) - 1]
    still_open: set[tuple[str, str]] = set()
    for event in events:
        kind = str(event["type"])
        for table in (_OPENS, _NEEDS, _CLOSES):
            if kind in table:
                entity = (table[kind][0], str(event[table[kind][1]]))
                assert (entity in still_open) is (table is not _OPENS), (kind, entity)
                (still_open.add if table is _OPENS else lambda _entity: None)(entity)
                if table is _CLOSES:
                    still_open.remove(entity)
        if "delta" in event:
            assert event["delta"] != ""
    assert not still_open
